from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from pyproj import Transformer
from shapely.geometry import box

from tests.unit.geotiffs import GRID, geotiff, noise
from tulip_ops.core.errors import BandMissing, UnreadableRaster
from tulip_ops.raster.grid import Grid
from tulip_ops.raster.header import inspect
from tulip_ops.raster.mgrs import tile_grid
from tulip_ops.raster.projection import geodesic_area, project
from tulip_ops.raster.reader import read_warped


def test_on_its_own_grid_a_raster_is_read_as_it_is(tmp_path: Path) -> None:
    pixels = noise(3, 30, 40, high=9000).astype(np.uint16)
    href = geotiff(tmp_path / "a.tif", pixels)
    values = read_warped([(href, 3), (href, 1)], GRID, scale=1e-4, offset=-0.1)
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, pixels[[2, 0]] * 1e-4 - 0.1, atol=1e-6)


def test_bands_come_from_several_files_in_the_order_asked(tmp_path: Path) -> None:
    pixels = noise(3, 30, 40).astype(np.uint8)
    one = geotiff(tmp_path / "one.tif", pixels[:2])
    two = geotiff(tmp_path / "two.tif", pixels[2:])
    values = read_warped([(two, 1), (one, 2), (one, 1)], GRID)
    np.testing.assert_array_equal(values, pixels[[2, 1, 0]])


def test_beyond_the_source_nothing_was_measured(tmp_path: Path) -> None:
    href = geotiff(tmp_path / "a.tif", np.full((1, 30, 40), 5, np.uint8))
    wider = Grid(32631, 599800.0, 5900140.0, 80, 60)
    values = read_warped([(href, 1)], wider)[0]
    measured = np.isfinite(values)
    assert measured.sum() == 30 * 40
    assert measured[10:40, 20:60].all()
    assert np.isnan(read_warped([(href, 1)], Grid(32631, 0.0, 0.0, 8, 8))).all()


@pytest.mark.parametrize("shift", [0.0, 3.0, 5.0])
@pytest.mark.parametrize("side", [10.0, 5.0, 20.0])
def test_nodata_never_bleeds(tmp_path: Path, shift: float, side: float) -> None:
    pixels = np.full((1, 60, 80), 200, np.uint16)
    pixels[:, 20:30, 20:30] = 0
    href = geotiff(tmp_path / "a.tif", pixels, Grid(32631, 600000.0, 5900040.0, 80, 60, side))
    grid = Grid(32631, 600000.0 + shift, 5900040.0 - shift, 30, 25)
    values = read_warped([(href, 1)], grid, nodata=0)
    measured = values[np.isfinite(values)]
    assert measured.size
    np.testing.assert_array_equal(measured, 200)
    declared = geotiff(
        tmp_path / "b.tif", pixels, Grid(32631, 600000.0, 5900040.0, 80, 60, side), nodata=0
    )
    np.testing.assert_array_equal(read_warped([(declared, 1)], grid), values)


def test_a_pixel_that_one_band_misses_is_there_in_the_others(tmp_path: Path) -> None:
    pixels = noise(2, 30, 40).astype(np.uint8)
    pixels[0, 4, 4] = 0
    href = geotiff(tmp_path / "a.tif", pixels, nodata=0)
    values = read_warped([(href, 1), (href, 2)], GRID)
    assert np.isnan(values[0, 4, 4])
    assert values[1, 4, 4] == pixels[1, 4, 4]


def test_alpha_means_measured(tmp_path: Path) -> None:
    pixels = noise(4, 30, 40).astype(np.uint8)
    pixels[3] = 255
    pixels[:, 5:10, 5:10] = 0
    href = geotiff(tmp_path / "a.tif", pixels, photometric="RGB", alpha="YES")
    values = read_warped([(href, 1), (href, 2), (href, 3)], GRID)
    assert np.isnan(values[:, 5:10, 5:10]).all()
    assert np.isfinite(values).sum() == 3 * (30 * 40 - 25)
    assert inspect(href).has_alpha
    assert len(inspect(href).bands) == 3


def test_floats_may_mark_what_is_missing_by_nan(tmp_path: Path) -> None:
    pixels = noise(1, 30, 40).astype(np.float32)
    pixels[:, 3] = np.nan
    href = geotiff(tmp_path / "a.tif", pixels, nodata=np.nan)
    np.testing.assert_array_equal(read_warped([(href, 1)], GRID), pixels)


