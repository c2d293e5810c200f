"""The DAGs, driven through Airflow's REST API as a user would drive them."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tulip_ops.core.errors import ServiceFailed
from tulip_ops.core.types import STATES, AcquisitionId
from tulip_ops.services.airflow_client import Rest

DISCOVER, ACQUISITION, HISTORY = "tulip_discover", "tulip_acquisition", "tulip_history"
DAGS = (DISCOVER, ACQUISITION, HISTORY, "tulip_backfill")
STEPS = tuple(STATES)
POOL = "tulip_networks"
FIRST_DAY = "2015-06-23"
"""Sentinel-2A flew: no scene is older."""
RUN_GRACE = 60.0
"""Seconds after which an id without a run counts as left to the next discovery."""
FINISHED = frozenset({"success", "failed"})
_ERROR = re.compile(r"[A-Z]\w+: ")


@dataclass(frozen=True, slots=True)
class AcquisitionRun:
    """Progress of the DAG run of one acquisition."""

    acquisition_id: str
    run_id: str
    state: str
    """queued, running, retrying, recorded, skipped or failed."""
    step: str
    """The step at work, or the one at which it ended; empty while queued."""
    seconds: float
    """Since the run began."""
    recorded_at: datetime | None
    """When the step `record` ended, of a run that came to its end."""

    @property
    def season(self) -> str:
        """Calendar year of the acquisition: the partition key of its season's roll-up."""
        return str(AcquisitionId.parse(self.acquisition_id).season)

    @property
    def ended(self) -> bool:
        return self.state in {"recorded", "skipped", "failed"}


def prepare(rest: Rest, slots: int, patience: float = 120.0) -> None:
    """Wait until the DAGs exist, create the pool of the networks, and unpause."""
    deadline = time.monotonic() + patience
    for dag in DAGS:
        while rest.find(f"dags/{dag}") is None:
            wrong = [row["stack_trace"] for row in rest.rows("importErrors", "import_errors")]
            if wrong:
                raise ServiceFailed(f"Airflow cannot import the DAGs:\n{wrong[0]}")
            if time.monotonic() > deadline:
                raise ServiceFailed(f"Airflow did not find the DAG {dag} in {patience:.0f} s")
            time.sleep(0.5)
    if rest.find(f"pools/{POOL}") is None:
        about = "How many networks compute at once on all runs together"
        pool = {"name": POOL, "slots": slots, "description": about, "include_deferred": True}
        rest.post("pools", pool)
    for dag in DAGS:
        rest.patch(f"dags/{dag}", {"is_paused": False})


def unfinished(rest: Rest) -> dict[str, datetime]:
    """The acquisitions whose runs are queued or running, and since when."""
    rows = rest.rows(f"dags/{ACQUISITION}/dagRuns", "dag_runs", state=["queued", "running"])
    return {
        row["partition_key"]: datetime.fromisoformat(row["run_after"])
        for row in rows
        if row["partition_key"]
    }


def discover(rest: Rest, patience: float = 600.0) -> tuple[set[str], set[str]]:
    """Trigger discovery over all days and await it.

    Returns the ids that are new, for which it started runs, and those that were found earlier
    and never begun, for which it did so too unless other runs were alive.
    """
    body = {"logical_date": None, "conf": {"since": FIRST_DAY}}
    run = rest.post(f"dags/{DISCOVER}/dagRuns", body)["dag_run_id"]
    deadline = time.monotonic() + patience
    while True:
        state = rest.get(f"dags/{DISCOVER}/dagRuns/{run}")["state"]
        if state in FINISHED:
            break
        if time.monotonic() > deadline:
            raise ServiceFailed(f"discovery is still {state} after {patience:.0f} s")
        time.sleep(1.0)
    lines = _log(rest, DISCOVER, run, "discover")
    # an alert fails the run as well, but does not affect the acquisitions
    if rest.get(f"dags/{DISCOVER}/dagRuns/{run}/taskInstances/discover")["state"] != "success":
        raise ServiceFailed(f"discovery failed: {_reason(lines)}")
    # The list of asset events has the same, but returns 500 while a run it lists waits.
    found = json.loads(next(line for line in lines if line.startswith('{"new": ')))
    return set(found["new"]), set(found["pending"])


