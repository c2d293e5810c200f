"""Processes what is left of a range of days: years of archive, or a month that was missed.

**What.** `estimate` searches the sources for acquisitions over the area in these days, subtracts
those that the ledger has as done, and prints what is left: acquisitions, bytes before compression,
processing units of Sentinel Hub, and hours at the throughput that the ledger measured over the
area. If nothing is left, everything after it is skipped. With `dry_run` it ends there.

**How.** `engine` chooses one of two ways:

- *airflow* (the default): `start` puts the ids into the ledger and starts one run of
  `tulip_acquisition` for each, as a discovery does. Right for dozens; each run fails alone and
  is in the list of runs.
- *beam*: `beam` processes them all as one Beam pipeline, on this machine or on a cluster: the same
  steps, products and rows, the networks loaded once for each worker. Right for hundreds and more.
  `runner`, `workers` and `flags` choose where (docs/how-to/beam.md).

**History.** After `beam` the task `history` updates every season that changed. With *airflow* each
recorded acquisition starts `tulip_history` for its season.

**Budget.** The oldest acquisitions are processed first, as far as `budget` reaches by estimate; the
log counts those beyond it, and a later run processes them. TULIP_UNITS_PER_RUN and
TULIP_UNITS_PER_MONTH limit the real cost, independent of the estimate.

**Again.** A repeated or resumed run processes what is left and nothing else.

### Triage
- *`estimate` failed at once*: no area or source has that name, a day is missing, or `since` is
  later than `until`; its last line names it.
- *`estimate` was skipped*: nothing is left to process. See `tulip aoi list` and `since`.
- *"the budget has no room for ... more" in its log*: repeat it next month, or with a larger one.
- *`beam` failed*: either the runner gave up or lost a worker, usually for lack of memory (use fewer
  `workers`), or single acquisitions failed: their reasons are in dead letters in the store, whose
  path is in the log, and in `tulip.attempt`. Retries process only what is left. Clear the task when
  the reason is gone.
- *`start` succeeded, but runs are missing*: `tulip_acquisition` is paused. Unpause it and run this
  DAG again.
- *"left for the next time" in the log of `start`*: ids are pending while other runs are alive. Run
  this DAG again when `tulip_acquisition` is idle.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Param
from tulip_airflow.beam_operator import beam_task
from tulip_airflow.params import option, selection
from tulip_airflow.retries import DEFAULTS
from tulip_airflow.tasks import ACQUISITIONS, partitions_to_start, skip_if, step

PARAMS, WHICH = selection(
    "--from", since="First day of sensing, YYYY-MM-DD; without it the run fails at once."
)
SELECTION = (*WHICH, option("--budget", "budget"))
DRY = (lambda params: bool(params["dry_run"]), "a dry run ends with its estimate")

with DAG(
    dag_id="tulip_backfill",
    description="By hand: what is left of a range of days, by single runs or as one Beam pipeline.",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    tags=["tulip", "backfill"],
    params={
        **PARAMS,
        "budget": Param(
            None,
            type=["null", "number"],
            minimum=0,
            description="Processing units that reading may cost, by estimate. Empty: no limit"
            " but TULIP_UNITS_PER_RUN.",
        ),
        "dry_run": Param(
            None, type=["null", "boolean"], description="Only estimate. Empty: process too."
        ),
        "engine": Param(
            None,
            type=["null", "string"],
            enum=[None, "airflow", "beam"],
            description="airflow: one run per acquisition, or beam: one pipeline for all. Empty:"
            " airflow.",
        ),
        "runner": Param(
            None,
            type=["null", "string"],
            description="Runner of Beam, such as FlinkRunner. Empty: DirectRunner, this machine.",
        ),
        "workers": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            description="Processes of DirectRunner and DaskRunner. Empty: one.",
        ),
        "flags": Param(
            None,
            type=["null", "string"],
            description="One more option of the runner, such as --flink_master=flink:8081."
            " Empty: none.",
        ),
    },
):
    estimate = step(
        "backfill",
        "--dry-run",
        *SELECTION,
        task_id="estimate",
        doc_md="Runs `tulip backfill --dry-run`: lists what is left and estimates its cost."
        " Skipped: nothing is left.",
    )
    start = step(
        "backfill",
        *SELECTION,
        "--json",
        task_id="start",
        outlet=ACQUISITIONS,
        keys=partitions_to_start,
        pre_execute=skip_if(
            DRY, (lambda params: params["engine"] == "beam", "the engine is beam, not airflow")
        ),
        doc_md="Engine airflow: puts what is left into the ledger, and emits one partition per id.",
    )
    beam = beam_task(
        runner="{{ params.runner or 'DirectRunner' }}",
        options={
            "area": "{{ params.area or '' }}",
            "source": "{{ params.source or '' }}",
            "from": "{{ params.since or '' }}",
            "until": "{{ params.until or '' }}",
            "budget": "{{ '' if params.budget is none else params.budget }}",
            "workers": "{{ params.workers or '' }}",
            "flag": "{{ params.flags or '' }}",
            "run-id": "beam {{ run_id }}",
        },
        pre_execute=skip_if(
            DRY, (lambda params: params["engine"] != "beam", "the engine is airflow, not beam")
        ),
        doc_md="Engine beam: runs `tulip beam`, by the operator of Airflow's Beam provider.",
    )
    estimate >> [start, beam]
    beam >> step(
        "history",
        timeout=timedelta(hours=2),
        doc_md="After `beam`: runs `tulip history` for every season that changed.",
    )
