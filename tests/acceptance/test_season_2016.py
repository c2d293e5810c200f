"""The main job on real scenes: seven images of 2016, from a folder to a bloom history in SQL."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path

import geopandas
import httpx
import numpy as np
import pystac
import pystac.validation
import pytest
import rasterio
import shapely
from numpy.typing import NDArray
from rio_cogeo.cogeo import cog_validate

from tests.acceptance.conftest import Stack
from tulip_ops.raster.grid import Grid
from tulip_ops.raster.projection import geodesic_area, project
from tulip_ops.raster.rasterize import mask_to_polygons, polygons_to_labels
from tulip_ops.raster.reader import read_warped

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

DATES = ["2016-04-21", "2016-05-01", "2016-05-01", "2016-05-08", "2016-05-08", "2016-05-11",
         "2016-05-11"]  # fmt: skip
RASTERS = {
    "reflectance.tif": "uint16",
    "cloud.tif": "uint8",
    "tulip.tif": "uint8",
    "evidence.tif": "int16",
    "probability.tif": "uint8",
}


def _products(stack: Stack) -> list[Path]:
    return sorted((stack.state / "store").iterdir())


def test_the_ledger_holds_seven_acquisitions_with_their_dates(stack: Stack) -> None:
    rows = stack.rows("select day::text from tulip.acquisition order by day, acquisition_id")
    assert [day for (day,) in rows] == DATES
    assert stack.rows("select distinct platform, tile, simulated from tulip.acquisition") == [
        ("S2A", "31UFU", False)
    ]


def test_every_acquisition_ends_recorded_or_skipped_with_its_verdict(stack: Stack) -> None:
    rows = stack.rows("select state, verdict, clear_fraction from tulip.acquisition")
    assert len(rows) == 7
    for state, verdict, clear in rows:
        assert state in {"recorded", "skipped"}
        assert isinstance(clear, float)
        assert (verdict is None) == (state == "recorded")
    assert sum(state == "recorded" for state, _, _ in rows) >= 4


def test_products_are_valid_cogs_on_the_ten_metre_grid(stack: Stack) -> None:
    seen = 0
    for folder in _products(stack):
        for path in folder.glob("*.tif"):
            valid, errors, warnings = cog_validate(path, strict=True, quiet=True)
            assert valid, (path, errors, warnings)
            with rasterio.open(path) as raster:
                assert raster.crs.to_epsg() == 32631
                assert raster.res == (10.0, 10.0)
                assert (raster.transform.c - 600000) % 10 == 0
                assert (raster.transform.f - 5900040) % 10 == 0
                assert raster.dtypes[0] == RASTERS[path.name]
                assert raster.read(1).any()
            seen += 1
    assert seen >= 7 * 2


def test_items_are_valid_stac_and_list_what_is_there(stack: Stack) -> None:
    for folder in _products(stack):
        item = pystac.Item.from_file(str(folder / "item.json"))
        document = item.to_dict(transform_hrefs=False)
        pystac.validation.validate_dict({**document, "stac_extensions": []})
        for asset in item.assets.values():
            content = (folder / asset.href).read_bytes()
            assert asset.extra_fields["file:size"] == len(content)
            assert asset.extra_fields["file:checksum"] == (
                "1220" + hashlib.sha256(content).hexdigest()
            )


def test_detections_open_in_geopandas_and_agree_with_the_table(stack: Stack) -> None:
    recorded = stack.rows(
        "select acquisition_id, count(d.ordinal) from tulip.acquisition"
        " left join tulip.detection d using (acquisition_id)"
        " where state = 'recorded' group by 1"
    )
    assert sum(int(str(count)) for _, count in recorded) > 0
    for acquisition_id, count in recorded:
        table = geopandas.read_parquet(
            stack.state / "store" / str(acquisition_id) / "detections.parquet"
        )
        assert table.crs.to_epsg() == 4326
        assert len(table) == count
        assert table.geometry.is_valid.all()


def test_every_detection_names_its_model_and_its_run(stack: Stack) -> None:
    rows = stack.rows(
        "select distinct m.name, m.version, length(m.sha256), d.run_id <> ''"
        " from tulip.detection d join tulip.model m on m.model_id = d.unet_id"
    )
    assert [(name, digits, run) for name, _, digits, run in rows] == [("unet-rgb", 64, True)]


def test_the_season_of_2016_is_summed_up(stack: Stack) -> None:
    rows = stack.rows(
        "select area, season, simulated, fields_bloomed + fields_not_bloomed + fields_not_seen"
        " from tulip.season_summary"
    )
    assert [(area, season, simulated) for area, season, simulated, _ in rows] == [
        ("noordoostpolder", 2016, False)
    ]
    fields = stack.rows("select count(*) from tulip.field_season where season = 2016")
    assert int(str(rows[0][3])) == int(str(fields[0][0])) > 0
    assert "noordoostpolder" in stack.tulip("database", "seasons").stdout


def _grown(real_data: Path) -> list[tuple[Grid, NDArray[np.bool_]]]:
    """Where tulips grew by the masks of both patches, and their grids."""
    found = []
    for path in sorted((real_data / "noordoostpolder_2016").glob("*_geopedia_*.tif")):
        with rasterio.open(path) as raster:
            grid = Grid(3857, raster.transform.c, raster.transform.f, raster.width, raster.height,
                        resolution=raster.transform.a)  # fmt: skip
            found.append((grid, raster.read(1) > 127))
    return found


def test_the_fields_are_those_on_which_tulips_grew(stack: Stack, real_data: Path) -> None:
    outlines = [
        project(shapely.from_wkb(geometry), 4326, 3857)
        for (geometry,) in stack.rows(
            "select st_asbinary(geometry) from tulip.field_outline where season = 2016"
        )
    ]
    both = either = 0
    on_tulips = set()
    for grid, grown in _grown(real_data):
        labels = polygons_to_labels(outlines, grid)
        both += np.count_nonzero((labels >= 0) & grown)
        either += np.count_nonzero((labels >= 0) | grown)
        size = np.bincount(labels[labels >= 0], minlength=len(outlines))
        right = np.bincount(labels[(labels >= 0) & grown], minlength=len(outlines))
        on_tulips |= set(np.flatnonzero(right > size / 2).tolist())
    assert both / either >= 0.77
    assert len(on_tulips) / len(outlines) >= 0.75


@pytest.mark.parametrize("patch", ["91c1b440a0f65242f57db540e1045342",
                                   "91c1b440cae95242f57db5400df85242"])  # fmt: skip
def test_the_area_of_the_truth_agrees_with_the_national_grid(real_data: Path, patch: str) -> None:
    path = real_data / "noordoostpolder_2016" / f"tulip_{patch}_geopedia_ttl1904.tif"
    with rasterio.open(path) as raster:
        present = raster.read(1) > 0
        grid = Grid(3857, raster.transform.c, raster.transform.f, raster.width, raster.height,
                    resolution=raster.transform.a)  # fmt: skip
        outlines = mask_to_polygons(present, grid)
        shapes = list(rasterio.features.shapes(present.astype("uint8"), present,
                                               transform=raster.transform))  # fmt: skip
    ours = sum(geodesic_area(project(outline, 3857, 4326)) for outline in outlines)
    independent = geopandas.GeoDataFrame.from_features(
        [{"type": "Feature", "properties": {}, "geometry": shape} for shape, _ in shapes],
        crs=3857,
    ).to_crs(28992)
    assert ours == pytest.approx(independent.area.sum(), rel=0.005)
    on_tile = Grid(32631, 600000.0, 5900040.0, 10980, 10980).window(
        project(outlines[0].envelope, 3857, 32631).buffer(4000).bounds
    )
    warped = read_warped([(str(path), 1)], on_tile)[0] >= 127.5
    assert np.count_nonzero(warped) * 100 == pytest.approx(ours, rel=0.02)


def test_running_everything_again_leaves_every_row_as_it_was(stack: Stack) -> None:
    before = stack.everything()
    files = {p: p.stat().st_mtime_ns for p in (stack.state / "store").rglob("*.tif")}
    stack.tulip("local", "demo")
    for (acquisition_id,) in stack.rows("select acquisition_id from tulip.acquisition"):
        state = stack.rows(
            f"select state from tulip.acquisition where acquisition_id = '{acquisition_id}'"
        )[0][0]
        stack.tulip("run", str(acquisition_id), expect=0 if state == "recorded" else 99)
    stack.tulip("history")
    assert stack.everything() == before
    assert {p: p.stat().st_mtime_ns for p in (stack.state / "store").rglob("*.tif")} == files


def test_an_acquisition_is_started_by_hand_over_rest(stack: Stack, api: _Api) -> None:
    wanted = str(stack.rows(
        "select acquisition_id from tulip.acquisition where state = 'recorded' order by 1 limit 1"
    )[0][0])  # fmt: skip
    run = api.trigger("tulip_acquisition", {"acquisition_id": wanted})
    assert api.ending("tulip_acquisition", run) == "success"


def test_a_word_that_is_no_id_is_refused_by_the_api(api: _Api) -> None:
    answer = api.post("tulip_acquisition", {"acquisition_id": "yesterday"})
    assert answer.status_code == 400
    assert "yesterday" in answer.text


def test_an_unknown_id_fails_its_own_run_without_a_retry(api: _Api) -> None:
    run = api.trigger("tulip_acquisition", {"acquisition_id": "S2A_31UFU_20160602_0_L2A"})
    assert api.ending("tulip_acquisition", run) == "failed"
    tasks = api.get(f"dags/tulip_acquisition/dagRuns/{run}/taskInstances").json()["task_instances"]
    assert {t["task_id"]: t["try_number"] for t in tasks if t["state"] == "failed"} == {
        "acquire": 1
    }


@pytest.fixture(scope="module")
def api(stack: Stack) -> Iterator[_Api]:
    api = _Api(stack)
    yield api
    api.close()


class _Api:
    """Airflow's REST API, logged in as the demo says."""

    def __init__(self, stack: Stack) -> None:
        status = json.loads(stack.tulip("local", "status", "--json").stdout)
        self._client = httpx.Client(base_url=status["url"], timeout=60)
        password = json.loads(Path(status["password_file"]).read_text())[status["user"]]
        token = self._client.post(
            "/auth/token", json={"username": status["user"], "password": password}
        ).json()["access_token"]
        self._client.headers["Authorization"] = f"Bearer {token}"

    def close(self) -> None:
        self._client.close()

    def get(self, path: str) -> httpx.Response:
        return self._client.get(f"/api/v2/{path}")

    def post(self, dag: str, conf: dict[str, str]) -> httpx.Response:
        body = {"logical_date": None, "conf": conf}
        return self._client.post(f"/api/v2/dags/{dag}/dagRuns", json=body)

    def trigger(self, dag: str, conf: dict[str, str]) -> str:
        answer = self.post(dag, conf)
        assert answer.is_success, answer.text
        return str(answer.json()["dag_run_id"])

    def ending(self, dag: str, run: str) -> str:
        for _ in range(240):
            state = str(self.get(f"dags/{dag}/dagRuns/{run}").json()["state"])
            if state in {"success", "failed"}:
                return state
            time.sleep(0.5)
        raise AssertionError(f"{run} did not end")
