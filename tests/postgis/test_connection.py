import secrets
import socket

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tulip_ops.core.errors import BadSetting, DatabaseUnavailable, SchemaOutdated
from tulip_ops.postgis.connection import Connection, connect, transaction


def test_a_wrong_password_is_refused_without_showing_it(server_url: str) -> None:
    password = secrets.token_hex()
    url = make_conninfo(server_url, password=password)
    where = r"127\.0\.0\.1:\d+, database postgres,"
    with pytest.raises(DatabaseUnavailable, match=where) as caught, connect(url, "tests"):
        pass
    assert password not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unreachable_host_is_one_clear_message() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        url = f"postgresql://me:Klompen7@127.0.0.1:{port}/tulip"
        unavailable = pytest.raises(DatabaseUnavailable, match="is not available")
        with unavailable as caught, connect(url, "tests"):
            pass
    message = str(caught.value)
    assert f"127.0.0.1:{port}, database tulip" in message
    assert "TULIP_DATABASE_URL" in message
    assert "Klompen7" not in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://me:Klompen7@localhost/tulip",
        "me:Klompen7@localhost",
        "postgresql://me:Klompen7@[localhost/tulip",
        "postgresql://me:Klompen7@localhost/tulip?Klompen7=1",
    ],
)
def test_an_unreadable_url_is_a_bad_setting_that_keeps_the_password(url: str) -> None:
    unreadable = pytest.raises(BadSetting, match="postgresql://user:password@host:port/name")
    with unreadable as caught, connect(url, "tests"):
        pass
    assert "Klompen7" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_connection_lost_halfway_is_said_and_nothing_is_kept(
    database: Connection, database_url: str
) -> None:
    def lose() -> None:
        with connect(database_url, "tests") as connection, transaction(connection):
            connection.execute(
                "insert into tulip.model (name, version, sha256) values ('m', '1', repeat('0', 64))"
            )
            database.execute("select pg_terminate_backend(%s)", [connection.info.backend_pid])
            connection.execute("select 1")

    with pytest.raises(DatabaseUnavailable, match="is not available"):
        lose()
    assert database.execute("select count(*) from tulip.model").fetchone() == (0,)


def test_a_missing_table_asks_for_the_migration(server_url: str) -> None:
    outdated = pytest.raises(SchemaOutdated, match="run `tulip database migrate`")
    with outdated, connect(server_url, "tests") as connection:
        connection.execute("select * from tulip.area")


def test_a_refused_row_names_the_rule(database_url: str) -> None:
    refused = pytest.raises(DatabaseUnavailable, match="area_name_check")
    with refused as caught, connect(database_url, "tests") as connection:
        connection.execute(
            "insert into tulip.area (name, geometry) values"
            " ('Not A Name', st_multi(st_makeenvelope(5, 52, 6, 53, 4326)))"
        )
    assert isinstance(caught.value.__cause__, psycopg.errors.CheckViolation)


def test_our_own_errors_pass_unchanged(database_url: str) -> None:
    with pytest.raises(BadSetting, match="mine"), connect(database_url, "tests"):
        raise BadSetting("mine")


def test_times_come_in_utc_and_the_server_knows_who_asks(database_url: str) -> None:
    with connect(database_url, "tulip screen") as connection:
        assert connection.execute(
            "select current_setting('timezone'), application_name from pg_stat_activity"
            " where pid = pg_backend_pid()"
        ).fetchone() == ("UTC", "tulip screen")
