"""Carries one acquisition from pixels to polygons in PostGIS.

One run per acquisition, so that a bad scene fails its own run only. `tulip_discover` starts the
runs; the acquisition id is their partition key. By hand: trigger the DAG with the parameter
`acquisition_id`, or over REST:

    POST /api/v2/dags/tulip_acquisition/dagRuns
    {"logical_date": null, "conf": {"acquisition_id": "S2B_31UFU_20260420_0_L2A"}}

Every task is the command `tulip <step> <id>` and can be repeated, here or in a terminal: what is
there, whole and made from the same inputs by the same model is not made again. Clearing a task
runs it and everything after it once more.

**Ends.** *success*: recorded, and `tulip_history` is told the season. Or a step was *skipped*,
which is a verdict (too cloudy, outside every area) and no error. *failed*: a step failed, the
steps after it did not run, and nothing is half-written.

**Retries.** Bad input (exit code 2) is not retried. Other failures, and commands that were killed,
are retried twice, the first time within a minute.

**Limits.** Three runs at a time; of all their `screen` and `segment` tasks as many as the pool
`tulip_networks` has slots.

### Triage
Find the run by its partition key (Filter, in the list of runs), or ask the ledger:
`select * from tulip.attempt where acquisition_id = '<id>'`. The log of the task that failed first
ends with one line that names the fact; the ledger keeps the same line.

- *"no acquisition", "is not an acquisition id"*: started by hand without an id, or with a wrong
  one. Start a new run.
- *AcquisitionNotFound*: neither the ledger nor a source knows it. Check the id, or look further
  back with `tulip discover --since YYYY-MM-DD`.
- *SourceUnavailable, DatabaseUnavailable*: see `tulip doctor`, then clear the failed task.
- *UnreadableRaster, BandMissing, NothingValid, OffsetContradiction*: the scene itself is bad. Look
  at it where it came from. Leave the run failed; no other run is touched.
- *ProductMissing, ProductDamaged*: an earlier product is gone or was changed. Clear the run from
  `acquire` on.
- *ModelNotFound, ModelDamaged*: the folder `models/` does not fit. See `tulip models verify`, then
  clear the failed task.
- *Ended by SIGKILL*: mostly for lack of memory. Give `tulip_networks` fewer slots, or set a smaller
  TULIP_THREADS, then clear the failed task.
- *screen or segment stays scheduled*: the pool `tulip_networks` is full or missing; see Admin,
  Pools.
- *OutOfMemory, NotScheduled, ImageNotPulled, ClusterRefuses* and the like: a pod of the cluster
  (TULIP_RUNTIME=kubernetes); docs/how-to/kubernetes.md has the table.
- *Timeout*: a hanging source, or a machine that is far too slow. The log says how far it came.
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
    """The calendar year in `S2B_31UFU_20260420_0_L2A`, whatever `tulip record` printed.

    It is told after every success, also when nothing was changed: a record whose task died before
    Airflow heard of its success changes nothing when it is repeated.
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
            description="Which acquisition to carry through, such as S2B_31UFU_20260420_0_L2A;"
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
            doc_md="The cloud filter: where is the ground clear? Writes `cloud.tif`. Skipped: too"
            " little is clear (TULIP_MINIMUM_CLEAR).",
        ),
        step(
            "segment",
            ID,
            timeout=timedelta(hours=2),
            doc_md="The U-Net: where do tulips grow, where do they flower? Writes `tulip.tif`.",
        ),
        step(
            "vectorize",
            ID,
            doc_md="Turns probabilities into polygons with their figures: `detections.parquet`.",
        ),
        step(
            "record",
            ID,
            outlet=SEASONS,
            keys=season_of,
            trigger_rule="none_failed",  # what was skipped has not seen its fields: history asks
            doc_md="Writes the detections into PostGIS in one transaction, then tells"
            " `tulip_history` the season. After a skipped step there is nothing to write, but the"
            " season must know what was not seen.",
        ),
    )
