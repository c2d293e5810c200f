"""PostGIS and Airflow on this machine, and pods in the cluster that KUBECONFIG points at."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
from kubernetes import client, config

from tests.acceptance.conftest import TULIP, Stack, _ground_of
from tests.kubernetes.environment import NAMESPACE, furnished, template


@dataclass(frozen=True)
class PodStack(Stack):
    """A stack whose network steps are pods."""

    settings: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        return {**super().environment, **self.settings}

    def restart(self, **changed: str) -> None:
        """Airflow with other settings."""
        self.tulip("local", "stop")
        self.settings.update(changed)
        self.tulip("local", "up")

    def carry(self, ground: Path) -> None:
        """The main job; pods that wait for one another take longer than processes."""
        words = ("--archive", str(ground / "archive"), "--areas", str(ground / "areas.geojson"))
        done = subprocess.run(
            [TULIP, "local", "demo", *words], env=self.environment, timeout=3000, check=False
        )
        assert done.returncode == 0


class Airflow:
    """Its REST API, as the user that the local stack names."""

    def __init__(self, stack: Stack) -> None:
        status = json.loads(stack.tulip("local", "status", "--json").stdout)
        self.client = httpx.Client(base_url=status["url"], timeout=120)
        password = json.loads(Path(status["password_file"]).read_text())[status["user"]]
        answer = self.client.post(
            "/auth/token", json={"username": status["user"], "password": password}
        )
        self.client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def get(self, path: str) -> Any:
        return self.client.get(f"/api/v2/{path}").raise_for_status().json()

    def start(self, acquisition_id: str) -> str:
        body = {"logical_date": None, "conf": {"acquisition_id": acquisition_id}}
        answer = self.client.post("/api/v2/dags/tulip_acquisition/dagRuns", json=body)
        return str(answer.raise_for_status().json()["dag_run_id"])

    def task(self, run: str, name: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.get(
            f"dags/tulip_acquisition/dagRuns/{run}/taskInstances/{name}"
        )
        return answer

    def await_task(self, run: str, name: str, states: set[str], patience: float) -> dict[str, Any]:
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            task = self.task(run, name)
            if task["state"] in states:
                return task
            time.sleep(1)
        pytest.fail(f"{name} is {task['state']} after {patience:.0f} s, not {states}")

    def log(self, run: str, name: str, number: int) -> str:
        path = f"dags/tulip_acquisition/dagRuns/{run}/taskInstances/{name}/logs/{number}"
        return json.dumps(self.get(path))


class Watch(threading.Thread):
    """What the cluster had of pods, several times a second."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.over = threading.Event()
        self.running_at_once = 0
        self.names: dict[str, str] = {}
        self.waited: dict[str, str] = {}

    def run(self) -> None:
        core = client.CoreV1Api()
        while not self.over.wait(0.5):
            pods = core.list_namespaced_pod(NAMESPACE).items
            self.running_at_once = max(
                self.running_at_once, sum(pod.status.phase == "Running" for pod in pods)
            )
            for pod in pods:
                self.names[pod.metadata.name] = pod.metadata.labels["tulip/acquisition"]
                for condition in pod.status.conditions or ():
                    if condition.type == "PodScheduled" and condition.status == "False":
                        self.waited[pod.metadata.name] = condition.message


@pytest.fixture(scope="session")
def cluster() -> client.CoreV1Api:
    if not os.environ.get("KUBECONFIG"):
        pytest.skip("KUBECONFIG is not set: tests/kubernetes/README.md")
    config.load_kube_config()
    return client.CoreV1Api()


@pytest.fixture
def watch(cluster: client.CoreV1Api) -> Iterator[Watch]:
    watch = Watch()
    watch.start()
    yield watch
    watch.over.set()
    watch.join()


@pytest.fixture(scope="session")
def images(real_data: Path) -> list[Path]:
    """Two days of the season: an hour of computing is not what is tested here."""
    folder = real_data / "noordoostpolder_2016"
    return sorted(path for day in DAYS for path in folder.glob(f"*cae95*_{day}-*TRUE_COLOR.tif"))


MODEST = {"requests": {"cpu": "100m", "memory": "1Gi"}, "limits": {"memory": "4Gi"}}
DAYS = ("20160421", "20160508")


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory, images: list[Path]) -> Path:
    """Folder with the archive and the area."""
    folder = tmp_path_factory.mktemp("ground")
    (folder / "areas.geojson").write_text(json.dumps(_ground_of(images)))
    stack = Stack(folder / "state")
    stack.tulip("archive", "add", "--to", str(folder / "archive"), *map(str, images))
    return folder


@pytest.fixture(scope="session")
def stack(
    tmp_path_factory: pytest.TempPathFactory, cluster: client.CoreV1Api, ground: Path
) -> Iterator[PodStack]:
    folder = tmp_path_factory.mktemp("pods")
    store = folder / "store"
    settings = {
        "KUBECONFIG": os.environ.get("TULIP_TEST_KUBECONFIG") or os.environ["KUBECONFIG"],
        "TULIP_RUNTIME": "kubernetes",
        "TULIP_STORE": str(store),
        "TULIP_ARCHIVE": str(ground / "archive"),
        "TULIP_THREADS": "1",  # so that two may compute, if only there were two GPUs
        "TULIP_POD_IMAGE": os.environ.get("TULIP_TEST_IMAGE", "debian:bookworm-slim"),
        "TULIP_POD_TEMPLATE": str(template(folder)),
        "TULIP_POD_POLL_SECONDS": "2",
        "TULIP_POD_RESOURCES": json.dumps({"screen": MODEST, "segment": MODEST}),
    }  # fmt: skip
    stack = PodStack(folder / "state", settings)
    before = os.umask(0)  # Airflow and pods are two users here, and one in images
    try:
        stack.tulip("local", "up")
        with furnished(stack.setting("TULIP_DATABASE_URL"), store):
            yield stack
    finally:
        stack.tulip("local", "stop")
        os.umask(before)


@pytest.fixture(scope="session")
def processes(tmp_path_factory: pytest.TempPathFactory, ground: Path, new_database: Any) -> Stack:
    """The same acquisitions, each carried by `tulip run` in one process."""
    folder = tmp_path_factory.mktemp("processes")
    url = new_database()
    state = folder / "state"
    state.mkdir()
    (state / "local.env").write_text(
        f"TULIP_DATABASE_URL={url}\nTULIP_DATABASE_OWNER_URL={url}\n"
        f"TULIP_ARCHIVE={ground / 'archive'}\n"
    )
    stack = Stack(state)
    stack.tulip("database", "migrate")
    stack.tulip("aoi", "add", str(ground / "areas.geojson"))
    found = stack.json("discover", "--since", "2016-01-01", "--until", "2016-12-31")
    new = found["new"]
    assert isinstance(new, list)
    for acquisition_id in new:
        done = subprocess.run(
            [TULIP, "run", acquisition_id], env=stack.environment, check=False, timeout=900
        )
        assert done.returncode in {0, 99}
    stack.tulip("history")
    return stack
