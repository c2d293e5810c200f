"""One acquisition, four sources, two radiometric baselines: the same pixels and the same row."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from click.testing import CliRunner
from psycopg.rows import dict_row
from shapely.geometry import MultiPolygon, box

from tests.services import providers
from tests.services.nginx import Nginx
from tests.services.offers import Copy, offering
from tests.services.s3 import S3, serving
from tests.services.stac_api import StacServer
from tests.services.test_stac_source import on_grid
from tulip_ops.cli.main import main
from tulip_ops.core.types import BANDS, Area
from tulip_ops.postgis import areas, connection
from tulip_ops.raster import cog
from tulip_ops.raster.projection import WGS84, project

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

GROUND = providers.without(providers.ground(128), columns=slice(96, None))
"""The swath ends at column 96."""
ID = "S2B_31UFU_20260420_0_L2A"
BASELINES = {"05.11": (1000, -0.1), "02.14": (0, 0.0)}
"""What each adds to DN, and the offset that takes it away."""
AREA = Area("polder", MultiPolygon([project(box(*GROUND.grid.bounds).buffer(-200), 32631, WGS84)]))


@dataclass(frozen=True)
class Carried:
    """What an acquisition came to, but for where it came from and when."""

    row: dict[str, Any]
    figures: dict[str, Any]
    reflectance: np.ndarray
    bands: tuple[str, ...]
    grid: object


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with serving() as server:
        yield server


@pytest.fixture(scope="module")
def url(database_url: str) -> str:
    with connection.connect(database_url, "tests") as database:
        areas.add_area(database, AREA)
    return database_url


@pytest.fixture(scope="module", params=list(BASELINES))
def copy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Copy:
    added, offset = BASELINES[request.param]
    published = replace(GROUND, baseline=request.param)
    folder = tmp_path_factory.mktemp("copy") / "scene"
    return Copy.written(published, folder, added=added, offset=offset)


@pytest.fixture
def carry(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[dict[str, str]], Carried]:
    for name in [name for name in os.environ if name.startswith(("TULIP_", "SH_"))]:
        monkeypatch.delenv(name)

    def carry(environment: dict[str, str]) -> Carried:
        common = {"TULIP_STATE": str(tmp_path), "TULIP_DATABASE_URL": url, "TULIP_RUN_ID": "test"}
        runner = CliRunner(env={**common, **environment})
        for words in (("discover", "--since", "2026-04-01", "--until", "2026-04-30"),
                      ("acquire", ID, "--force")):  # fmt: skip
            done = runner.invoke(main, words)
            assert done.exit_code == 0, (words, done.output, done.exception)
        with psycopg.connect(url, row_factory=dict_row) as database:
            row = database.execute("select * from tulip.acquisition").fetchone()
            attempt = database.execute("select figures from tulip.attempt").fetchone()
            database.execute("delete from tulip.acquisition")
        assert row is not None
        assert attempt is not None
        for name in ("source", "href", "discovered_at", "updated_at"):
            del row[name]
        product = tmp_path / "store" / ID / "reflectance.tif"
        values, bands, grid = cog.read_reflectance(product)
        return Carried(row, attempt["figures"], values, bands, grid)

    return carry


def test_all_sources_give_the_same_reflectance_and_the_same_row(
    copy: Copy,
    carry: Callable[[dict[str, str]], Carried],
    s3: S3,
    stac_server: StacServer,
    web_server: Nginx,
    tmp_path: Path,
) -> None:
    carried = {}
    with offering(tmp_path / "offers", s3, stac_server, web_server) as offers:
        for offer in offers:
            offer.publish(copy)
            carried[offer.name] = carry(offer.environment())
    first = carried["folder"]
    truth = on_grid(copy.published)[:, :, :96]
    assert first.bands == BANDS
    np.testing.assert_allclose(first.reflectance, truth, atol=1.01e-4)
    assert first.row["acquisition_id"] == ID
    assert first.row["state"] == "acquired"
    assert first.row["baseline"] == copy.published.baseline
    assert (first.row["relative_orbit"], first.row["provider_cloud_cover"]) == (51, 12.5)
    assert len(carried) == 4
    for name, other in carried.items():
        assert other.row == first.row, name
        assert (other.figures, other.bands, other.grid) == (first.figures, first.bands, first.grid)
        np.testing.assert_allclose(other.reflectance, first.reflectance, atol=1.01e-4, err_msg=name)
        assert np.array_equal(np.isnan(other.reflectance), np.isnan(first.reflectance)), name
