"""Logins for people and programs, with the rights of the group roles."""

from __future__ import annotations

from psycopg import errors
from psycopg.sql import SQL, Identifier, Literal

from tulip_ops.core.errors import DatabaseUnavailable
from tulip_ops.postgis.connection import Connection, connect, transaction


def grant_logins(
    owner_url: str, *, writer_password: str, reader_password: str, prefix: str
) -> tuple[str, str]:
    """Create the logins `<prefix>_writer` and `<prefix>_reader`; returns their names.

    They are members of tulip_writer and tulip_reader only. Existing logins get the new passwords,
    which are sent as hashes and so never appear in the server's log. The user must be allowed
    to create roles; `DatabaseUnavailable` otherwise.
    """
    logins = (f"{prefix}_writer", f"{prefix}_reader")
    with connect(owner_url, "tulip roles") as connection, transaction(connection):
        try:
            _grant(connection, logins[0], "tulip_writer", writer_password)
            _grant(connection, logins[1], "tulip_reader", reader_password)
        except errors.InsufficientPrivilege as error:
            raise DatabaseUnavailable(
                f"{connection.info.user} may not create the logins {' and '.join(logins)}; let an"
                " administrator create them as members of tulip_writer and tulip_reader"
            ) from error
    return logins


def _grant(connection: Connection, login: str, group: str, password: str) -> None:
    exists = connection.execute("select from pg_roles where rolname = %s", [login]).fetchone()
    hashed = connection.pgconn.encrypt_password(password.encode(), login.encode(), b"scram-sha-256")
    rights = SQL("{} role {} login nosuperuser nocreatedb nocreaterole password {}")
    verb, name = SQL("create" if exists is None else "alter"), Identifier(login)
    connection.execute(rights.format(verb, name, Literal(hashed.decode())))
    connection.execute(SQL("grant {} to {}").format(Identifier(group), name))
