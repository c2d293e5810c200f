"""Airflow's four services, really started with one tiny DAG: health, login, crash, stop."""

import json
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tulip_ops.core.errors import ServiceFailed
from tulip_ops.services import postgres, processes
from tulip_ops.services.airflow import SERVICES, Airflow
from tulip_ops.services.airflow_client import Rest
from tulip_ops.services.airflow_config import AirflowConfig

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

DAG = """
import os, subprocess
from airflow.sdk import DAG, task

with DAG("tiny", schedule=None):
    @task
    def linger():
        print("started with", os.environ["TULIP_STATE"])
        subprocess.run(["/bin/sleep", "600"], start_new_session=True)

    linger()
"""


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("a folder with spaces & 100%")


@pytest.fixture(scope="module")
def plan(state: Path) -> Iterator[AirflowConfig]:
    for name in ("dags", "plugins"):
        (state / name).mkdir()
    (state / "dags" / "tiny.py").write_text(DAG)
    server = postgres.start(state / "postgres", durable=False)
    server.run("create database airflow")
    yield AirflowConfig(
        dags=state / "dags",
        plugins=state / "plugins",
        database_url=server.address("airflow", postgres.ADMINISTRATOR, server.password),
        settings={"TULIP_STATE": str(state)},
        parallelism=2,
    )
    server.stop()


@pytest.fixture(scope="module")
def airflow(state: Path, plan: AirflowConfig) -> Iterator[Airflow]:
    airflow = Airflow(state)
    try:
        airflow.start(plan, new_database=True)
        yield airflow
    finally:
        airflow.stop()


def wait_for(what: str, seconds: float = 90.0) -> Iterator[None]:
    """Loop over this until the thing is there; fails the test after so long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        yield
        time.sleep(0.5)
    pytest.fail(f"{what} did not happen within {seconds:.0f} s")


def test_all_services_are_healthy_processes_of_their_own(airflow: Airflow) -> None:
    assert airflow.unhealthy() == []
    running = airflow.running()
    assert len({process.pid for process in running.values() if process is not None}) == 4
    assert all(airflow.log_file(service).stat().st_size > 0 for service in SERVICES)


def test_only_the_password_of_the_file_opens_the_door(airflow: Airflow) -> None:
    secrets = [airflow.passwords, airflow.home / "airflow.cfg", *airflow.state.glob("keys/*")]
    assert len(secrets) == 5
    assert {file.stat().st_mode & 0o777 for file in secrets} == {0o600}
    password = json.loads(airflow.passwords.read_text())["admin"]
    assert not any(password in file.read_text() for file in airflow.state.glob("log/*"))

    with airflow.rest() as rest:
        assert rest.get("version")["version"].startswith("3.")
    with Rest(airflow.url, "admin", "guess") as rest, pytest.raises(ServiceFailed, match="401"):
        rest.get("dags")


def test_a_second_start_changes_nothing(airflow: Airflow, plan: AirflowConfig) -> None:
    before = airflow.running()
    began = time.monotonic()
    airflow.start(plan, new_database=False)
    assert airflow.running() == before
    assert time.monotonic() - began < 3


def test_no_example_dag_is_there(airflow: Airflow) -> None:
    with airflow.rest() as rest:
        for _ in wait_for("the DAG"):
            if rest.find("dags/tiny"):
                break
        assert [row["dag_id"] for row in rest.rows("dags", "dags")] == ["tiny"]
        assert list(rest.rows("importErrors", "import_errors")) == []


def test_a_killed_scheduler_comes_back_without_its_orphans(
    airflow: Airflow, plan: AirflowConfig
) -> None:
    with airflow.rest() as rest:
        for _ in wait_for("the DAG"):
            if rest.find("dags/tiny"):
                break
        rest.patch("dags/tiny", {"is_paused": False})
        rest.post("dags/tiny/dagRuns", {"logical_date": None, "dag_run_id": "one"})
        task = "dags/tiny/dagRuns/one/taskInstances/linger"
        for _ in wait_for("the task"):
            if rest.get(task)["state"] == "running" and lingering(airflow):
                break

    before = airflow.running()
    scheduler = before["scheduler"]
    assert scheduler is not None
    scheduler.signal(signal.SIGKILL)
    assert processes.wait([scheduler], 10) == []
    assert airflow.unhealthy() == ["scheduler does not run"]
    assert lingering(airflow), "a session of its own outlives the scheduler"

    airflow.start(plan, new_database=False)
    after = airflow.running()
    assert lingering(airflow) == []
    assert after["scheduler"] not in (None, scheduler)
    assert {**after, "scheduler": None} == {**before, "scheduler": None}


def test_other_settings_restart_the_services(airflow: Airflow, plan: AirflowConfig) -> None:
    before = airflow.running()
    port = airflow.port("api-server")
    airflow.start(
        replace(plan, settings={**plan.settings, "TULIP_THREADS": "1"}), new_database=False
    )
    assert not set(before.values()) & set(airflow.running().values())
    assert airflow.port("api-server") == port
    assert airflow.unhealthy() == []


def test_stop_leaves_no_process(airflow: Airflow) -> None:
    assert airflow.stop() is True
    for service in SERVICES:
        assert processes.marked("TULIP_LOCAL_SERVICE", str(airflow.pid_file(service))) == []
    assert airflow.stop() is False
    assert airflow.unhealthy() == [f"{service} does not run" for service in SERVICES]


def test_a_service_that_ends_is_told_with_its_log(airflow: Airflow, plan: AirflowConfig) -> None:
    broken = replace(plan, database_url="postgresql://nobody:none@127.0.0.1:9/none")
    with pytest.raises(ServiceFailed, match=re.escape(str(airflow.state / "log"))):
        airflow.start(broken, new_database=True)


def lingering(airflow: Airflow) -> list[processes.Process]:
    """The commands that tasks of the scheduler run in sessions of their own."""
    found = processes.marked("TULIP_LOCAL_SERVICE", str(airflow.pid_file("scheduler")))
    return [one for one in found if Path(f"/proc/{one.pid}/exe").resolve().name == "sleep"]
