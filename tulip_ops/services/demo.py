"""The demo on this machine: from an archive of scenes to the season table, through Airflow."""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from tulip_ops.core.errors import ServiceFailed
from tulip_ops.core.processing_settings import ExecutionSettings, NetworkSettings
from tulip_ops.core.settings import Settings, inherited_environment
from tulip_ops.core.storage_settings import StorageSettings
from tulip_ops.core.types import AcquisitionId
from tulip_ops.postgis import connection, ledger
from tulip_ops.postgis import status as tables
from tulip_ops.services import dag_runs, databases, demo_data, postgres
from tulip_ops.services.airflow import Airflow
from tulip_ops.services.airflow_client import Rest
from tulip_ops.services.airflow_config import USER, AirflowConfig
from tulip_ops.services.dag_runs import AcquisitionRun
from tulip_ops.services.databases import Databases
from tulip_ops.services.progress import Board, Report

log = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parent.parent.parent
BAD_STATES = ("failed", "quarantined")
SQL = "select * from tulip.season_summary order by area, season"


def run(
    settings: Settings,
    archive: str | None = None,
    areas: Path | None = None,
    *,
    started: float | None = None,
) -> None:
    """Process every new acquisition of the archive into PostGIS, and print the season table.

    archive, areas: as `demo_data.provide`. started: when the command began, in seconds since
    1970, to tell how long the installation took. `ServiceFailed` names what failed.
    """
    report = Report()
    if started is not None:
        report.seconds["environment"] = max(0.0, time.time() - started)
    with _alone(settings.storage.state):
        with report.phase("PostGIS"):
            found = databases.provide(settings)
            report.detail(f"ready: {found.by_hand}")
        with report.phase("scenes and areas"):
            settings = demo_data.provide(settings, found.writer_url, archive, areas, report.detail)
            report.detail(f"archive {settings.storage.archive_place}")
        with report.phase("Airflow"):
            airflow = _start_airflow(settings, found)
            report.detail(f"healthy: {airflow.url}")
        with airflow.rest() as rest:
            failures = run_pipeline(rest, found.reader_url, settings.execution, report)
    print_seasons(found.reader_url, report, len(failures))
    report.say("\n== By hand\n")
    report.detail(f"this table     {found.by_hand} -c '{SQL}'")
    _say_where(airflow, settings.storage.state, report)
    report.say("\n== Time\n")
    report.say(report.times())
    raise_failures(failures)


def up(settings: Settings) -> None:
    """Start PostGIS and Airflow, and leave them running."""
    report = Report()
    with _alone(settings.storage.state):
        with report.phase("PostGIS"):
            found = databases.provide(settings)
        with report.phase("Airflow"):
            airflow = _start_airflow(settings, found)
    _say_where(airflow, settings.storage.state, report)


def stop(state: Path) -> None:
    """End everything that was started here, by pid."""
    report = Report()
    state = state.absolute()
    ended = Airflow(state).stop()
    report.say("Airflow stopped" if ended else "Airflow was not running")
    ended = postgres.stop(state / "postgres")
    report.say("PostgreSQL stopped" if ended else "PostgreSQL was not running")


def status(state: Path) -> dict[str, str]:
    """What runs, in words, by the name of the service."""
    state = state.absolute()
    server, airflow = postgres.find(state / "postgres"), Airflow(state)
    words = {"postgres": f"process {server.pid}" if server else "stopped"}
    for service, process in airflow.running().items():
        words[service] = f"process {process.pid}" if process else "stopped"
    try:
        words["airflow"] = "; ".join(airflow.unhealthy()) or "healthy"
    except ServiceFailed as error:
        words["airflow"] = str(error)
    if airflow.pid_file("api-server").exists():
        words["url"] = airflow.url
    return words | {"user": USER, "password_file": str(airflow.passwords)}


@contextmanager
def _alone(state: Path) -> Iterator[None]:
    """Admits one command at a time per state folder."""
    folder = state / "run"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ServiceFailed(
                f"another `make demo` is at work in {state.absolute()}; wait for it"
            ) from None
        yield


