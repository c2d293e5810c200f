"""Connections and transactions of PostgreSQL, with its errors translated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from typing import Any, TypeAlias

import psycopg
import shapely
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import TupleRow
from psycopg.types import TypeInfo
from psycopg.types.shapely import register_shapely

from tulip_ops.core.errors import BadSetting, DatabaseUnavailable, SchemaOutdated, TulipError

Connection: TypeAlias = psycopg.Connection[TupleRow]

CONNECT_TIMEOUT = 10
"""Seconds to wait for a connection."""

NETWORK_TIMEOUT_MS = 60_000
"""Milliseconds without network response after which a connection counts as lost."""

_MISSING = (
    errors.UndefinedTable,
    errors.UndefinedColumn,
    errors.UndefinedFunction,
    errors.UndefinedObject,
    errors.InvalidSchemaName,
)


@contextmanager
def connect(url: str, application_name: str) -> Iterator[Connection]:
    """Connect with autocommit; `transaction` groups statements.

    Geometries are shapely's in EPSG:4326, times are in UTC. Database errors in the block,
    including a lost connection, are raised as `DatabaseUnavailable` or `SchemaOutdated`; messages
    never contain the password. `BadSetting` if `url` cannot be parsed.
    """
    where, conninfo = _parse(url, application_name)
    try:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            geometry = TypeInfo.fetch(connection, "geometry")
            if geometry is not None:  # else PostGIS is not installed yet, and there are no tables
                register_shapely(geometry, connection)
            yield connection
    except psycopg.Error as error:
        raise explain(error, where) from error


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """A transaction: commits at the end of the block, rolls back after an error."""
    with connection.transaction():
        yield


@cache
def query(name: str) -> bytes:
    """The SQL of `queries/<name>.sql`."""
    return files(__package__).joinpath("queries", f"{name}.sql").read_bytes()


def for_each(connection: Connection, name: str, rows: Iterable[Mapping[str, object]]) -> list[Any]:
    """Run a query for each of `rows` in one batch; returns the first column of all results."""
    with connection.cursor() as cursor:
        cursor.executemany(query(name), list(rows), returning=True)
        return [row[0] for result in cursor.results() for row in result]


def wkb(geometry: shapely.Geometry) -> bytes:
    """EWKB of an EPSG:4326 geometry, for geometry columns."""
    binary: bytes = shapely.to_wkb(shapely.set_srid(geometry, 4326), include_srid=True)
    return binary


def explain(error: psycopg.Error, where: str) -> TulipError:
    """The project's error for an error of psycopg."""
    reason = " ".join((error.diag.message_primary or str(error)).split())
    if isinstance(error, _MISSING):
        return SchemaOutdated(
            f"{where} lacks what this version needs ({reason}); run `tulip database migrate`"
        )
    if isinstance(error, errors.InsufficientPrivilege):
        return DatabaseUnavailable(
            f"{where} refuses: {reason}; the steps need the rights of tulip_writer, migrations"
            " those of the owner"
        )
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return DatabaseUnavailable(
            f"{where} is not available: {reason}; check the server and TULIP_DATABASE_URL"
        )
    return DatabaseUnavailable(f"{where} refused a statement: {reason}")


def _parse(url: str, application_name: str) -> tuple[str, str]:
    """(host, port and database for messages, connection string for libpq)."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        # psycopg's message may contain the password
        raise BadSetting(
            "the database URL cannot be read; it looks like"
            " postgresql://user:password@host:port/name, with special characters %-encoded"
        ) from None
    host, port = parts.get("host") or "local socket", parts.get("port") or 5432
    where = f"PostGIS at {host}:{port}, database {parts.get('dbname') or parts.get('user')},"
    defaults: dict[str, str | int] = {
        "connect_timeout": CONNECT_TIMEOUT,
        "application_name": application_name,
        "tcp_user_timeout": NETWORK_TIMEOUT_MS,
        "keepalives_idle": NETWORK_TIMEOUT_MS // 1000,
    }
    missing = {name: value for name, value in defaults.items() if name not in parts}
    options = f"{parts.get('options') or ''} -c timezone=UTC"
    return where, make_conninfo(url, **missing, options=options)
