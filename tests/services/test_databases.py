"""The databases of the local stack on a real server: private ones, and one that a user brings."""

import os
import shlex
import subprocess
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from tulip_ops.core.errors import DatabaseUnavailable
from tulip_ops.core.settings import Settings
from tulip_ops.postgis import connection, migrate
from tulip_ops.services import databases, env_file, postgres

SQL = "select count(*) from tulip.season_summary"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    state = tmp_path_factory.mktemp("databases") / "state"
    with pytest.MonkeyPatch.context() as environment:
        for name in os.environ:
            if name.startswith(("TULIP_DATABASE", "TULIP_AIRFLOW")):
                environment.delenv(name)
        environment.setenv("TULIP_STATE", str(state))
        yield Settings.load()
    postgres.stop(state / "postgres")


def test_a_private_database_has_its_schema_and_logins_of_few_rights(settings: Settings) -> None:
    found = databases.provide(settings)
    assert found.airflow_is_new
    with connection.connect(found.reader_url, "test") as reader:
        migrate.require_current(reader)
    with (
        pytest.raises(DatabaseUnavailable, match="permission denied"),
        connection.connect(found.reader_url, "test") as reader,
    ):
        reader.execute("delete from tulip.area")
    with connection.connect(found.writer_url, "test") as writer:
        writer.execute("delete from tulip.area")
    with connection.connect(Settings.load().database.owner_url(), "test") as owner:
        row = owner.execute("select rolsuper from pg_roles where rolname = current_user").fetchone()
        assert row == (False,)


def test_repeating_changes_no_place_and_no_password(settings: Settings) -> None:
    first = databases.provide(settings)
    second = databases.provide(Settings.load())
    assert not second.airflow_is_new
    assert first.writer_url == second.writer_url == Settings.load().database.writer_url()
    assert first.airflow_url == second.airflow_url


def test_psql_opens_it_without_a_password_in_the_line(settings: Settings) -> None:
    line = databases.provide(settings).by_hand
    assert "password" not in line
    for file in ("pg_service.conf", "local.env"):
        assert (settings.storage.state / file).stat().st_mode & 0o777 == 0o600
    place, *psql = shlex.split(line)
    variable, _, value = place.partition("=")
    answer = subprocess.run(
        [*psql, "-A", "-t", "-c", SQL],
        env={"PATH": "/usr/bin:/bin", variable: value}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert answer.stdout.strip() == "0"


def test_lost_keys_are_made_anew(settings: Settings) -> None:
    first = databases.provide(settings)
    for key in (settings.storage.state / "keys").iterdir():
        key.unlink()
    second = databases.provide(Settings.load())
    assert second.writer_url != first.writer_url
    with connection.connect(second.reader_url, "test") as reader:
        reader.execute(SQL)


def test_a_database_that_the_user_brings_stays_his(
    settings: Settings, server_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    databases.provide(settings)
    before = env_file.read(settings.storage.state)
    own = server_url.rpartition("/")[0] + "/own_database"
    with connection.connect(server_url, "test") as administrator:
        administrator.execute("create database own_database")
    monkeypatch.setenv("TULIP_DATABASE_URL", own)

    brought = Settings.load()
    assert databases.own_database(brought.storage.state, brought.database)
    found = databases.provide(brought)
    assert found.writer_url == found.reader_url == own
    assert own not in found.by_hand
    assert env_file.read(settings.storage.state) == before
    with connection.connect(own, "test") as database:
        migrate.require_current(database)

    with_airflow = brought.database.model_copy(update={"airflow_database_url": SecretStr(own)})
    both = brought.model_copy(update={"database": with_airflow})
    postgres.stop(settings.storage.state / "postgres")
    assert databases.provide(both).airflow_url == own
    assert postgres.find(settings.storage.state / "postgres") is None, (
        "nobody needs a private server"
    )
