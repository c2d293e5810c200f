"""What `tulip doctor` says of the cluster."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.kubernetes_api import KubernetesApi
from tulip_ops.core.errors import ClusterUnavailable
from tulip_ops.core.settings import Settings
from tulip_ops.services import doctor, kubernetes

TOKEN = "bearer-of-news"


@pytest.fixture(scope="module")
def server() -> Iterator[KubernetesApi]:
    server = KubernetesApi(Path("/bin/true"), {})
    server.start()
    yield server
    server.stop()


@pytest.fixture
def api(
    server: KubernetesApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[KubernetesApi]:
    monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(tmp_path / "kubeconfig", TOKEN)))
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION",
                        str(tmp_path / "kubeconfig"))  # fmt: skip
    yield server
    server.denied.clear()
    server.nodes.clear()
    server.faults.clear()


def test_it_counts_gpus(api: KubernetesApi) -> None:
    api.nodes += [{"cpu": "8"}, {"nvidia.com/gpu": "4"}]
    said = kubernetes.describe("tulip", "nvidia.com/gpu")
    assert said == "Kubernetes v1.33.0, namespace tulip, 4 x nvidia.com/gpu on 1 of 2 nodes"


def test_it_need_not_see_nodes(api: KubernetesApi) -> None:
    api.refuse("GET", "/nodes$", 403, "forbidden")
    assert "may not see" in kubernetes.describe("tulip", "nvidia.com/gpu")


def test_a_right_that_is_missing_is_named(api: KubernetesApi) -> None:
    api.denied.add("patch")
    with pytest.raises(ClusterUnavailable, match="allow to patch pods in namespace tulip"):
        kubernetes.describe("tulip", "nvidia.com/gpu")


def test_a_refused_account_shows_no_token(api: KubernetesApi) -> None:
    api.refuse("GET", "/version/$", 401, f"Unauthorized {TOKEN}")
    with pytest.raises(ClusterUnavailable, match="answers 401") as raised:
        kubernetes.describe("tulip", "nvidia.com/gpu")
    assert TOKEN not in str(raised.value)


def test_the_doctor_asks_only_where_pods_are_wanted(
    api: KubernetesApi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TULIP_STATE", str(tmp_path))
    monkeypatch.setenv("TULIP_DATABASE_URL", "postgresql://nobody:x@127.0.0.1:9/none")
    named = {check.name for check in doctor.examine(Settings.load())}
    assert "cluster" not in named
    monkeypatch.setenv("TULIP_RUNTIME", "kubernetes")
    found = {check.name: check for check in doctor.examine(Settings.load())}["cluster"]
    assert not found.ok
    assert "TULIP_POD_IMAGE is not set" in found.found
    monkeypatch.setenv("TULIP_POD_IMAGE", "tulip:1")
    monkeypatch.setenv("TULIP_STORE", str(tmp_path))
    found = {check.name: check for check in doctor.examine(Settings.load())}["cluster"]
    assert found.ok
    assert "v1.33.0" in found.found
