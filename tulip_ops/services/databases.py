"""The two databases of the local stack: ours with PostGIS, and Airflow's own.

Ours is the user's where TULIP_DATABASE_URL names one; everything else lives in the private
server of the state folder.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from tulip_ops.core.settings import Settings
from tulip_ops.core.storage_settings import DatabaseSettings
from tulip_ops.postgis import connection, migrate, roles
from tulip_ops.services import airflow_config, env_file, postgres
from tulip_ops.services import secrets as keys
from tulip_ops.services.postgres import Server

SERVICE_FILE = "pg_service.conf"
OWNER, LOGINS, AIRFLOW = "local_owner", "local", "airflow"


@dataclass(frozen=True, slots=True)
class Databases:
    """URLs of the databases."""

    writer_url: str = field(repr=False)
    """Ours, for the steps."""
    reader_url: str = field(repr=False)
    """Ours, with no more rights than queries need; the user's own database if there is one."""
    airflow_url: str = field(repr=False)
    airflow_is_new: bool
    """Whether Airflow's database was created by this call."""
    by_hand: str
    """How to open ours with psql, no password in the line."""


class AdminServer(Protocol):
    """A server on which databases and logins may be created."""

    @property
    def url(self) -> str:
        """As the superuser, to the database `postgres`."""

    def address(self, database: str, user: str, password: str) -> str:
        """URL of one database for one login."""

    def run(self, sql: str, *, database: str = "postgres") -> str:
        """Run SQL as the superuser; returns "" if there is no row."""

    def administered(self, database: str) -> str:
        """URL of one database for the superuser."""


@dataclass(frozen=True, slots=True)
class RemoteServer:
    """A server in another container or on another machine, with its superuser's password."""

    host: str
    port: int
    password: str = field(repr=False)
    """Of the superuser."""

    @property
    def url(self) -> str:
        return self.administered("postgres")

    def administered(self, database: str) -> str:
        return self.address(database, postgres.ADMINISTRATOR, self.password)

    def address(self, database: str, user: str, password: str) -> str:
        login = f"{quote(user)}:{quote(password, safe='')}"
        return f"postgresql://{login}@{self.host}:{self.port}/{database}"

    def run(self, sql: str, *, database: str = "postgres") -> str:
        with connection.connect(self.administered(database), "tulip databases") as session:
            cursor = session.execute(sql.encode())
            row = cursor.fetchone() if cursor.description else None
        return "" if row is None else str(row[0])


def provide_on(server: AdminServer, state: Path) -> str:
    """Make and migrate what is missing on `server`; `<state>/local.env` then names it.

    Airflow's URL is written to `<state>/keys/airflow-url`. Returns the reader's URL of ours.
    """
    state = state.absolute()
    _, reader_url = _provide_ours(server, state)
    _create_airflow(server, state)
    url = server.address(AIRFLOW, AIRFLOW, _password(state, AIRFLOW))
    keys.write(state / "keys" / "airflow-url", airflow_config.sqlalchemy_url(url))
    return reader_url


def provide(settings: Settings) -> Databases:
    """Start, make and migrate what is missing; `<state>/local.env` then names it."""
    state = settings.storage.state.absolute()
    own = own_database(state, settings.database)
    airflow_url = settings.database.airflow_database_url
    server = None if own and airflow_url else postgres.start(state / "postgres")
    created = server is not None and airflow_url is None and _create_airflow(server, state)
    if server is not None and not own:
        writer_url, reader_url = _provide_ours(server, state)
        _write_service(server, state)
        by_hand = f"PGSERVICEFILE={settings.storage.state / SERVICE_FILE} psql service=tulip"
    else:
        migrate.migrate(settings.database.owner_url())
        reader, writer_url = settings.database.database_reader_url, settings.database.writer_url()
        reader_url = reader.get_secret_value() if reader else writer_url
        by_hand = 'psql "$TULIP_DATABASE_URL"'
    if airflow_url is not None:
        url = airflow_url.get_secret_value()
    else:
        assert server is not None  # noqa: S101 - started above, without an airflow_url
        url = server.address(AIRFLOW, AIRFLOW, _password(state, AIRFLOW))
    return Databases(writer_url, reader_url, url, created, by_hand)


def own_database(state: Path, settings: DatabaseSettings) -> bool:
    """Whether the settings name a database other than the one that we wrote into local.env."""
    url = env_file.read(state).get("TULIP_DATABASE_URL")
    return settings.database_url is not None and settings.database_url.get_secret_value() != url


def _provide_ours(server: AdminServer, state: Path) -> tuple[str, str]:
    """The database `tulip` with its schema and logins; returns the writer's and reader's URLs."""
    owner_password, writer_password, reader_password = (
        _password(state, name) for name in ("owner", "writer", "reader")
    )
    _create(server, "tulip", OWNER, owner_password, "createrole")
    server.run("create extension if not exists postgis", database="tulip")
    owner_url = server.address("tulip", OWNER, owner_password)
    migrate.migrate(owner_url)
    writer, reader = roles.grant_logins(
        server.administered("tulip"),
        writer_password=writer_password,
        reader_password=reader_password,
        prefix=LOGINS,
    )
    writer_url = server.address("tulip", writer, writer_password)
    reader_url = server.address("tulip", reader, reader_password)
    others = {k: v for k, v in env_file.read(state).items() if not k.startswith("TULIP_DATABASE_")}
    urls = {
        "TULIP_DATABASE_URL": writer_url,
        "TULIP_DATABASE_OWNER_URL": owner_url,
        "TULIP_DATABASE_READER_URL": reader_url,
    }
    env_file.write(state, others | urls)
    return writer_url, reader_url


def _write_service(server: Server, state: Path) -> None:
    """So that psql opens ours without a password in the line."""
    service = {
        "host": "127.0.0.1", "port": server.port, "dbname": "tulip",
        "user": f"{LOGINS}_reader", "password": _password(state, "reader"),
    }  # fmt: skip
    lines = [f"{name}={value}" for name, value in service.items()]
    keys.write(state / SERVICE_FILE, "\n".join(["[tulip]", *lines]))


def _create_airflow(server: AdminServer, state: Path) -> bool:
    return _create(server, AIRFLOW, AIRFLOW, _password(state, AIRFLOW), "nocreaterole")


def _create(server: AdminServer, database: str, owner: str, password: str, right: str) -> bool:
    """A database and the login that owns it; whether the database was created by this call.

    The password is one of ours: letters, digits, - and _.
    """
    known = f"select 1 from pg_roles where rolname = '{owner}'"  # noqa: S608 - a constant
    verb = "alter" if server.run(known) else "create"
    server.run(f"{verb} role {owner} login {right} password '{password}'")
    exists = f"select 1 from pg_database where datname = '{database}'"  # noqa: S608 - a constant
    if server.run(exists):
        return False
    server.run(f"create database {database} owner {owner}")
    return True


def _password(state: Path, name: str) -> str:
    return keys.read_or_create(state / "keys" / f"database-{name}")
