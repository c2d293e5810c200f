"""What every tier shares: where the real imagery lies, and a real PostGIS server."""

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from psycopg.conninfo import make_conninfo

from tests import distribution

# Speed is measured in benchmarks, not in tests; a run that blocks others must be repeatable.
settings.register_profile(
    "tulip",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("tulip")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> distribution.Groups:
    return distribution.Groups(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: distribution.by_duration(item.nodeid))


NewDatabase = Callable[[], str]
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def repository() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of public imagery that must not be redistributed; named by TULIP_REAL_DATA."""
    folder = Path(os.environ.get("TULIP_REAL_DATA") or ROOT.parent / "shared" / "data")
    if not (folder / "noordoostpolder_2016").is_dir():
        reason = f"no real imagery in {folder}; set TULIP_REAL_DATA to a folder that holds it"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Superuser URL of a private PostgreSQL server with PostGIS, one for the whole run."""
    from tulip_ops.services import postgres

    server = postgres.start(tmp_path_factory.mktemp("postgres"), durable=False)
    yield server.url
    server.stop()


@pytest.fixture(scope="session")
def new_database(server_url: str) -> Iterator[NewDatabase]:
    """Makes empty databases, and removes them in the end."""
    names = []

    def create() -> str:
        names.append(f"tulip_{uuid.uuid4().hex[:12]}")
        with psycopg.connect(server_url, autocommit=True) as server:
            server.execute(f"create database {names[-1]}")
        return make_conninfo(server_url, dbname=names[-1])

    yield create
    with psycopg.connect(server_url, autocommit=True) as server:
        for name in names:
            server.execute(f"drop database {name} with (force)")
