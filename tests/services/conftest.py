"""Real servers that several modules share."""

from collections.abc import Iterator

import pytest

from tests.conftest import NewDatabase
from tests.services import nginx, stac_api
from tests.services.nginx import Nginx
from tests.services.stac_api import StacServer
from tulip_ops.postgis import migrate


@pytest.fixture(scope="session")
def web_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """nginx, for rasters."""
    with nginx.serving(tmp_path_factory.mktemp("nginx")) as server:
        yield server


@pytest.fixture(scope="session")
def stac_server(
    tmp_path_factory: pytest.TempPathFactory, new_database: NewDatabase
) -> Iterator[StacServer]:
    """A STAC API without collections."""
    with stac_api.serving(tmp_path_factory.mktemp("stac"), new_database()) as server:
        yield server


@pytest.fixture(scope="module")
def database_url(new_database: NewDatabase) -> str:
    """A migrated database, as its owner."""
    url = new_database()
    migrate.migrate(url)
    return url
