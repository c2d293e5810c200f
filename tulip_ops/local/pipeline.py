"""The DAGs, driven through Airflow's REST API as a user would drive them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tulip_ops.errors import ServiceFailed
from tulip_ops.local.rest import Rest

DISCOVER, ACQUISITION, HISTORY = "tulip_discover", "tulip_acquisition", "tulip_history"
DAGS = (DISCOVER, ACQUISITION, HISTORY)
STEPS = ("acquire", "screen", "segment", "vectorize", "record")
POOL = "tulip_networks"
FIRST_DAY = "2015-06-23"
"""Sentinel-2A flew: no scene is older."""
FINISHED = frozenset({"success", "failed"})
_ERROR = re.compile(r"[A-Z]\w+: ")


@dataclass(frozen=True, slots=True)
class Journey:
    """How far the run of one acquisition came."""

    acquisition_id: str
    run_id: str
    state: str
    """queued, running, retrying, recorded, skipped or failed."""
    step: str
    """The step at work, or the one at which it ended; empty while queued."""
    seconds: float
    """Since the run began."""

    @property
    def ended(self) -> bool:
        return self.state in {"recorded", "skipped", "failed"}


def prepare(rest: Rest, slots: int, patience: float = 120.0) -> None:
    """Wait until the DAGs are there, make the pool of the networks, and unpause."""
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


def discover(rest: Rest, patience: float = 600.0) -> tuple[str, ...]:
    """Trigger discovery over all days and await it; the ids for which it started runs."""
    body = {"logical_date": None, "conf": {"since": FIRST_DAY}}
    run = rest.post(f"dags/{DISCOVER}/dagRuns", body)["dag_run_id"]
    deadline = time.monotonic() + patience
    while True:
        state = rest.get(f"dags/{DISCOVER}/dagRuns/{run}")["state"]
        if state == "failed":
            why = last_words(rest, DISCOVER, run, "discover")
            raise ServiceFailed(f"discovery failed: {why}")
        if state == "success":
            break
        if time.monotonic() > deadline:
            raise ServiceFailed(f"discovery is still {state} after {patience:.0f} s")
        time.sleep(0.5)
    events = rest.rows("assets/events", "asset_events", source_dag_id=DISCOVER, source_run_id=run)
    return tuple(sorted({row["partition_key"] for row in events if row["partition_key"]}))


def follow(
    rest: Rest,
    ids: tuple[str, ...],
    since: datetime,
    show: Callable[[Mapping[str, Journey]], None],
    patience: float = 1800.0,
) -> dict[str, Journey]:
    """Show how the runs of `ids` get on until all have ended.

    `ServiceFailed` after `patience` seconds in which nothing moved.
    """
    known: dict[str, Journey] = {}
    moved = time.monotonic()
    while True:
        latest = {**known, **_look(rest, ids, since, known)}
        show(latest)
        if all(i in latest and latest[i].ended for i in ids):
            return latest
        if _places(latest) != _places(known):
            moved = time.monotonic()
        if time.monotonic() - moved > patience:
            raise ServiceFailed(f"nothing moved for {patience:.0f} s in the runs of {ACQUISITION}")
        known = latest
        time.sleep(1.0)


def await_history(rest: Rest, since: datetime, patience: float = 600.0) -> list[str]:
    """Wait until every season recorded after `since` was rolled up; the runs that failed."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        events = rest.rows(
            "assets/events", "asset_events", source_dag_id=ACQUISITION,
            timestamp_gte=since.isoformat(), order_by="timestamp",
        )  # fmt: skip
        recorded = {row["partition_key"]: row["timestamp"] for row in events}
        runs = list(
            rest.rows(f"dags/{HISTORY}/dagRuns", "dag_runs", run_after_gte=since.isoformat())
        )
        covered = {
            season
            for season, moment in recorded.items()
            for run in runs
            if run["partition_key"] == season and run["run_after"] >= moment
        }
        if covered == recorded.keys() and all(run["state"] in FINISHED for run in runs):
            return [run["dag_run_id"] for run in runs if run["state"] == "failed"]
        time.sleep(0.5)
    raise ServiceFailed(f"{HISTORY} did not end within {patience:.0f} s")


def last_words(rest: Rest, dag: str, run: str, task: str) -> str:
    """The line of the log that names why the task failed."""
    instance = f"dags/{dag}/dagRuns/{run}/taskInstances/{task}"
    attempt = rest.get(instance)["try_number"]
    lines = [str(entry["event"]) for entry in rest.get(f"{instance}/logs/{attempt}")["content"]]
    named = [line for line in lines if _ERROR.match(line)]
    return (named or lines or ["its log is empty"])[-1]


def _look(
    rest: Rest, ids: tuple[str, ...], since: datetime, known: Mapping[str, Journey]
) -> dict[str, Journey]:
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
            tasks = {task["task_id"]: task["state"] or "waiting" for task in instances}
        found[key] = journey(row, tasks)
    return found


def journey(run: Mapping[str, Any], tasks: Mapping[str, str]) -> Journey:
    """How far a run came, from the rows of the REST API.

    tasks: state of each task; none while the run is queued.
    """
    state, step = run["state"], ""
    if state in FINISHED:
        odd = [name for name in STEPS if tasks.get(name) in {"failed", "skipped"}]
        step = odd[0] if odd else STEPS[-1]
        if state == "success":
            state = "skipped" if odd else "recorded"
    else:
        ahead = [name for name in STEPS if tasks.get(name, "waiting") != "success"]
        step = ahead[0] if tasks and ahead else ""
        if tasks.get(step) == "up_for_retry":
            state = "retrying"
    began, ended = run["start_date"], run["end_date"]
    until = datetime.fromisoformat(ended) if ended else datetime.now(UTC)
    seconds = (until - datetime.fromisoformat(began)).total_seconds() if began else 0.0
    return Journey(str(run["partition_key"]), str(run["dag_run_id"]), state, step, seconds)


def _places(journeys: Mapping[str, Journey]) -> dict[str, tuple[str, str]]:
    return {key: (one.state, one.step) for key, one in journeys.items()}
