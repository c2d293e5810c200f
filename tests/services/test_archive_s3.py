"""An archive in S3, through a real server that speaks its protocol."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import boto3
import numpy as np
import pytest
from shapely.geometry import MultiPolygon, box

from tests.services.s3 import S3, serving
from tulip_ops.core.errors import ArchiveNotFound, SourceUnavailable, UnreadableRaster
from tulip_ops.core.types import AcquisitionId, Area
from tulip_ops.raster.grid import Grid
from tulip_ops.raster.mgrs import tile_grid
from tulip_ops.sources.archive.source import Archive
from tulip_ops.sources.read_cache import MemoryReadCache

POLDER = Area("polder", MultiPolygon([box(5.5, 52.6, 6.0, 52.9)]))
GRID = Grid(32631, 680000.0, 5850000.0, 700, 600)
SIM = AcquisitionId.parse("SIM_31UFU_20260420_0_L2A")
PLACE = "s3://scenes/tulips/2026"


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with serving() as server:
        yield server


@pytest.fixture
def endpoint(s3: S3) -> str:
    return s3.url


def test_an_archive_in_s3_is_written_found_and_read(endpoint: str) -> None:
    archive = Archive(PLACE, endpoint)
    reflectance = np.random.default_rng(1).uniform(0.01, 0.5, (3, *GRID.shape)).astype(np.float32)
    bands = ("green", "red", "nir")
    archive.add_scene(SIM, datetime(2026, 4, 20, tzinfo=UTC), reflectance, bands, GRID)
    archive.add_truth(SIM, "truth", np.ones((1, *GRID.shape), np.uint8), GRID, ("class",))

    [acquisition] = Archive(PLACE, endpoint).search([POLDER], date(2026, 1, 1), date(2026, 12, 31))
    assert acquisition.href == f"{PLACE}/{SIM}/{SIM}.json"
    window = tile_grid("31UFU").window((681000, 5845000, 682000, 5846000))
    values, names = archive.read(acquisition, window, MemoryReadCache())
    assert names == bands
    row, column = int((GRID.top - window.top) / 10), int((window.left - GRID.left) / 10)
    expected = reflectance[:, row : row + 100, column : column + 100]
    np.testing.assert_allclose(values, expected, atol=0.51e-4)


def test_files_are_added_to_s3_once(endpoint: str, real_data: Path) -> None:
    files = sorted((real_data / "noordoostpolder_2016").glob("*20160501*TRUE_COLOR.tif"))
    archive = Archive("s3://scenes/real", endpoint)
    ids = archive.add_files(files)
    assert [str(i) for i in ids] == ["S2A_31UFU_20160501_0_L2A", "S2A_31UFU_20160501_1_L2A"]
    assert Archive("s3://scenes/real", endpoint).add_files(files) == ids
    assert {scene.id for scene in archive.scenes()} == set(ids)
    listing = boto3.client("s3", endpoint_url=endpoint).list_objects_v2(
        Bucket="scenes", Prefix="real/"
    )
    assert len(listing["Contents"]) == 5
    archive.remove(ids[0])
    assert [scene.id for scene in archive.scenes()] == ids[1:]


@pytest.mark.parametrize("place", ["s3://scenes/empty", "s3://nobucket/x"])
def test_a_place_without_a_catalog_is_said(endpoint: str, place: str) -> None:
    with pytest.raises(ArchiveNotFound, match="tulip archive add"):
        list(Archive(place, endpoint).scenes())


def test_pixels_that_are_gone_are_said(endpoint: str) -> None:
    archive = Archive("s3://scenes/gone", endpoint)
    reflectance = np.full((1, *GRID.shape), 0.2, np.float32)
    archive.add_scene(SIM, datetime(2026, 4, 20, tzinfo=UTC), reflectance, ("red",), GRID)
    boto3.client("s3", endpoint_url=endpoint).delete_object(
        Bucket="scenes", Key=f"gone/{SIM}/reflectance.tif"
    )
    acquisition = archive.find(SIM)
    assert acquisition is not None
    with pytest.raises(UnreadableRaster, match=r"reflectance\.tif"):
        archive.read(acquisition, GRID, MemoryReadCache())


def test_a_server_that_does_not_answer_is_said() -> None:
    with pytest.raises(SourceUnavailable, match=r"127\.0\.0\.1:9 .*TULIP_S3_ENDPOINT"):
        list(Archive(PLACE, "http://127.0.0.1:9").scenes())