def follow(
    rest: Rest,
    ids: set[str],
    since: datetime,
    show: Callable[[Mapping[str, AcquisitionRun]], None],
    patience: float = 1800.0,
) -> dict[str, AcquisitionRun]:
    """Show how the runs of `ids` get on until all have ended; those without a run are absent.

    `ServiceFailed` after `patience` seconds in which nothing moved.
    """
    known: dict[str, AcquisitionRun] = {}
    began = moved = time.monotonic()
    while True:
        latest = {**known, **_look(rest, ids, since, known)}
        show(latest)
        alone = ids - latest.keys() if time.monotonic() - began < RUN_GRACE else set()
        if not alone and all(one.ended for one in latest.values()):
            return latest
        if _places(latest) != _places(known):
            moved = time.monotonic()
        if time.monotonic() - moved > patience:
            raise ServiceFailed(f"nothing moved for {patience:.0f} s in the runs of {ACQUISITION}")
        known = latest
        time.sleep(2.0)


def await_history(
    rest: Rest, journeys: Iterable[AcquisitionRun], since: datetime, patience: float = 600.0
) -> list[str]:
    """Wait until the season of everything recorded was rolled up; the runs that failed."""
    recorded = [(one.season, one.recorded_at) for one in journeys if one.recorded_at is not None]
    deadline = time.monotonic() + patience
    path, after = f"dags/{HISTORY}/dagRuns", since.isoformat()
    while True:
        runs = list(rest.rows(path, "dag_runs", run_after_gte=after))
        begun = [(run["partition_key"], datetime.fromisoformat(run["run_after"])) for run in runs]
        covered = all(
            any(key == season and moment >= recorded_at for key, moment in begun)
            for season, recorded_at in recorded
        )
        if covered and all(run["state"] in FINISHED for run in runs):
            return [run["dag_run_id"] for run in runs if run["state"] == "failed"]
        if time.monotonic() > deadline:
            raise ServiceFailed(f"{HISTORY} did not end within {patience:.0f} s")
        time.sleep(1.0)


def last_error_line(rest: Rest, dag: str, run: str, task: str) -> str:
    """The log line that names why the task failed."""
    return _reason(_log(rest, dag, run, task))


def _log(rest: Rest, dag: str, run: str, task: str) -> list[str]:
    instance = f"dags/{dag}/dagRuns/{run}/taskInstances/{task}"
    attempt = rest.get(instance)["try_number"]
    return [str(entry["event"]) for entry in rest.get(f"{instance}/logs/{attempt}")["content"]]


def _reason(lines: list[str]) -> str:
    named = [line for line in lines if _ERROR.match(line)]
    return (named or lines or ["its log is empty"])[-1]


def _look(
    rest: Rest, ids: set[str], since: datetime, known: Mapping[str, AcquisitionRun]
) -> dict[str, AcquisitionRun]:
    """What changed: the runs of `ids` that have not ended yet."""
    path, after = f"dags/{ACQUISITION}/dagRuns", since.isoformat()
    found = {}
    for row in rest.rows(path, "dag_runs", run_after_gte=after, order_by="id"):
        key = row["partition_key"]
        if key not in ids or (key in known and known[key].ended):
            continue
        tasks = {}
        if row["state"] != "queued":
            instances = rest.rows(f"{path}/{row['dag_run_id']}/taskInstances", "task_instances")
            tasks = {task["task_id"]: task for task in instances}
        found[key] = acquisition_run(row, tasks)
    return found


def acquisition_run(
    run: Mapping[str, Any], tasks: Mapping[str, Mapping[str, Any]]
) -> AcquisitionRun:
    """Progress of a run, from the rows of the REST API.

    tasks: by name; none while the run is queued.
    """
    states = {name: tasks[name]["state"] or "waiting" for name in STEPS if name in tasks}
    state, step, recorded_at = run["state"], "", None
    if state in FINISHED:
        odd = [name for name, at in states.items() if at in {"failed", "skipped"}]
        step = odd[0] if odd else STEPS[-1]
        if state == "success":
            state = "skipped" if odd else "recorded"
    elif states:
        ahead = [name for name, at in states.items() if at != "success"]
        step = ahead[0] if ahead else STEPS[-1]
        if states[step] == "up_for_retry":
            state = "retrying"
    if state == "recorded":
        recorded_at = datetime.fromisoformat(tasks[STEPS[-1]]["end_date"])
    return AcquisitionRun(
        acquisition_id=str(run["partition_key"]),
        run_id=str(run["dag_run_id"]),
        state=state,
        step=step,
        seconds=_seconds(run["start_date"], run["end_date"]),
        recorded_at=recorded_at,
    )


def _seconds(began: str | None, ended: str | None) -> float:
    if began is None:
        return 0.0
    until = datetime.fromisoformat(ended) if ended else datetime.now(UTC)
    return (until - datetime.fromisoformat(began)).total_seconds()


def _places(journeys: Mapping[str, AcquisitionRun]) -> dict[str, tuple[str, str]]:
    return {key: (one.state, one.step) for key, one in journeys.items()}
