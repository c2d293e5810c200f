"""Which ground is read, asked about and counted, judged by shapely."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shapely
from shapely.geometry import MultiPolygon, box

from tests.unit.counting import ID, CountingSource
from tulip_ops.core.types import Acquisition, Area
from tulip_ops.pipeline import area_masks
from tulip_ops.raster import cog
from tulip_ops.raster.grid import Grid
from tulip_ops.raster.probability import PROBABILITY_STEPS
from tulip_ops.raster.projection import WGS84, project, transformer_of
from tulip_ops.storage import stac_items
from tulip_ops.storage.product_store import ProductStore
from tulip_ops.storage.products import CLOUD

AREA = Area("polder", MultiPolygon([box(5.70, 52.70, 5.72, 52.71)]))


@pytest.fixture
def acquisition(tmp_path: Path) -> Acquisition:
    return CountingSource(tmp_path / "asked").acquisition


@pytest.fixture
def grid(acquisition: Acquisition) -> Grid:
    read = area_masks.read_grid(acquisition, [AREA])
    assert read is not None
    return read


def centres_within(shape: shapely.Geometry, grid: Grid) -> np.ndarray:
    x = grid.left + grid.resolution * (np.arange(grid.width) + 0.5)
    y = grid.top - grid.resolution * (np.arange(grid.height) + 0.5)
    return shapely.contains_xy(shape, *np.meshgrid(x, y))


def test_an_area_is_read_with_its_surroundings(grid: Grid) -> None:
    left, bottom, right, top = project(AREA.geometry, WGS84, grid.epsg).bounds
    read = (grid.left - left, grid.bounds[1] - bottom, grid.bounds[2] - right, grid.top - top)
    assert read == pytest.approx((-640, -640, 640, 640), abs=grid.resolution)


def test_nothing_is_read_beyond_the_footprint(acquisition: Acquisition) -> None:
    west = replace(acquisition, footprint=MultiPolygon([box(5.0, 52.0, 5.71, 53.0)]))
    read = area_masks.read_grid(west, [AREA])
    assert read is not None
    assert read.bounds[2] <= project(west.footprint, WGS84, read.epsg).bounds[2] + read.resolution
    away = replace(acquisition, footprint=MultiPolygon([box(5.0, 52.0, 5.5, 53.0)]))
    assert area_masks.read_grid(away, [AREA]) is None


def test_what_counts_lies_inside_and_what_is_asked_around(grid: Grid) -> None:
    area = project(AREA.geometry, WGS84, grid.epsg)
    np.testing.assert_array_equal(area_masks.area_pixels([AREA], grid), centres_within(area, grid))
    near = centres_within(area.buffer(area_masks.CONTEXT), grid)
    wanted = area_masks.rows_around([AREA], grid)
    np.testing.assert_array_equal(wanted(slice(20, 90)), near[20:90])
    assert not near.all()  # the corners are further away


def test_segment_asks_where_screen_found_the_ground_clear(
    tmp_path: Path, acquisition: Acquisition, grid: Grid
) -> None:
    cloud = np.linspace(0, 1, grid.width * grid.height, dtype=np.float32).reshape(grid.shape)
    cloud[:, :7] = np.nan
    store = ProductStore(str(tmp_path / "store"))
    store.start_item(ID, stac_items.product_item(acquisition, grid, ("red",)))
    with store.writing(ID, CLOUD) as path:
        with cog.probability_writer(path, grid, ("cloud",)) as draft:
            draft.write(cloud[np.newaxis], 0, 0)
        store.publish(ID, CLOUD, path, recipe="r", fields={"tulip:threshold": 0.3})
    with area_masks.clear_mask(ID, store) as wanted:
        clear = np.concatenate([wanted(slice(0, 50)), wanted(slice(50, grid.height))])
    certain = np.isnan(cloud) | (np.abs(cloud - 0.3) > 1 / PROBABILITY_STEPS)
    np.testing.assert_array_equal(clear[certain], (cloud < 0.3)[certain])


def test_only_measured_ground_below_the_threshold_is_clear() -> None:
    cloud = np.array([[0.1, 0.5, 0.9, np.nan]], dtype=np.float32)
    assert area_masks.clear(cloud, 0.5).tolist() == [[True, False, False, False]]


def test_the_clear_share_is_of_the_areas_alone_however_the_grid_is_cut(grid: Grid) -> None:
    within = area_masks.area_pixels([AREA], grid)
    clear = np.random.default_rng(1).random(grid.shape) < 0.3
    share = area_masks.AreaShare([AREA])
    assert share.value == 0.0
    for rows in (slice(0, 40), slice(40, 41), slice(41, grid.height)):
        share.add(clear[rows], grid.rows(rows))
    assert share.value == np.count_nonzero(clear & within) / np.count_nonzero(within)


@pytest.mark.parametrize("west_east", [(5.0, 6.0), (3.0, 8.0), (-20.0, 60.0), (-179.0, 0.9)])
def test_the_edge_of_a_wide_area_lies_where_it_was_drawn(west_east: tuple[float, float]) -> None:
    grid = Grid(32631, 640000.0, 5860000.0, 200, 6000)
    west, east = west_east[0], max(west_east[1], 6.0)
    area = Area("wide", MultiPolygon([box(west, 52.5, east, 52.9)]))
    x, y = np.meshgrid(
        grid.left + grid.resolution * (np.arange(0, grid.width, 50) + 0.5),
        grid.top - grid.resolution * (np.arange(grid.height) + 0.5),
    )
    longitude, latitude = transformer_of(grid.epsg, WGS84).transform(x, y)
    true = shapely.contains_xy(area.geometry, longitude, latitude)
    found = area_masks.area_pixels([area], grid)[:, ::50]
    assert (true != found).sum() <= 2 * found.shape[1]  # a pixel of each edge
    assert found.any()
