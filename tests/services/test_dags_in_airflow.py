"""The DAGs in a real Airflow, with a stand-in for `tulip` that ends as the id says.

At the end the real one takes its place, for the backfill of a small simulated archive.
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner

from tests.conftest import NewDatabase
from tulip_ops.cli.main import main
from tulip_ops.core.errors import ServiceFailed
from tulip_ops.services import dag_runs, env_file, postgres
from tulip_ops.services.airflow import Airflow
from tulip_ops.services.airflow_client import Rest
from tulip_ops.services.airflow_config import AirflowConfig

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

FINE, CLOUDY, BAD, SHAKY, LATER = OFFERED = (
    "S2B_31UFU_20240420_0_L2A",
    "S2B_31UFU_20240421_1_L2A",
    "S2B_31UFU_20240422_2_L2A",
    "S2B_31UFU_20250423_3_L2A",
    "S2B_31UFU_20250424_0_L2A",
)
BACKFILL = "tulip_backfill"
TULIP = """
import fcntl, json, os, signal, sys
from pathlib import Path

state = Path(os.environ["TULIP_STATE"])
step, *arguments = sys.argv[1:]
if (state / "local.env").exists():
    from tulip_ops.cli.main import main
    main()
with (state / "calls").open("a+") as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    file.seek(0)
    earlier = [json.loads(line) for line in file]
    print(json.dumps([step, *arguments]), file=file, flush=True)
if step == "discover":
    offered = (state / "offered").read_text().split()
    begun = [call[1] for call in earlier if call[0] == "acquire"]
    admitted = state / "admitted"
    known = admitted.read_text().split() if admitted.exists() else []
    admitted.write_text(" ".join({*known, *offered}))
    if not known:  # the ledger knows them, Airflow does not
        os.kill(os.getppid(), signal.SIGKILL)
    new = [i for i in offered if i not in known]
    print(json.dumps({"new": new, "pending": [i for i in known if i not in begun]}))
elif step == "alerts":
    if (state / "stale").exists():
        sys.exit("since 2026-04-20 05:00 UTC: earth-search is stale")
elif step != "history":
    sequence = arguments[0].split("_")[3]
    if (step, sequence) == ("screen", "1"):
        sys.exit(99)
    if (step, sequence) == ("acquire", "2"):
        sys.exit(2)
    if (step, sequence) == ("segment", "3") and [step, *arguments] not in earlier:
        import ctypes
        from tulip_ops.core import watchdog
        with watchdog.watch("segment of " + arguments[0], 1):
            ctypes.CDLL(None).pause()  # a native library that waits for ever
