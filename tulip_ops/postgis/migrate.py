"""Migrates the schema `tulip`, and checks its revision."""

from __future__ import annotations

from psycopg import errors

from tulip_ops.core.errors import DatabaseUnavailable, SchemaOutdated
from tulip_ops.postgis import locks
from tulip_ops.postgis.connection import Connection, connect, query

REVISION = "0012"
"""The revision that this version needs: the newest of revisions/versions."""

_UNAVAILABLE = (errors.FeatureNotSupported, errors.UndefinedFile)


def migrate(url: str) -> str:
    """Migrate the database to REVISION in one transaction; returns its revision.

    Idempotent; of two concurrent calls the second waits. Creates the extension postgis and the
    roles tulip_owner, tulip_writer and tulip_reader if they are missing; `DatabaseUnavailable`,
    with the task for an administrator, if the user lacks the rights.
    `SchemaOutdated` if the database is newer than this version.
    """
    from tulip_ops.postgis import revisions  # noqa: PLC0415 - half a second, for migrations only

    with connect(url, "tulip database migrate") as connection, revisions.bind(connection) as bound:
        locks.lock_migration(connection)
        _prepare(connection)
        if schema_revision(connection) != REVISION:
            _refuse_newer(connection)
            revisions.upgrade(bound)
    return REVISION


def schema_revision(connection: Connection) -> str | None:
    """The revision of the database; None if it was never migrated."""
    row = connection.execute(query("has_revision")).fetchone()
    if row is None or not row[0]:
        return None
    row = connection.execute(query("revision")).fetchone()
    return None if row is None else str(row[0])


def require_current(connection: Connection) -> None:
    """Raise `SchemaOutdated` unless the database is at REVISION."""
    found = schema_revision(connection)
    if found != REVISION:
        _refuse_newer(connection)
        raise SchemaOutdated(
            f"the schema tulip is at {found or 'no revision'}, this version needs {REVISION};"
            " run `tulip database migrate`"
        )


def _refuse_newer(connection: Connection) -> None:
    found = schema_revision(connection)
    if found is not None and found > REVISION:
        raise SchemaOutdated(
            f"the schema tulip is at revision {found}, this version knows {REVISION} at most;"
            " install a newer version of tulip_ops"
        )


def _prepare(connection: Connection) -> None:
    """Create extension and roles for the first migration, then switch to tulip_owner."""
    user, database = connection.info.user, connection.info.dbname
    try:
        connection.execute(query("create_extension"))
    except errors.InsufficientPrivilege as error:
        raise DatabaseUnavailable(
            f"{user} may not add PostGIS to the database {database}; let an administrator run"
            " `CREATE EXTENSION postgis` in it, then repeat"
        ) from error
    except _UNAVAILABLE as error:
        raise DatabaseUnavailable(
            "the database server lacks PostGIS; install it there (Debian: postgresql-postgis),"
            " then repeat"
        ) from error
    try:
        connection.execute(query("create_roles"))
    except errors.InsufficientPrivilege as error:
        raise DatabaseUnavailable(
            f"{user} may not create roles; let an administrator run `CREATE ROLE tulip_owner"
            " NOLOGIN; CREATE ROLE tulip_writer NOLOGIN; CREATE ROLE tulip_reader NOLOGIN;"
            f' GRANT tulip_owner TO "{user}"`, then repeat'
        ) from error
    try:
        connection.execute(query("create_schema"))
    except errors.InsufficientPrivilege as error:
        raise DatabaseUnavailable(
            f"{user} may not create the schema tulip in the database {database}; let an"
            f' administrator run `GRANT CREATE ON DATABASE "{database}" TO "{user}"`, then repeat'
        ) from error