def _start_airflow(settings: Settings, found: Databases) -> Airflow:
    if not (ROOT / "dags").is_dir():
        raise ServiceFailed(f"there is no {ROOT / 'dags'}: run this from a clone of the repository")
    airflow = Airflow(settings.storage.state.absolute())
    plan = AirflowConfig(
        dags=ROOT / "dags",
        plugins=ROOT / "plugins",
        database_url=found.airflow_url,
        settings=_for_services(settings.storage, settings.networks),
        parallelism=max(3, _cores()),
    )
    airflow.start(plan, new_database=found.airflow_is_new)
    return airflow


def _for_services(storage: StorageSettings, networks: NetworkSettings) -> dict[str, str]:
    """The variables whose relative paths a task would resolve differently."""
    given = inherited_environment()
    places = {
        "TULIP_STORE": storage.store_place,
        "TULIP_ARCHIVE": storage.archive_place,
        "TULIP_MODELS": str(networks.models),
    }
    if networks.exports is not None:
        places["TULIP_EXPORTS"] = str(networks.exports)
    return {"TULIP_STATE": str(storage.state.absolute())} | {
        name: place if place.startswith("s3://") else str(Path(place).absolute())
        for name, place in places.items()
        if name in given
    }


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def run_pipeline(
    rest: Rest, reader_url: str, settings: ExecutionSettings, report: Report
) -> list[str]:
    """Discover, follow every run to its end, roll up; returns a line for each failure."""
    with report.phase("discovery"):
        dag_runs.prepare(rest, slots=max(1, _cores() // settings.threads))
        since = datetime.now(UTC)
        left = dag_runs.unfinished(rest)
        new, waiting = dag_runs.discover(rest)
        report.detail(f"{len(new)} acquisitions are new")
        if left or waiting:
            report.detail(f"{len(left.keys() | waiting)} of an earlier time have not ended")
    ids, since = new | waiting | left.keys(), min([since, *left.values()])
    journeys: dict[str, AcquisitionRun] = {}
    if ids:
        with report.phase("acquisitions"):
            journeys = dag_runs.follow(rest, ids, since, Board(len(ids)).show)
    with report.phase("history"):
        rolled = dag_runs.await_history(rest, journeys.values(), since)
        report.detail("every season is rolled up" if not rolled else f"failed: {rolled}")
    failed = [one for one in journeys.values() if one.state == "failed"]
    alone = [f"{one}: no run was started; repeat `make demo`" for one in ids - journeys.keys()]
    whys = [_why(rest, reader_url, one) for one in failed]
    return whys + sorted(alone) + [f"tulip_history {one}" for one in rolled]


def _why(rest: Rest, reader_url: str, journey: AcquisitionRun) -> str:
    """The acquisition, the step, and the line that names the error."""
    with connection.connect(reader_url, "tulip demo") as database:
        entry = ledger.entry(database, AcquisitionId.parse(journey.acquisition_id))
    if entry is not None and entry.state in BAD_STATES:
        why = entry.verdict or entry.state
    else:
        why = dag_runs.last_error_line(rest, dag_runs.ACQUISITION, journey.run_id, journey.step)
    return f"{journey.acquisition_id} {journey.step}: {why}"


def raise_failures(failures: list[str]) -> None:
    """`ServiceFailed` that names the failures, if there are any."""
    if failures:
        raise ServiceFailed("\n  ".join([f"{len(failures)} runs failed:", *failures]))


def print_seasons(reader_url: str, report: Report, failed: int) -> None:
    """Print the season table, and what failed before the `failed` runs of this time."""
    with connection.connect(reader_url, "tulip demo") as database:
        rows, figures = tables.season_table(database), tables.status(database)
    report.say("\n== What bloomed, and when\n")
    report.say(tables.as_text(rows))
    if any(row["simulated"] for row in rows):
        report.say("\nRows marked simulated show the simulator's fields, seen by no satellite.")
    earlier = sum(int(figures.get(f"acquisitions {state}", 0)) for state in BAD_STATES) - failed
    if earlier > 0:
        report.say(f"\n{earlier} acquisitions failed at an earlier time; repeat one: tulip run ID")


def _say_where(airflow: Airflow, state: Path, report: Report) -> None:
    passwords = state / airflow.passwords.relative_to(airflow.state)
    report.detail(f"Airflow        {airflow.url}, user {USER}, password in {passwords}")
    report.detail(f"logs           {state / 'log'}, and of each task in Airflow")
    report.detail("stop it        make stop")