"""


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    state = tmp_path_factory.mktemp("state")
    programs = state / "programs"
    programs.mkdir()
    for name, text in {
        "tulip": f"#!{sys.executable}\n{TULIP}",
        "python": f'#!/bin/sh\nexec "{sys.executable}" "$@"\n',
    }.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    (state / "offered").write_text(" ".join(OFFERED))
    return state


@pytest.fixture(scope="module")
def rest(state: Path, repository: Path) -> Iterator[Rest]:
    server = postgres.start(state / "postgres", durable=False)
    airflow = Airflow(state)
    try:
        server.run("create database airflow")
        plan = AirflowConfig(
            dags=repository / "dags",
            plugins=repository / "plugins",
            database_url=server.address("airflow", postgres.ADMINISTRATOR, server.password),
            settings={"TULIP_STATE": str(state)},
            parallelism=3,
        )
        with pytest.MonkeyPatch.context() as patch:
            # The programs beside this Python come first on the PATH of the tasks.
            patch.setattr(sys, "executable", str(state / "programs" / "python"))
            airflow.start(plan, new_database=True)
        with airflow.rest() as rest:
            dag_runs.prepare(rest, slots=2)
            yield rest
    finally:
        airflow.stop()
        server.stop()


def calls(state: Path, step: str) -> list[str]:
    lines = [json.loads(line) for line in (state / "calls").read_text().splitlines()]
    return [call[-1] for call in lines if call[0] == step]


def runs(rest: Rest, dag: str) -> list[dict[str, Any]]:
    return list(rest.rows(f"dags/{dag}/dagRuns", "dag_runs"))


def finished(rest: Rest, dag: str, count: int, patience: float = 240.0) -> list[dict[str, Any]]:
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        found = runs(rest, dag)
        if len(found) >= count and all(run["state"] in {"success", "failed"} for run in found):
            return found
        time.sleep(0.5)
    pytest.fail(f"{dag} after {patience:.0f} s: {[run['state'] for run in runs(rest, dag)]}")


@pytest.fixture(scope="module")
def season(rest: Rest) -> dict[str, dict[str, Any]]:
    """Everything that was offered, discovered and carried to its end; the runs by their ids."""
    assert runs(rest, dag_runs.DISCOVER) == [], "unpausing must not start discovery"
    rest.post(f"dags/{dag_runs.DISCOVER}/dagRuns", {"logical_date": None})
    assert finished(rest, dag_runs.DISCOVER, 1)[0]["state"] == "success"
    carried = finished(rest, dag_runs.ACQUISITION, len(OFFERED))
    return {run["partition_key"]: run for run in carried}


def states(rest: Rest, run: dict[str, Any]) -> dict[str, str]:
    path = f"dags/{run['dag_id']}/dagRuns/{run['dag_run_id']}/taskInstances"
    return {task["task_id"]: task["state"] for task in rest.rows(path, "task_instances")}


def test_a_discovery_that_died_before_airflow_knew_is_made_up_for(season, state):
    assert len(calls(state, "discover")) == 2
    assert set(season) == set(OFFERED)


@pytest.mark.usefixtures("season")
def test_each_acquisition_has_exactly_one_run(rest):
    found = Counter(run["partition_key"] for run in runs(rest, dag_runs.ACQUISITION))
    assert found == Counter(OFFERED)


def test_a_bad_one_fails_alone_and_is_not_repeated(season, state):
    assert {key: run["state"] for key, run in season.items()} == {
        FINE: "success", CLOUDY: "success", BAD: "failed", SHAKY: "success", LATER: "success",
    }  # fmt: skip
    assert calls(state, "acquire").count(BAD) == 1


def test_a_verdict_skips_the_rest(rest, season):
    assert states(rest, season[CLOUDY]) == {
        "acquire": "success", "screen": "skipped", "segment": "skipped", "vectorize": "skipped",
        "record": "success",
    }  # fmt: skip


def test_a_failure_that_may_pass_is_repeated(season, state):
    assert season[SHAKY]["state"] == "success"
    assert calls(state, "segment").count(SHAKY) == 2


def test_a_step_that_hangs_ends_and_its_log_says_where(rest, season):
    run = season[SHAKY]
    tries = f"dags/{run['dag_id']}/dagRuns/{run['dag_run_id']}/taskInstances/segment/logs"
    log = json.dumps(rest.get(f"{tries}/1", full_content=True))
    assert f"NoProgress: segment of {SHAKY} made no progress for 1 seconds" in log
    assert "most recent call first" in log
    assert "pause" not in json.dumps(rest.get(f"{tries}/2", full_content=True))


@pytest.mark.usefixtures("season")
def test_each_season_is_rolled_up_after_its_last_record(rest, state):
    def unsummed() -> list[int]:
        steps = [tuple(json.loads(line)) for line in (state / "calls").read_text().splitlines()]
        ends = {2024: (FINE, CLOUDY), 2025: (SHAKY, LATER)}
        last = {y: max(steps.index(("record", one)) for one in ids) for y, ids in ends.items()}
        return [y for y in ends if ("history", f"--season={y}") not in steps[last[y] :]]

    deadline = time.monotonic() + 240
    while unsummed() and time.monotonic() < deadline:  # a run may wait for its asset event
        time.sleep(0.5)
    assert unsummed() == []
    finished(rest, dag_runs.HISTORY, 2)
    assert {run["partition_key"] for run in runs(rest, dag_runs.HISTORY)} == {"2024", "2025"}


def test_lists_show_the_acquisition_of_each_task(rest, season):
    path = f"dags/{dag_runs.ACQUISITION}/dagRuns/{season[FINE]['dag_run_id']}/taskInstances"
    assert {task["rendered_map_index"] for task in rest.rows(path, "task_instances")} == {FINE}


def test_finding_nothing_new_starts_nothing_and_warns_nobody(rest, season):
    before = len(list(rest.rows("assets/events", "asset_events")))
    rest.post(f"dags/{dag_runs.DISCOVER}/dagRuns", {"logical_date": None})
    assert [run["state"] for run in finished(rest, dag_runs.DISCOVER, 2)] == ["success"] * 2
    assert len(list(rest.rows("assets/events", "asset_events"))) == before
    assert len(runs(rest, dag_runs.ACQUISITION)) == len(season)
    assert list(rest.rows("eventLogs", "event_logs", event="missing partition key")) == []


def test_a_stale_source_fails_the_task_that_tells_of_it_alone(rest, season, state):
    before = len(runs(rest, dag_runs.DISCOVER))
    (state / "stale").touch()
    try:
        rest.post(f"dags/{dag_runs.DISCOVER}/dagRuns", {"logical_date": None})
        found = finished(rest, dag_runs.DISCOVER, before + 1)
        (told,) = [run for run in found if run["state"] == "failed"]
        assert states(rest, told) == {"discover": "success", "alerts": "failed"}
        assert dag_runs.discover(rest) == (set(), set())
    finally:
        (state / "stale").unlink()
    assert len(runs(rest, dag_runs.ACQUISITION)) == len(season)


def test_by_hand_with_an_id(rest, season, state):
    body = {"logical_date": None, "conf": {"acquisition_id": FINE}}
    rest.post(f"dags/{dag_runs.ACQUISITION}/dagRuns", body)
    finished(rest, dag_runs.ACQUISITION, len(season) + 1)
    assert calls(state, "record").count(FINE) == 2


def test_by_hand_with_a_bad_id_is_refused(rest):
    body = {"logical_date": None, "conf": {"acquisition_id": "nonsense"}}
    with pytest.raises(ServiceFailed, match=r"400|does not match"):
        rest.post(f"dags/{dag_runs.ACQUISITION}/dagRuns", body)


@dataclass(frozen=True)
class Backfills:
    """Runs of tulip_backfill over an archive of four scenes, which the real `tulip` carries."""

    rest: Rest
    url: str

    def ended(self, **params: object) -> dict[str, str]:
        """The states of the tasks of a run over April 2024, which must succeed."""
        conf = {"since": "2024-04-01", "until": "2024-04-30"} | params
        run = self.rest.post(f"dags/{BACKFILL}/dagRuns", {"logical_date": None, "conf": conf})
        path = f"dags/{BACKFILL}/dagRuns/{run['dag_run_id']}"
        deadline = time.monotonic() + 240
        while (state := self.rest.get(path)["state"]) not in {"success", "failed"}:
            assert time.monotonic() < deadline, states(self.rest, run)
            time.sleep(0.5)
        assert state == "success", states(self.rest, run)
        return states(self.rest, run)

    def ledger(self) -> dict[str, int]:
        return dict(self.rows("select state, count(*) from tulip.acquisition group by 1"))

    def looks(self) -> int:
        """Acquisitions that the history has looked at, whatever they showed."""
        ((count,),) = self.rows("select count(distinct acquisition_id) from tulip.observation")
        return int(count)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url) as database:
            return database.execute(sql).fetchall()  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def backfills(
    rest: Rest, state: Path, repository: Path, new_database: NewDatabase
) -> Iterator[Backfills]:
    url = new_database()
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(repository))
        from bench.beam import season as beam_season

        beam_season.write_season(state / "archive", 4, 96)
    env_file.write(state, {"TULIP_DATABASE_URL": url})
    told = {"TULIP_STATE": str(state), "TULIP_DATABASE_URL": url}
    for words in (
        ["database", "migrate"],
        ["aoi", "add", str(state / "archive" / "areas.geojson")],
    ):
        done = CliRunner(env=told).invoke(main, words)
        assert done.exit_code == 0, done.output
    yield Backfills(rest, url)
    (state / "local.env").unlink()


def test_a_dry_run_ends_with_its_estimate(backfills: Backfills) -> None:
    assert backfills.ended(dry_run=True) == {
        "estimate": "success", "start": "skipped", "beam": "skipped", "history": "skipped",
    }  # fmt: skip
    assert backfills.ledger() == {}


def test_the_engine_airflow_starts_a_run_for_each(backfills: Backfills) -> None:
    before = len(runs(backfills.rest, dag_runs.ACQUISITION))
    assert backfills.ended(until="2024-04-01", engine="airflow") == {
        "estimate": "success", "start": "success", "beam": "skipped", "history": "skipped",
    }  # fmt: skip
    finished(backfills.rest, dag_runs.ACQUISITION, before + 1)
    assert backfills.ledger() == {"recorded": 1}
    deadline = time.monotonic() + 120
    while not backfills.looks():  # a run may wait for its asset event
        assert time.monotonic() < deadline, "the history was not rolled up"
        time.sleep(0.5)


def test_the_engine_beam_carries_what_is_left_and_rolls_up(backfills: Backfills) -> None:
    assert backfills.ended(engine="beam") == {
        "estimate": "success", "start": "skipped", "beam": "success", "history": "success",
    }  # fmt: skip
    assert backfills.ledger() == {"recorded": 2, "skipped": 2}
    assert backfills.looks() == 4
    assert backfills.rows("select count(*) from tulip.season_summary where season = 2024") == [(1,)]
    assert backfills.rows("select distinct run_id like 'beam manual%' from tulip.detection d join"
                          " tulip.acquisition a using (acquisition_id)"
                          " where a.day = '2024-04-04'") == [(True,)]  # fmt: skip
