from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from pyproj import Transformer
from rio_cogeo import cog_info, cog_validate
from shapely.geometry import Polygon, box

from tulip_ops.errors import BandMissing, TulipError, UnreadableRaster
from tulip_ops.grid import Grid, geodesic_area, project, tile_grid
from tulip_ops.radiometry import encode
from tulip_ops.rasters import (
    band_names,
    burn,
    copy_as_cog,
    look,
    read_onto,
    read_probability,
    read_reflectance,
    stored,
    trace,
    write_labels,
    write_probability,
    write_reflectance,
    write_reflectance_strips,
)

GRID = Grid(32631, 600000.0, 5900040.0, 40, 30)


def geotiff(path: Path, pixels: np.ndarray, grid: Grid = GRID, **options: object) -> str:
    """A plain GeoTIFF of (bands, height, width) pixels."""
    profile = {
        "driver": "GTiff",
        "count": pixels.shape[0],
        "height": pixels.shape[1],
        "width": pixels.shape[2],
        "dtype": pixels.dtype,
        "crs": f"EPSG:{grid.epsg}",
        "transform": grid.transform,
    }
    with rasterio.open(path, "w", **profile | options) as target:
        target.write(pixels)
    return str(path)


def noise(*shape: int, high: int = 250) -> np.ndarray:
    return np.random.default_rng(7).integers(1, high, shape)


def test_on_its_own_grid_a_raster_is_read_as_it_is(tmp_path: Path) -> None:
    pixels = noise(3, 30, 40, high=9000).astype(np.uint16)
    href = geotiff(tmp_path / "a.tif", pixels)
    values = read_onto([(href, 3), (href, 1)], GRID, scale=1e-4, offset=-0.1)
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, pixels[[2, 0]] * 1e-4 - 0.1, atol=1e-6)


def test_bands_come_from_several_files_in_the_order_asked(tmp_path: Path) -> None:
    pixels = noise(3, 30, 40).astype(np.uint8)
    one = geotiff(tmp_path / "one.tif", pixels[:2])
    two = geotiff(tmp_path / "two.tif", pixels[2:])
    values = read_onto([(two, 1), (one, 2), (one, 1)], GRID)
    np.testing.assert_array_equal(values, pixels[[2, 1, 0]])


def test_beyond_the_source_nothing_was_measured(tmp_path: Path) -> None:
    href = geotiff(tmp_path / "a.tif", np.full((1, 30, 40), 5, np.uint8))
    wider = Grid(32631, 599800.0, 5900140.0, 80, 60)
    values = read_onto([(href, 1)], wider)[0]
    measured = np.isfinite(values)
    assert measured.sum() == 30 * 40
    assert measured[10:40, 20:60].all()
    assert np.isnan(read_onto([(href, 1)], Grid(32631, 0.0, 0.0, 8, 8))).all()


@pytest.mark.parametrize("shift", [0.0, 3.0, 5.0])
@pytest.mark.parametrize("side", [10.0, 5.0, 20.0])
def test_nodata_never_bleeds(tmp_path: Path, shift: float, side: float) -> None:
    pixels = np.full((1, 60, 80), 200, np.uint16)
    pixels[:, 20:30, 20:30] = 0
    href = geotiff(tmp_path / "a.tif", pixels, Grid(32631, 600000.0, 5900040.0, 80, 60, side))
    grid = Grid(32631, 600000.0 + shift, 5900040.0 - shift, 30, 25)
    values = read_onto([(href, 1)], grid, nodata=0)
    measured = values[np.isfinite(values)]
    assert measured.size
    np.testing.assert_array_equal(measured, 200)
    declared = geotiff(
        tmp_path / "b.tif", pixels, Grid(32631, 600000.0, 5900040.0, 80, 60, side), nodata=0
    )
    np.testing.assert_array_equal(read_onto([(declared, 1)], grid), values)


def test_a_pixel_that_one_band_misses_is_there_in_the_others(tmp_path: Path) -> None:
    pixels = noise(2, 30, 40).astype(np.uint8)
    pixels[0, 4, 4] = 0
    href = geotiff(tmp_path / "a.tif", pixels, nodata=0)
    values = read_onto([(href, 1), (href, 2)], GRID)
    assert np.isnan(values[0, 4, 4])
    assert values[1, 4, 4] == pixels[1, 4, 4]


def test_alpha_means_measured(tmp_path: Path) -> None:
    pixels = noise(4, 30, 40).astype(np.uint8)
    pixels[3] = 255
    pixels[:, 5:10, 5:10] = 0
    href = geotiff(tmp_path / "a.tif", pixels, photometric="RGB", alpha="YES")
    values = read_onto([(href, 1), (href, 2), (href, 3)], GRID)
    assert np.isnan(values[:, 5:10, 5:10]).all()
    assert np.isfinite(values).sum() == 3 * (30 * 40 - 25)
    assert look(href).has_alpha
    assert len(look(href).bands) == 3


