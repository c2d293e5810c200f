"""A small storm of faults; bench/faults.py is the large one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import NewDatabase
from tests.services.nginx import Nginx
from tests.services.offers import Copy, offering
from tests.services.s3 import S3, serving
from tests.services.stac_api import StacServer
from tests.services.storm import AREA, GROUND, Storm
from tulip_ops.postgis import areas, connection, migrate

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with serving() as server:
        yield server


def test_of_faults_at_random_nothing_is_lost(
    s3: S3,
    stac_server: StacServer,
    web_server: Nginx,
    new_database: NewDatabase,
    tmp_path: Path,
) -> None:
    url = new_database()
    migrate.migrate(url)
    with connection.connect(url, "tests") as database:
        areas.add_area(database, AREA)
    pristine = Copy.written(GROUND, tmp_path / "pristine", added=1000, offset=-0.1)
    with offering(tmp_path / "offers", s3, stac_server, web_server) as offers:
        report = Storm(offers, pristine, url, tmp_path / "storm", seed=5).strike(20)
    print("\n".join(report.lines()))
    assert report.lost == []
    assert sum(report.endings.values()) == 20
    assert len({ending for _, _, ending in report.endings}) > 3
