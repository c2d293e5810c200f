"""What docker-compose.yaml's first start makes: keys, a template of pods, and patience."""

import json
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tulip_ops.core.errors import ServiceFailed
from tulip_ops.services import compose
from tulip_ops.services.airflow_client import Rest

SECRETS = ("postgres", "admin", "airflow-fernet", "airflow-api", "airflow-jwt", "s3-secret-key")


def read(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in folder.iterdir()}


def test_every_start_keeps_the_keys_of_the_first(tmp_path: Path) -> None:
    compose.make_keys(tmp_path, tmp_path / "store")
    first = read(tmp_path / "keys"), read(tmp_path / "store")
    compose.make_keys(tmp_path, tmp_path / "store")
    assert (read(tmp_path / "keys"), read(tmp_path / "store")) == first
    values = [first[0][name].strip() for name in SECRETS]
    assert len(set(values)) == len(SECRETS)
    assert min(map(len, values)) >= 32


def test_two_installations_share_no_key(tmp_path: Path) -> None:
    for name in ("one", "two"):
        compose.make_keys(tmp_path / name, tmp_path / name / "store")
    one, two = (read(tmp_path / name / "keys") for name in ("one", "two"))
    assert not set(one.values()) & set(two.values())


def test_only_their_user_reads_them_and_the_store_its_own(tmp_path: Path) -> None:
    compose.make_keys(tmp_path, tmp_path / "store")
    for file in (tmp_path / "keys").iterdir():
        assert file.stat().st_mode & 0o777 == 0o600
    identity = json.loads((tmp_path / "store" / "s3.json").read_text())["identities"][0]
    given = identity["credentials"][0]
    ours = read(tmp_path / "keys")["aws"]
    assert f"aws_access_key_id = {given['accessKey']}\n" in ours
    assert f"aws_secret_access_key = {given['secretKey']}\n" in ours


def test_pods_learn_the_addresses_of_neighbours(tmp_path: Path) -> None:
    compose.write_pod_template(tmp_path / "pod.json", ["localhost"])
    spec = json.loads((tmp_path / "pod.json").read_text())["spec"]
    assert spec["hostAliases"] == [{"hostnames": ["localhost"], "ip": "127.0.0.1"}]


def test_a_neighbour_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: str) -> str:
        raise socket.gaierror("Name or service not known")

    monkeypatch.setattr(socket, "gethostbyname", refuse)
    with pytest.raises(ServiceFailed, match="postgis has no address in this network"):
        compose.write_pod_template(tmp_path / "pod.json", ["postgis"])


Healthy = Callable[[list[str]], ThreadingHTTPServer]


@pytest.fixture
def airflow() -> Healthy:
    """Serves Airflow's health, where the scheduler's is the next of the given states."""

    def serve(states: list[str]) -> ThreadingHTTPServer:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                state = states.pop(0) if len(states) > 1 else states[0]
                self.send_response(200)
                self.end_headers()
                health = {"metadatabase": {"status": "healthy"}, "scheduler": {"status": state}}
                self.wfile.write(json.dumps(health).encode())

            def log_message(self, *what: object) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server

    return serve


def test_the_demo_waits_until_every_part_is_healthy(airflow: Healthy) -> None:
    server = airflow(["unhealthy", "unhealthy", "healthy"])
    with Rest(f"http://127.0.0.1:{server.server_port}", "admin", "unused") as rest:
        compose.await_airflow(rest, patience=10, pause=0.01)
    server.shutdown()
    server.server_close()


def test_a_part_that_stays_unhealthy_is_named(airflow: Healthy) -> None:
    server = airflow(["unhealthy"])
    with (
        Rest(f"http://127.0.0.1:{server.server_port}", "admin", "unused") as rest,
        pytest.raises(ServiceFailed, match="scheduler is unhealthy"),
    ):
        compose.await_airflow(rest, patience=0.1, pause=0.01)
    server.shutdown()
    server.server_close()
