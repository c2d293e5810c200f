"""Processes one acquisition from pixels to polygons in PostGIS.

One run per acquisition, so that a bad scene fails its own run only. `tulip_discover` starts the
runs; the acquisition id is their partition key. By hand: trigger the DAG with the parameter
`acquisition_id`, or over REST:

    POST /api/v2/dags/tulip_acquisition/dagRuns
    {"logical_date": null, "conf": {"acquisition_id": "S2B_31UFU_20260420_0_L2A"}}

Every task is the command `tulip <step> <id>` and can be repeated, here or in a terminal: a product
that is complete and was made from the same inputs by the same model is not made again. Clearing a
task runs it and everything after it once more.

**Results.** *success*: recorded, and `tulip_history` runs for the season. Or a step was *skipped*,
which is a result (too cloudy, outside every area) and not an error. *failed*: a step failed, the
steps after it did not run, and no product is incomplete.

**Retries.** Bad input (exit code 2) is not retried. Other failures, and commands that were killed,
are retried twice, the first time within a minute.

**Limits.** Three runs at a time; their `screen` and `segment` tasks share the slots of the pool
`tulip_networks`.

### Triage
Find the run by its partition key (Filter, in the list of runs), or ask the ledger:
`select * from tulip.attempt where acquisition_id = '<id>'`. The log of the task that failed first
ends with one line that names the error; the ledger has the same line.

- *"no acquisition", "is not an acquisition id"*: started by hand without an id, or with a wrong
  one. Start a new run.
- *AcquisitionNotFound*: neither the ledger nor a source has it. Check the id, or search further
  back with `tulip discover --since YYYY-MM-DD`.
- *SourceUnavailable, DatabaseUnavailable*: see `tulip doctor`, then clear the failed task.
- *UnreadableRaster, BandMissing, NothingValid, OffsetContradiction*: the scene itself is bad.
  Inspect it at its source. Leave the run failed; no other run is affected.
- *ProductMissing, ProductDamaged*: an earlier product is missing or was changed. Clear the run from
  `acquire` on.
- *ModelNotFound, ModelDamaged*: the folder `models/` is incomplete or damaged. See `tulip models
  verify`, then clear the failed task.
- *Ended by SIGKILL*: usually for lack of memory. Give `tulip_networks` fewer slots, or set a
  smaller TULIP_THREADS, then clear the failed task.
- *screen or segment stays scheduled*: the pool `tulip_networks` is full or missing; see Admin,
  Pools.
- *OutOfMemory, NotScheduled, ImageNotPulled, ClusterRefuses* and the like: a pod of the cluster
  (TULIP_RUNTIME=kubernetes); docs/how-to/kubernetes.md has the table.
- *Timeout*: a source that hangs, or a machine that is far too slow. The log shows how far it came.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.sdk import DAG, Param, PartitionedAssetTimetable, chain
from tulip_airflow.params import ACQUISITION_ID, acquisition_of
from tulip_airflow.retries import DEFAULTS
from tulip_airflow.tasks import ACQUISITION_DAG, ACQUISITIONS, SEASONS, step

if TYPE_CHECKING:
    from airflow.sdk import Context

ID = "{{ acquisition_of(partition_key, params) }}"


def season_of(_: str, context: Context) -> list[str]:
    """The calendar year in `S2B_31UFU_20260420_0_L2A`; ignores the output of `tulip record`.

    Every success emits it, even without a change: after a task that died before Airflow noticed its
    success, the repeated `record` changes nothing.
    """
    day = acquisition_of(context["partition_key"], context["params"]).split("_")[2]
    return [day[:4]]


with DAG(
    dag_id=ACQUISITION_DAG,
    description="One run per acquisition: acquire, screen, segment, vectorize, record.",
    doc_md=__doc__,
    schedule=PartitionedAssetTimetable(assets=ACQUISITIONS),
    catchup=False,
    max_active_runs=3,
    default_args={**DEFAULTS, "map_index_template": ID},  # Airflow's lists show it per task
    user_defined_macros={"acquisition_of": acquisition_of},
    tags=["tulip", "acquisition"],
    params={
        "acquisition_id": Param(
            None,
            type=["null", "string"],
            pattern=ACQUISITION_ID,
            description="Which acquisition to process, such as S2B_31UFU_20260420_0_L2A;"
            " needed when you start a run by hand.",
        )
    },
):
    chain(
        step(
            "acquire",
            ID,
            doc_md="Reads the pixels over the areas and writes `reflectance.tif` on the tile's"
            " 10 m grid. Skipped: the scene lies outside every area.",
        ),
        step(
            "screen",
            ID,
            timeout=timedelta(hours=2),
            doc_md="Runs the cloud filter and writes `cloud.tif`. Skipped: too little ground is"
            " clear (TULIP_MINIMUM_CLEAR).",
        ),
        step(
            "segment",
            ID,
            timeout=timedelta(hours=2),
            doc_md="Runs the U-Net and writes `tulip.tif`: probability of tulips and of bloom.",
        ),
        step(
            "vectorize",
            ID,
            doc_md="Turns probabilities into polygons with statistics: `detections.parquet`.",
        ),
        step(
            "record",
            ID,
            outlet=SEASONS,
            keys=season_of,
            trigger_rule="none_failed",  # history needs skipped acquisitions: not seen
            doc_md="Writes the detections into PostGIS in one transaction, then starts"
            " `tulip_history` for the season. After a skipped step there is nothing to write, but"
            " the history needs to know what was not seen.",
        ),
    )
