"""The real season of 2016 with its networks in pods, and what a cluster does to them."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from pathlib import Path

import pytest
from kubernetes import client

from tests.acceptance.conftest import Stack
from tests.kubernetes.conftest import MODEST, Airflow, PodStack, Watch
from tests.kubernetes.environment import NAMESPACE

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

ROWS = {
    "acquisitions": "select acquisition_id, state, verdict, clear_fraction from tulip.acquisition",
    "detections": "select to_jsonb(d) - '{detection_id,unet_id,cloud_filter_id,run_id}'::text[]"
    " from tulip.detection d",
    "seasons": "select to_jsonb(s) - '{field_id}'::text[] from tulip.field_season s",
}
PATIENCE = 1800


def rows(stack: Stack) -> dict[str, list[str]]:
    return {
        name: sorted(json.dumps(row, default=str, sort_keys=True) for row in stack.rows(sql))
        for name, sql in ROWS.items()
    }


def test_pods_give_the_same_rows_as_processes_and_share_one_gpu(
    stack: PodStack, processes: Stack, ground: Path, watch: Watch
) -> None:
    stack.carry(ground)
    expected = rows(processes)
    assert len(expected["acquisitions"]) == 2
    assert expected["detections"]
    assert rows(stack) == expected
    assert len(watch.names) == 4, "a pod a step"
    assert len(set(watch.names.values())) == 2
    assert watch.running_at_once == 1
    assert any("nvidia.com/gpu" in message for message in watch.waited.values())


def test_nothing_is_left_of_the_pods(stack: PodStack, cluster: client.CoreV1Api) -> None:
    deadline = time.monotonic() + 60
    while cluster.list_namespaced_pod(NAMESPACE).items and time.monotonic() < deadline:
        time.sleep(1)
    assert cluster.list_namespaced_pod(NAMESPACE).items == []


def test_no_log_of_airflow_shows_the_password(stack: PodStack) -> None:
    password = stack.setting("TULIP_DATABASE_URL").split(":")[2].split("@")[0]
    logs = list((stack.state / "airflow" / "logs").rglob("*.log"))
    assert logs
    assert not [path for path in logs if password in path.read_text(errors="replace")]


def test_another_try_needs_no_pod_where_the_products_are_whole(
    stack: PodStack, watch: Watch
) -> None:
    with Airflow(stack) as airflow:
        run = airflow.start(_recorded(stack))
        ended = airflow.await_task(run, "record", {"success", "failed"}, PATIENCE)
    assert ended["state"] == "success"
    assert watch.names == {}


@pytest.fixture(scope="module")
def fresh(stack: PodStack) -> str:
    """An acquisition whose products are gone, as if it had never been screened."""
    acquisition_id = _recorded(stack)
    for name in ("cloud.tif", "tulip.tif"):
        (stack.state.parent / "store" / acquisition_id / name).unlink()
    return acquisition_id


def test_a_killed_worker_and_too_little_memory(
    stack: PodStack, fresh: str, watch: Watch, cluster: client.CoreV1Api
) -> None:
    stack.restart(
        TULIP_POD_DEFERRABLE="false",
        TULIP_POD_RESOURCES=json.dumps({
            "screen": MODEST, "segment": {"limits": {"memory": "200Mi"}},
        }),
    )  # fmt: skip
    with Airflow(stack) as airflow:
        run = airflow.start(fresh)
        pod = _running(cluster, "screen")
        os.kill(_worker(airflow.task(run, "screen")["id"]), signal.SIGKILL)
        ended = airflow.await_task(run, "screen", {"success", "failed"}, PATIENCE)
        assert ended["state"] == "success"
        assert ended["try_number"] == 2
        log = airflow.log(run, "screen", 2)
        # the pod may have ended by the time of the second try
        assert f"Reconnecting to pod {NAMESPACE}/{pod}" in log or f"Deleting pod: {pod}" in log
        screens = [name for name in watch.names if name.startswith("tulip-screen")]
        assert screens == [pod]

        airflow.await_task(run, "segment", {"up_for_retry", "failed"}, PATIENCE)
        assert "OutOfMemory: " in airflow.log(run, "segment", 1)
        assert "(200Mi)" in airflow.log(run, "segment", 1)
        again = airflow.await_task(run, "segment", {"running"}, PATIENCE)
        assert again["try_number"] == 2


def _recorded(stack: Stack) -> str:
    sql = "select acquisition_id from tulip.acquisition where state = 'recorded' order by 1 limit 1"
    return str(stack.rows(sql)[0][0])


def _running(cluster: client.CoreV1Api, step: str) -> str:
    """The name of the pod of `step`, as soon as it computes."""
    wanted = f"app.kubernetes.io/component={step}"
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for pod in cluster.list_namespaced_pod(NAMESPACE, label_selector=wanted).items:
            if pod.status.phase == "Running":
                return str(pod.metadata.name)
        time.sleep(0.2)
    pytest.fail(f"no pod of {step} ran")


def _worker(task_id: str) -> int:
    """The process of Airflow's worker that has the task; its title names it."""
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            title = (folder / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if re.search(rf"worker.*{task_id}", title):
            return int(folder.name)
    pytest.fail(f"no process has the task {task_id}")
