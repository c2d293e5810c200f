"""Once a day: what is new over the areas? Starts one run per acquisition.

**When.** Daily at 05:00 UTC. Sentinel-2 passes at about 10:30 local solar time and Level-2A
follows within hours, nearly always before the next morning, so that the overpass of the day before
is carried through when the day's work begins. What is published later is found a day later: every
discovery looks back over many days. Unpausing the DAG for the first time starts nothing by itself.

**Which sources.** Each area's own (`tulip aoi list`), in their order, until one answers and is
fresh. The next one is asked when a source is silent, when its credential is refused, or when its
newest item over the area is too old: two overpasses of the satellites that fly over the area
should be there and are not (`tulip revisit`), or TULIP_STALE_AFTER_DAYS have passed. What is wrong
with a source stays in `tulip.open_alerts` until a look sees it gone, and as long the task `alerts`
fails, and with it the run. That hinders nothing: what `discover` found is carried all the same.

**Late, reprocessed.** The log says which overpasses are late and which come next. A reprocessing
has an id of its own, or a newer baseline behind a known id: both are carried, and the newest of an
overpass supersedes the others when its season is rolled up.

**By hand.** Trigger it with an area, a source, a number of days or a range of dates; `since` wins
over `look_back_days`. Finding the same again is harmless: the ledger `tulip.acquisition` decides
what is new.

**Never lost, never twice.** `tulip discover` puts an id into the ledger before Airflow hears of
it. If the task dies in between, the ledger has the id and no run carries it. Such an id is
*pending*: in the ledger, and no step has begun. So is one whose run failed after its retries half a
day ago or longer: a source that was away for hours costs a day, and nothing. A retry, or a later
discovery, starts pending ids as well, but only while no run of `tulip_acquisition` is queued or
running: a queued run has not begun either, and would be started twice. The same heals ids that were
found while `tulip_acquisition` was paused, because Airflow gives a paused DAG no runs.

### Triage
- *`alerts` failed, `discover` did not*: a source is silent, refused or stale; the log says which,
  since when, and over which area. With another source in the area's order nothing is missing:
  wait, or mend the credential that it names. Without one, add one: `tulip aoi add FILE --source`
  (docs/how-to/sources.md). `tulip doctor` asks every source. The next look ends the alert.
- *Failed after retries*: no source of any area answers, or the database does not. See the last
  lines of the log and `tulip doctor`. The next day's run makes up for what was missed.
- *Failed at once*: no area or source has that name, or a setting is bad; the log says which. See
  `tulip aoi list` and `tulip settings`.
- *Success, but nothing to emit*: all is known already, or lies outside the areas. The log counts
  what is known; try `tulip discover --since YYYY-MM-DD` by hand.
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
from tulip_airflow.tasks import ACQUISITIONS, step, to_start

PARAMS, SELECTION = selection(
    "--since", since="First day of sensing, YYYY-MM-DD; wins over look_back_days."
)

with DAG(
    dag_id="tulip_discover",
    description="Daily: what is new over the areas? Starts one run per acquisition.",
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
        keys=to_start,
        doc_md="Runs `tulip discover` and emits one partition per id to start.",
    )
    discover >> step(
        "alerts",
        doc_md="Runs `tulip alerts`: fails while a source is silent, refused or stale, so that"
        " people see it.",
        timeout=timedelta(minutes=10),
        retries=0,
    )