def test_floats_may_mark_what_is_missing_by_nan(tmp_path: Path) -> None:
    pixels = noise(1, 30, 40).astype(np.float32)
    pixels[:, 3] = np.nan
    href = geotiff(tmp_path / "a.tif", pixels, nodata=np.nan)
    np.testing.assert_array_equal(read_onto([(href, 1)], GRID), pixels)


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
    values = read_onto([(href, 1)], grid)[0]
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
    facts = look(href)
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
        share = read_onto([(str(path), 1)], grid, scale=1 / 255)
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
    np.testing.assert_array_equal(read_onto([(str(path), 1)], GRID)[0], pixels[0, :30, :40])
    with pytest.raises(UnreadableRaster, match=r"a\.tif"):
        read_onto([(str(path), 1)], whole)


@pytest.mark.parametrize("content", [b"", b"II*\0nothing", b"<html>not found</html>", None])
def test_what_is_no_raster_is_said(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "scene.tif"
    if content is not None:
        path.write_bytes(content)
    for attempt in (
        lambda: read_onto([(str(path), 1)], GRID),
        lambda: look(str(path)),
        lambda: read_reflectance(path),
        lambda: copy_as_cog(
            path, tmp_path / "cog.tif", names=("red",), scale=1, offset=0, nodata=None
        ),
    ):
        with pytest.raises(UnreadableRaster, match=r"scene\.tif cannot be read as a raster"):
            attempt()


def test_a_raster_without_a_place_is_said(tmp_path: Path) -> None:
    href = geotiff(tmp_path / "a.tif", noise(1, 30, 40).astype(np.uint8), crs=None)
    with pytest.raises(UnreadableRaster, match="has no CRS"):
        read_onto([(href, 1)], GRID)


@pytest.mark.parametrize("index", [0, 4])
def test_a_band_that_is_not_there_is_said(tmp_path: Path, index: int) -> None:
    href = geotiff(tmp_path / "a.tif", noise(3, 30, 40).astype(np.uint8))
    with pytest.raises(BandMissing, match=f"has 3 bands, no band {index}"):
        read_onto([(href, index)], GRID)


def test_windows_are_those_of_the_whole(tmp_path: Path) -> None:
    values = noise(3, 30, 40, high=9000).astype(np.float32) * np.float32(1e-4)
    values[1, 4:9, 7] = np.nan
    path = tmp_path / "r.tif"
    write_reflectance(path, values, GRID, ("blue", "green", "red"))
    whole = encode(read_reflectance(path)[0])
    with stored(path) as source:
        cut = source.window((3, 20), (5, 40), [2, 0])
        np.testing.assert_array_equal(cut, whole[[2, 0], 3:20, 5:40])
        np.testing.assert_array_equal(source.rows(3, 20, [2, 0]), whole[[2, 0], 3:20])


def test_reflectance_is_a_valid_cog_that_any_gdal_opens(tmp_path: Path) -> None:
    grid = Grid(32631, 600000.0, 5900040.0, 1100, 700)
    reflectance = np.random.default_rng(1).uniform(0, 1, (3, *grid.shape)).astype(np.float32)
    reflectance[:, :100] = np.nan
    path = tmp_path / "reflectance.tif"
    write_reflectance(path, reflectance, grid, ("blue", "green", "red"))
    assert cog_validate(path, strict=True) == (True, [], [])
    profile = cog_info(path).Profile
    assert (profile.Dtype, profile.Nodata) == ("uint16", 0)
    with rasterio.open(path) as source:
        assert source.block_shapes[0] == (512, 512)
        assert source.overviews(1) == [2, 4]
        assert source.tags(ns="IMAGE_STRUCTURE")["INTERLEAVE"] == "PIXEL"
        assert source.scales == (1e-4,) * 3
        assert source.offsets == (-0.1,) * 3
        assert source.read(1)[0, 0] == 0
        assert source.tags(1, ns="IMAGE_STRUCTURE") is not None
    assert band_names(path) == ("blue", "green", "red")
    values, bands, read_grid = read_reflectance(path)
    assert (bands, read_grid) == (("blue", "green", "red"), grid)
    np.testing.assert_allclose(values, reflectance, atol=0.51e-4)
    assert {entry.name for entry in tmp_path.iterdir()} == {"reflectance.tif"}


def test_what_is_written_can_be_read_onto_a_grid_again(tmp_path: Path) -> None:
    reflectance = np.random.default_rng(1).uniform(0, 1, (2, *GRID.shape)).astype(np.float32)
    reflectance[:, 3, 4] = np.nan
    path = tmp_path / "a.tif"
    write_reflectance(path, reflectance, GRID, ("red", "nir"))
    values = read_onto([(str(path), 1), (str(path), 2)], GRID, scale=1e-4, offset=-0.1)
    np.testing.assert_allclose(values, reflectance, atol=0.51e-4)


def test_labels_stand_for_themselves(tmp_path: Path) -> None:
    labels = noise(2, 30, 40).astype(np.uint8)
    path = tmp_path / "truth.tif"
    write_labels(path, labels, GRID, ("tulip", "bloom"))
    assert cog_validate(path, strict=True) == (True, [], [])
    with rasterio.open(path) as source:
        np.testing.assert_array_equal(source.read(), labels)
        assert source.nodata is None


def test_arrays_must_fit_their_grid(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not"):
        write_probability(tmp_path / "a.tif", np.zeros((2, 30, 40), np.float32), GRID, ("cloud",))


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(TulipError, match=r"nowhere.*cannot be written"):
        write_probability(
            tmp_path / "nowhere" / "a.tif", np.zeros((1, 30, 40), np.float32), GRID, ("cloud",)
        )


def test_a_copy_keeps_pixels_place_and_mask(tmp_path: Path) -> None:
    pixels = noise(4, 30, 40).astype(np.uint8)
    pixels[3] = 255
    pixels[:, :5] = 0
    source = geotiff(tmp_path / "a.tif", pixels, photometric="RGB", alpha="YES")
    target = tmp_path / "cog.tif"
    names = ("red", "green", "blue")
    copy_as_cog(Path(source), target, names=names, scale=0.002, offset=0.0, nodata=None)
    assert cog_validate(target, strict=True)[0]
    facts = look(str(target))
    assert (facts.bands, facts.has_alpha, facts.scale, facts.epsg) == (names, True, 0.002, 32631)
    assert facts.transform == tuple(GRID.transform)[:6]
    with rasterio.open(target) as copy:
        np.testing.assert_array_equal(copy.read(), pixels)


def test_a_copy_of_a_truncated_file_fails_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    geotiff(path, noise(3, 30, 40).astype(np.uint8), compress="deflate")
    path.write_bytes(path.read_bytes()[:-200])
    target = tmp_path / "cog.tif"
    with pytest.raises(UnreadableRaster, match=r"a\.tif"):
        copy_as_cog(path, target, names=("red", "green", "blue"), scale=1, offset=0, nodata=None)
    assert {entry.name for entry in tmp_path.iterdir()} == {"a.tif"}


def test_outlines_follow_pixel_edges_and_keep_holes() -> None:
    present = np.zeros(GRID.shape, bool)
    present[2:8, 3:9] = True
    present[4:6, 5:7] = False
    present[8, 9] = True  # touches the first one's corner only
    first, second = sorted(trace(present, GRID), key=lambda polygon: -polygon.area)
    outer = box(600030, 5899960, 600090, 5900020)
    inner = box(600050, 5899980, 600070, 5900000)
    assert first.equals(Polygon(outer.exterior, [inner.exterior]))
    assert second.equals(box(600090, 5899950, 600100, 5899960))
    assert trace(np.zeros(GRID.shape, bool), GRID) == []


def test_burning_numbers_geometries_by_pixel_centre() -> None:
    left, top = GRID.left, GRID.top
    numbers = burn(
        [
            box(left, top - 20, left + 20, top),
            Polygon(),
            box(left + 14, top - 10, left + 34, top),  # covers the centres of columns 2 alone
        ],
        GRID,
    )
    assert numbers.dtype == np.int32
    assert numbers[:2, :4].tolist() == [[0, 2, 2, -1], [0, 0, -1, -1]]
    assert (numbers[2:] == -1).all()
    assert (burn([], GRID) == -1).all()
    assert (burn([Polygon()], GRID) == -1).all()


def test_probability_survives_within_half_a_step(tmp_path: Path) -> None:
    probability = np.linspace(0, 1, 1200, dtype=np.float32).reshape(1, 30, 40)
    probability[0, 0, :3] = np.nan
    path = tmp_path / "p.tif"
    write_probability(path, probability, GRID, ("cloud",))
    values, grid = read_probability(path)
    assert grid == GRID
    np.testing.assert_allclose(values, probability, atol=0.5 / 250 + 1e-6)


def test_strips_make_the_file_that_the_whole_makes(tmp_path: Path) -> None:
    grid = Grid(32631, 600000.0, 5900040.0, 700, 1300)
    whole = np.random.default_rng(3).uniform(0, 1, (3, *grid.shape)).astype(np.float32)
    whole[:, 300:400] = np.nan
    bands = ("blue", "green", "red")
    write_reflectance(tmp_path / "whole.tif", whole, grid, bands)
    strips = (whole[:, row : row + 512] for row in range(0, 1300, 512))
    write_reflectance_strips(tmp_path / "strips.tif", strips, grid, bands)
    assert (tmp_path / "strips.tif").read_bytes() == (tmp_path / "whole.tif").read_bytes()


@pytest.mark.parametrize("rows", [slice(0, 20), slice(0, 0)])
def test_strips_that_are_not_the_grid_are_refused(tmp_path: Path, rows: slice) -> None:
    grid = Grid(32631, 600000.0, 5900040.0, 40, 30)
    with pytest.raises(ValueError, match="rows are not 30"):
        write_reflectance_strips(
            tmp_path / "a.tif", [np.zeros((1, 30, 40), np.float32)[:, rows]], grid, ("red",)
        )
    assert list(tmp_path.iterdir()) == []
