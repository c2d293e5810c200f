"""One acquisition, four sources, two radiometric baselines: the same pixels and the same row."""

from __future__ import annotations

import json
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

from tests.conftest import NewDatabase
from tests.services import providers, sentinel_hub_service
from tests.services.nginx import Nginx
from tests.services.providers import Files, Published
from tests.services.s3 import BUCKET, S3, serving
from tests.services.stac_api import StacServer
from tests.services.test_stac_source import FAST, on_grid
from tulip_ops import rasters, stac
from tulip_ops.cli import main
from tulip_ops.domain import BANDS, Area
from tulip_ops.grid import WGS84, project
from tulip_ops.postgis import areas, connection, migrations
from tulip_ops.sources.archive import Archive
from tulip_ops.stac_apis import BUILT_IN

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
def url(new_database: NewDatabase) -> str:
    url = new_database()
    migrations.migrate(url)
    with connection.connect(url, "tests") as database:
        areas.add_area(database, AREA)
    return url


def catalog_of(item: dict[str, Any]) -> dict[str, Any]:
    catalog = stac.new_catalog()
    catalog["links"].append({"rel": "item", "href": f"./{item['id']}.json"})
    return catalog


class Offered:
    """An acquisition at every provider, and the settings to read it from each."""

    def __init__(self, published: Published, added: int, offset: float, folder: Path) -> None:
        self.published, self.added, self.offset, self.folder = published, added, offset, folder
        self.files = providers.write_cogs(folder, str(folder), published, added=added)
        item = providers.earth_search_c1(published, self.files, offset=offset)
        item["properties"]["sat:relative_orbit"] = published.orbit
        self.item = item
        (folder / f"{item['id']}.json").write_text(json.dumps(item))
        (folder / "catalog.json").write_text(json.dumps(catalog_of(item)))

    def in_a_folder(self) -> dict[str, str]:
        return {"TULIP_SOURCES": '["archive"]', "TULIP_ARCHIVE": str(self.folder)}

    def in_s3(self, s3: S3) -> dict[str, str]:
        prefix = f"archive-{self.added}"
        for path in self.folder.iterdir():
            data = path.read_bytes().replace(
                str(self.folder).encode(), f"s3://{BUCKET}/{prefix}".encode()
            )
            s3.client().put_object(Bucket=BUCKET, Key=f"{prefix}/{path.name}", Body=data)
        return {
            "TULIP_SOURCES": '["archive"]',
            "TULIP_ARCHIVE": f"s3://{BUCKET}/{prefix}",
            "TULIP_S3_ENDPOINT": s3.url,
        }

    def in_a_stac_api(self, stac_server: StacServer, web_server: Nginx) -> dict[str, str]:
        name = f"agree-{self.added}"
        (web_server.root / name).mkdir()
        for path in self.files.paths.values():
            (web_server.root / name / path.name).write_bytes(path.read_bytes())
        files = Files(f"{web_server.url}/{name}", self.files.paths)
        item = providers.earth_search_c1(self.published, files, offset=self.offset)
        item["properties"]["sat:relative_orbit"] = self.published.orbit
        for collection in ("sentinel-2-c1-l2a", "sentinel-2-l2a"):
            stac_server.put_collection(collection)
        stac_server.put_items([item])
        api = BUILT_IN["earth-search"].model_copy(update={"url": stac_server.url, **FAST})
        return {
            "TULIP_SOURCES": '["earth-search"]',
            "TULIP_STAC_APIS": json.dumps({"earth-search": api.model_dump()}),
        }

    def in_sentinel_hub(self, deployment: sentinel_hub_service.Deployment) -> dict[str, str]:
        return {
            "TULIP_SOURCES": '["sentinel-hub"]',
            "TULIP_SH_URL": deployment.url,
            "TULIP_SH_TOKEN_URL": deployment.token_url,
            "TULIP_SH_CLIENT_ID": deployment.client_id,
            "TULIP_SH_CLIENT_SECRET": deployment.client_secret,
        }


@pytest.fixture(scope="module", params=list(BASELINES))
def offered(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Offered:
    added, offset = BASELINES[request.param]
    published = replace(GROUND, baseline=request.param)
    return Offered(published, added, offset, tmp_path_factory.mktemp("offered"))


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
        values, bands, grid = rasters.read_reflectance(product)
        return Carried(row, attempt["figures"], values, bands, grid)

    return carry


def test_all_sources_give_the_same_reflectance_and_the_same_row(
    offered: Offered,
    carry: Callable[[dict[str, str]], Carried],
    s3: S3,
    stac_server: StacServer,
    web_server: Nginx,
) -> None:
    with sentinel_hub_service.serving(Archive(offered.folder)) as deployment:
        carried = {
            "a folder": carry(offered.in_a_folder()),
            "S3": carry(offered.in_s3(s3)),
            "a STAC API": carry(offered.in_a_stac_api(stac_server, web_server)),
            "Sentinel Hub": carry(offered.in_sentinel_hub(deployment)),
        }
    first = carried["a folder"]
    truth = on_grid(offered.published)[:, :, :96]
    assert first.bands == BANDS
    np.testing.assert_allclose(first.reflectance, truth, atol=1.01e-4)
    assert first.row["acquisition_id"] == ID
    assert first.row["state"] == "acquired"
    assert first.row["baseline"] == offered.published.baseline
    assert (first.row["relative_orbit"], first.row["provider_cloud_cover"]) == (51, 12.5)
    for name, other in carried.items():
        assert other.row == first.row, name
        assert (other.figures, other.bands, other.grid) == (first.figures, first.bands, first.grid)
        np.testing.assert_allclose(other.reflectance, first.reflectance, atol=1.01e-4, err_msg=name)
        assert np.array_equal(np.isnan(other.reflectance), np.isnan(first.reflectance)), name