def averaged_by_hand(pixels: np.ndarray, transform: Affine, grid: Grid) -> np.ndarray:
    """EPSG:3857 pixels at 16 x 16 places within each pixel of `grid`, averaged; no GDAL."""
    inside = (np.arange(16) + 0.5) / 16
    rows = (np.arange(grid.height)[:, None] + inside).ravel()
    columns = (np.arange(grid.width)[:, None] + inside).ravel()
    eastings = np.broadcast_to(grid.left + 10 * columns, (rows.size, columns.size))
    northings = np.broadcast_to((grid.top - 10 * rows)[:, None], eastings.shape)
    to_mercator = Transformer.from_crs(grid.epsg, 3857, always_xy=True)
    x, y = to_mercator.transform(eastings, northings)
    column = np.floor((x - transform.c) / transform.a).astype(int)
    row = np.floor((y - transform.f) / transform.e).astype(int)
    height, width = pixels.shape
    measured = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    values = np.where(measured, pixels[row.clip(0, height - 1), column.clip(0, width - 1)], np.nan)
    return values.reshape(grid.height, 16, grid.width, 16).mean(axis=(1, 3))


def test_web_mercator_pixels_of_ten_units_are_averaged(real_data: Path) -> None:
    """At 52.7 degrees north they are 6 m wide; an average without GDAL agrees."""
    href = str(next((real_data / "noordoostpolder_2016").glob("*cae*20160508*TRUE_COLOR.tif")))
    with rasterio.open(href) as source:
        pixels, transform = source.read(1), source.transform
        ground = project(box(*source.bounds), 3857, 32631)
    grid = tile_grid("31UFU").window(ground.bounds)
    values = read_warped([(href, 1)], grid)[0]
    expected = averaged_by_hand(pixels, transform, grid)
    whole = np.isfinite(expected)  # all places of a pixel lie in the image
    assert np.isfinite(values[whole]).all()
    assert np.isfinite(values).sum() == pytest.approx(geodesic_area_of(href) / 100, rel=0.001)
    difference = values[whole] - expected[whole]
    # GDAL approximates the transformation to an eighth of a pixel
    assert np.abs(difference).max() < 4
    assert np.sqrt((difference**2).mean()) < 0.3
    assert abs(difference.mean()) < 0.02


def geodesic_area_of(href: str) -> float:
    facts = inspect(href)
    assert facts.epsg is not None
    return geodesic_area(project(box(*facts.bounds), facts.epsg, 4326))


def test_areas_are_kept_by_the_warp(real_data: Path) -> None:
    for path in (real_data / "noordoostpolder_2016").glob("*geopedia*.tif"):
        with rasterio.open(path) as source:
            present = source.read(1) == 255
            transform, bounds = source.transform, source.bounds
        pixels = [
            box(*(transform @ (column, row)), *(transform @ (column + 1, row + 1)))
            for row, column in np.argwhere(present)
        ]
        truth = sum(geodesic_area(project(pixel, 3857, 4326)) for pixel in pixels)
        grid = tile_grid("31UFU").window(project(box(*bounds), 3857, 32631).bounds)
        share = read_warped([(str(path), 1)], grid, scale=1 / 255)
        # UTM's own scale here, 1.5 degrees east of its meridian, is 0.9998 squared
        assert np.nansum(share) * 100 == pytest.approx(truth, rel=0.005)


def test_a_small_window_of_a_large_source_reads_little(tmp_path: Path) -> None:
    """The rest of the file may even be damaged."""
    path = tmp_path / "a.tif"
    pixels = noise(1, 2048, 2048, high=60000).astype(np.uint16)
    whole = Grid(32631, 600000.0, 5900040.0, 2048, 2048)
    options = {"tiled": True, "blockxsize": 256, "blockysize": 256}
    geotiff(path, pixels, whole, **options)
    path.write_bytes(path.read_bytes()[:4_000_000])
    np.testing.assert_array_equal(read_warped([(str(path), 1)], GRID)[0], pixels[0, :30, :40])
    with pytest.raises(UnreadableRaster, match=r"a\.tif"):
        read_warped([(str(path), 1)], whole)


def test_a_raster_without_a_place_is_said(tmp_path: Path) -> None:
    href = geotiff(tmp_path / "a.tif", noise(1, 30, 40).astype(np.uint8), crs=None)
    with pytest.raises(UnreadableRaster, match="has no CRS"):
        read_warped([(href, 1)], GRID)


@pytest.mark.parametrize("index", [0, 4])
def test_a_band_that_is_not_there_is_said(tmp_path: Path, index: int) -> None:
    href = geotiff(tmp_path / "a.tif", noise(3, 30, 40).astype(np.uint8))
    with pytest.raises(BandMissing, match=f"has 3 bands, no band {index}"):
        read_warped([(href, index)], GRID)
