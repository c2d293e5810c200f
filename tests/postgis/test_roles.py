import secrets
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.errors import InsufficientPrivilege

from tulip_ops.core.errors import DatabaseUnavailable
from tulip_ops.postgis import areas, migrate, roles, status
from tulip_ops.postgis.connection import Connection, connect, query, wkb

WRITES = (
    "insert into tulip.model (name, version, sha256) values ('m', '1', repeat('0', 64))",
    "update tulip.acquisition set verdict = 'I say so'",
    "delete from tulip.area",
)
CHANGES = (
    "create table tulip.mine (x int)",
    "alter table tulip.area add column x int",
    "drop view tulip.bloom_history",
    "truncate tulip.attempt",
    "update tulip.alembic_version set version_num = '9999'",
    "create role tulip_intruder",
    "set role tulip_owner",
)


@pytest.mark.parametrize("statement", [*WRITES, *CHANGES])
def test_a_reader_cannot_write(logins: Any, statement: str) -> None:
    with psycopg.connect(logins.reader) as reader, pytest.raises(InsufficientPrivilege):
        reader.execute(statement)


def test_a_reader_reads_every_table_and_view(database: Connection, logins: Any) -> None:
    names = database.execute(
        "select relname from pg_class"
        " where relnamespace = 'tulip'::regnamespace and relkind in ('r', 'v')"
    ).fetchall()
    assert len(names) >= 14
    with connect(logins.reader, "tests") as reader:
        for (name,) in names:
            reader.execute(f"select * from tulip.{name}").fetchall()
        migrate.require_current(reader)
        assert "PostGIS 3" in status.versions(reader)


@pytest.mark.parametrize("statement", CHANGES)
def test_a_writer_cannot_change_the_schema(logins: Any, statement: str) -> None:
    with psycopg.connect(logins.writer) as writer, pytest.raises(InsufficientPrivilege):
        writer.execute(statement)


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("statement", WRITES)
def test_a_writer_writes(logins: Any, statement: str) -> None:
    with psycopg.connect(logins.writer) as writer:
        writer.execute(statement)


@pytest.mark.usefixtures("database")
def test_a_writer_can_do_all_that_the_steps_need(logins: Any, examples: Any) -> None:
    with connect(logins.writer, "tests") as writer:
        text = "S2B_31UFU_20240420_0_L2A"
        examples.admit(writer, text)
        assert examples.record(writer, text, [0, 1]).changed
        field = {"geometries": [wkb(examples.field())], "areas": [1.0], "simulated": False}
        assert len(writer.execute(query("add_fields"), field).fetchall()) == 1
        areas.remove_area(writer, "polder")


def test_what_a_later_migration_adds_is_readable_and_writable(
    database: Connection, logins: Any
) -> None:
    database.execute("set role tulip_owner; create table tulip.later (x int); reset role")
    try:
        with psycopg.connect(logins.writer) as writer:
            writer.execute("insert into tulip.later values (1)")
        with psycopg.connect(logins.reader) as reader:
            assert reader.execute("select x from tulip.later").fetchall() == [(1,)]
            with pytest.raises(InsufficientPrivilege):
                reader.execute("delete from tulip.later")
    finally:
        database.execute("drop table tulip.later")


def test_a_second_grant_changes_the_passwords(database_url: str) -> None:
    passwords = [secrets.token_hex() for _ in range(4)]
    prefix = f"t{secrets.token_hex(4)}"
    for writer, reader in (passwords[:2], passwords[2:]):
        names = roles.grant_logins(
            database_url, writer_password=writer, reader_password=reader, prefix=prefix
        )
    with connect(make_conninfo(database_url, user=names[1], password=passwords[3]), "tests"):
        pass
    old = make_conninfo(database_url, user=names[1], password=passwords[1])
    refused = pytest.raises(DatabaseUnavailable, match="password authentication failed")
    with refused, connect(old, "tests"):
        pass


def test_who_may_not_create_logins_is_told_what_to_do(logins: Any) -> None:
    user = conninfo_to_dict(logins.writer)["user"]
    with pytest.raises(DatabaseUnavailable, match=f"{user} may not create the logins mine_writer"):
        roles.grant_logins(logins.writer, writer_password="a", reader_password="b", prefix="mine")
