"""What docker-compose.yaml's service `setup` does, on a real server that is not ours to start."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services import s3
from tulip_ops.core.settings import Settings
from tulip_ops.postgis import connection, migrate
from tulip_ops.services import compose, postgres


@pytest.fixture
def server(tmp_path: Path) -> Iterator[postgres.Server]:
    folder = tmp_path / "server"
    yield postgres.start(folder, durable=False)
    postgres.stop(folder)


def test_databases_logins_and_bucket_are_made_once_and_kept(
    server: postgres.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("TULIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TULIP_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("TULIP_STORE", "s3://made/products")
    keys = tmp_path / "state" / "keys"
    keys.mkdir(parents=True)
    (keys / compose.POSTGRES).write_text(server.password)
    with s3.serving() as store:
        monkeypatch.setenv("TULIP_S3_ENDPOINT", store.url)
        for _ in range(2):
            compose.prepare(Settings.load().storage, "127.0.0.1", server.port)
        buckets = [each["Name"] for each in store.client().list_buckets()["Buckets"]]
    assert "made" in buckets
    settings = Settings.load()
    with connection.connect(settings.database.reader_url(), "test") as reader:
        migrate.require_current(reader)
    with connection.connect(settings.database.owner_url(), "test") as owner:
        row = owner.execute("select rolsuper from pg_roles where rolname = current_user").fetchone()
    assert row == (False,)
    url = (keys / "airflow-url").read_text().strip()
    assert (keys / "airflow-url").stat().st_mode & 0o777 == 0o600
    with connection.connect(url.replace("+psycopg2", ""), "test") as airflow:
        assert airflow.execute("select current_database()").fetchone() == ("airflow",)
