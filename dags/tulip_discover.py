"""Finds new acquisitions over the areas once a day, and starts one run for each.

**When.** Daily at 05:00 UTC. Sentinel-2 passes at about 10:30 local solar time and Level-2A
follows within hours, nearly always before the next morning, so the overpass of the day before is
processed when the working day begins. Later publications are found a day later: every discovery
looks back over many days. Unpausing the DAG for the first time starts no run.

**Which sources.** Each area's own (`tulip aoi list`), in their order, until one answers and is
fresh. The next one is queried when a source is silent, when its credential is refused, or when its
newest item over the area is too old: two expected overpasses are missing (`tulip revisit`), or
TULIP_STALE_AFTER_DAYS have passed. A problem of a source is listed in `tulip.open_alerts` until a
query finds it solved. Until then the task `alerts` fails, and with it the run. This does not affect
the acquisitions that `discover` found.

**Late, reprocessed.** The log lists late overpasses and the next ones. A reprocessing has an id of
its own, or a newer baseline of a known id: both are processed, and the newest of an overpass
supersedes the others in the next history of its season.

**By hand.** Trigger it with an area, a source, a number of days or a range of dates; `since` wins
over `look_back_days`. Repeated discoveries are harmless: the ledger `tulip.acquisition` decides
what is new.

**Never lost, never twice.** `tulip discover` writes an id into the ledger before Airflow gets it.
If the task dies in between, the ledger has the id without a run. Such an id is *pending*: in the
ledger, and no step has begun. An id is pending again half a day after its run failed with all
retries: if a source was unavailable for hours, its acquisitions come a day later. A retry, or a
later discovery, starts pending ids as well, but only while no run of `tulip_acquisition` is queued
or running: a queued run has not begun either, and would be started twice. This also covers ids
that were found while `tulip_acquisition` was paused, because Airflow creates no runs of a paused
DAG.

### Triage
- *`alerts` failed, `discover` did not*: a source is silent, refused or stale; the log shows which,
  since when, and over which area. With another source in the area's order nothing is missing:
  wait, or correct the credential in the message. Otherwise add one: `tulip aoi add FILE --source`
  (docs/how-to/sources.md). `tulip doctor` tests every source. The next query ends the alert.
- *Failed after retries*: no source of any area answers, or the database does not. See the last
  lines of the log and `tulip doctor`. The next day's run finds what was missed.
- *Failed at once*: no area or source has that name, or a setting is wrong; the log names it. See
  `tulip aoi list` and `tulip settings`.
- *Success, but nothing to emit*: all acquisitions are known, or lie outside the areas. The log
  counts the known ones; try `tulip discover --since YYYY-MM-DD` by hand.
- *"left for the next time" in the log*: ids are pending while other runs are alive. Nothing
  to do, or trigger this DAG again when `tulip_acquisition` is idle.
- *Success, but `tulip_acquisition` has no new runs*: it is paused. Unpause it, then trigger this
  DAG again.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, CronTriggerTimetable, Param
from tulip_airflow.params import option, selection
from tulip_airflow.retries import DEFAULTS
from tulip_airflow.tasks import ACQUISITIONS, partitions_to_start, step

PARAMS, SELECTION = selection(
    "--since", since="First day of sensing, YYYY-MM-DD; wins over look_back_days."
)

with DAG(
    dag_id="tulip_discover",
    description="Daily: finds new acquisitions over the areas, starts one run for each.",
    doc_md=__doc__,
    # Without timedelta(0) an unpausing until 07:24 would start the run of 05:00.
    schedule=CronTriggerTimetable("0 5 * * *", timezone="UTC", run_immediately=timedelta(0)),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    tags=["tulip", "daily"],
    params={
        **PARAMS,
        "look_back_days": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            maximum=7300,
            description="Days to look back. Empty: TULIP_LOOK_BACK_DAYS, which is 60 unless set.",
        ),
    },
):
    discover = step(
        "discover",
        *SELECTION,
        option("--look-back", "look_back_days"),
        "--json",
        outlet=ACQUISITIONS,
        keys=partitions_to_start,
        doc_md="Runs `tulip discover` and emits one partition per id to start.",
    )
    discover >> step(
        "alerts",
        doc_md="Runs `tulip alerts`: fails while a source is silent, refused or stale, to make it"
        " visible.",
        timeout=timedelta(minutes=10),
        retries=0,
    )
