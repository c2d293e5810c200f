"""Updates a season: each field bloomed, did not bloom, or was not seen.

A recorded acquisition starts a run whose partition key is its season; acquisitions that are
recorded at the same moment share one. Runs follow one another, and each is created after the
recording that triggered it, so the last run of a season includes everything. A run can be repeated,
and its cost follows the amount of change.

By hand: trigger it with the parameter `season`, or without it for every season.

### Triage
- *DatabaseUnavailable*: see `tulip doctor`, then clear the task.
- *SchemaOutdated*: run `tulip database migrate`, then clear the task.
- *A season lacks an acquisition*: its run in `tulip_acquisition` failed or was skipped before
  `record`; see its log.
- *Runs wait in the queue*: they follow one another. Nothing to do.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param, PartitionedAssetTimetable
from tulip_airflow.retries import DEFAULTS
from tulip_airflow.tasks import SEASONS, step

SEASON = "{{ partition_key or params.season or '' }}"

with DAG(
    dag_id="tulip_history",
    description="One run per season that changed: fields, and what bloomed.",
    doc_md=__doc__,
    schedule=PartitionedAssetTimetable(assets=SEASONS),
    catchup=False,
    max_active_runs=1,
    default_args={**DEFAULTS, "map_index_template": SEASON},  # Airflow's lists show it per task
    tags=["tulip", "history"],
    params={
        "season": Param(
            None,
            type=["null", "integer"],
            minimum=2015,
            maximum=2100,
            description="Calendar year of the bloom. Empty: every season with detections.",
        )
    },
):
    step(
        "history",
        "{{ '--season=' ~ (partition_key or params.season) if partition_key or params.season }}",
        doc_md="Runs `tulip history` for the season of the partition key, or of the parameter.",
    )
