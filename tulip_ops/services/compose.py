"""What the containers of docker-compose.yaml share: secrets, databases, a bucket, and the demo."""

from __future__ import annotations

import json
import secrets
import socket
from collections.abc import Sequence
from pathlib import Path

from tulip_ops.core.errors import ServiceFailed
from tulip_ops.core.settings import Settings
from tulip_ops.core.storage_settings import StorageSettings
from tulip_ops.services import databases, demo, demo_data
from tulip_ops.services import secrets as keys
from tulip_ops.services.airflow_client import Rest, await_health
from tulip_ops.services.databases import RemoteServer
from tulip_ops.services.progress import Report
from tulip_ops.storage.object_store import ObjectStore

POSTGRES = "postgres"
"""Name of the file, among the keys, with the password of PostgreSQL's superuser."""
ADMIN = "admin"
"""Airflow's first user, and the file with that user's password."""
AIRFLOW = {
    "airflow-fernet": keys.fernet_key,
    "airflow-api": keys.long_key,
    "airflow-jwt": keys.long_key,
}


def make_keys(state: Path, store: Path) -> None:
    """Generate every secret that is missing, in `<state>/keys`; those that are there stay.

    store: folder for the S3 store's own file of identities. Only the store's container shares it,
    and its user is not known to us: the file can be read by all who reach the folder.
    """
    folder = state.absolute() / "keys"
    for name in (POSTGRES, ADMIN):
        keys.read_or_create(folder / name)
    for name, make in AIRFLOW.items():
        keys.read_or_create(folder / name, make)
    access = keys.read_or_create(folder / "s3-access-key", lambda: secrets.token_hex(10).upper())
    secret = keys.read_or_create(folder / "s3-secret-key", lambda: secrets.token_urlsafe(30))
    credentials = {"aws_access_key_id": access, "aws_secret_access_key": secret}
    lines = [f"{name} = {value}" for name, value in credentials.items()]
    keys.write(folder / "aws", "\n".join(["[default]", *lines]))
    identity = {
        "name": "tulip",
        "credentials": [{"accessKey": access, "secretKey": secret}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    keys.write(store / "s3.json", json.dumps({"identities": [identity]}), mode=0o644)


def prepare(settings: StorageSettings, host: str, port: int) -> None:
    """Make databases, logins and tables on the server at host and port, and the store's bucket.

    Safe to repeat. The superuser's password is the one that `make_keys` made.
    """
    password = keys.read_or_create(settings.state / "keys" / POSTGRES)
    databases.provide_on(RemoteServer(host, port, password), settings.state)
    ObjectStore(settings.s3_endpoint, unavailable=ServiceFailed).make_bucket(settings.store_place)


def write_pod_template(file: Path, hosts: Sequence[str]) -> None:
    """Write a pod template with the current addresses of `hosts` in our network.

    `ServiceFailed` where a name has none.
    """
    aliases = [{"hostnames": [host], "ip": _address(host)} for host in hosts]
    template = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "tulip"},
        "spec": {"hostAliases": aliases, "containers": [{"name": "base"}]},
    }
    keys.write(file, json.dumps(template), mode=0o644)


def _address(host: str) -> str:
    try:
        return socket.gethostbyname(host)
    except OSError as error:
        raise ServiceFailed(f"{host} has no address in this network: {error}") from error


def run_demo(settings: Settings, url: str, archive: str | None, areas: Path | None) -> None:
    """Process an archive of scenes up to the season table, through the Airflow at `url`.

    archive, areas: as `demo_data.provide`. `ServiceFailed` names what failed.
    """
    report = Report()
    with report.phase("scenes and areas"):
        settings = demo_data.provide(
            settings, settings.database.writer_url(), archive, areas, report.detail
        )
        report.detail(f"archive {settings.storage.archive_place}")
    password = keys.read_or_create(settings.storage.state / "keys" / ADMIN)
    with Rest(url, ADMIN, password) as rest:
        with report.phase("Airflow"):
            await_airflow(rest)
            report.detail(f"healthy: {url}")
        failures = demo.run_pipeline(
            rest, settings.database.reader_url(), settings.execution, report
        )
    demo.print_seasons(settings.database.reader_url(), report, len(failures))
    report.say("\n== Time\n")
    report.say(report.times())
    demo.raise_failures(failures)


def await_airflow(rest: Rest, patience: float = 300.0, pause: float = 2.0) -> None:
    """Wait until every part of Airflow is healthy; `ServiceFailed` after `patience` seconds."""

    def problems() -> list[str]:
        try:
            return rest.unhealthy()
        except ServiceFailed as error:
            return [str(error)]

    logs = "`docker compose ps` and `docker compose logs`"
    await_health(problems, f"Airflow at {rest.url}", logs, patience, pause)
