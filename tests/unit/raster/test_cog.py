from pathlib import Path

import numpy as np
import rasterio
from rio_cogeo import cog_info, cog_validate

from tests.unit.geotiffs import GRID, noise
from tulip_ops.raster.cog import (
    band_names,
    open_cog,
    probability_writer,
    read_probability,
    read_reflectance,
    write_labels,
    write_reflectance,
    write_reflectance_strips,
)
from tulip_ops.raster.grid import Grid
from tulip_ops.raster.reader import read_warped
from tulip_ops.raster.reflectance import encode


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
    values = read_warped([(str(path), 1), (str(path), 2)], GRID, scale=1e-4, offset=-0.1)
    np.testing.assert_allclose(values, reflectance, atol=0.51e-4)


def test_windows_are_those_of_the_whole(tmp_path: Path) -> None:
    values = noise(3, 30, 40, high=9000).astype(np.float32) * np.float32(1e-4)
    values[1, 4:9, 7] = np.nan
    path = tmp_path / "r.tif"
    write_reflectance(path, values, GRID, ("blue", "green", "red"))
    whole = encode(read_reflectance(path)[0])
    with open_cog(path) as source:
        cut = source.read_window((3, 20), (5, 40), [2, 0])
        np.testing.assert_array_equal(cut, whole[[2, 0], 3:20, 5:40])
        np.testing.assert_array_equal(source.read_rows(3, 20, [2, 0]), whole[[2, 0], 3:20])


def test_probability_survives_within_half_a_step(tmp_path: Path) -> None:
    probability = np.linspace(0, 1, 1200, dtype=np.float32).reshape(1, 30, 40)
    probability[0, 0, :3] = np.nan
    path = tmp_path / "p.tif"
    with probability_writer(path, GRID, ("cloud",)) as draft:
        draft.write(probability[:, 10:], 10, 0)
        draft.write(probability[:, :10], 0, 0)
    values, grid = read_probability(path)
    assert grid == GRID
    np.testing.assert_allclose(values, probability, atol=0.5 / 250 + 1e-6)


def test_labels_stand_for_themselves(tmp_path: Path) -> None:
    labels = noise(2, 30, 40).astype(np.uint8)
    path = tmp_path / "truth.tif"
    write_labels(path, labels, GRID, ("tulip", "bloom"))
    assert cog_validate(path, strict=True) == (True, [], [])
    with rasterio.open(path) as source:
        np.testing.assert_array_equal(source.read(), labels)
        assert source.nodata is None


def test_strips_make_the_file_that_the_whole_makes(tmp_path: Path) -> None:
    grid = Grid(32631, 600000.0, 5900040.0, 700, 1300)
    whole = np.random.default_rng(3).uniform(0, 1, (3, *grid.shape)).astype(np.float32)
    whole[:, 300:400] = np.nan
    bands = ("blue", "green", "red")
    write_reflectance(tmp_path / "whole.tif", whole, grid, bands)
    strips = (whole[:, row : row + 512] for row in range(0, 1300, 512))
    write_reflectance_strips(tmp_path / "strips.tif", strips, grid, bands)
    assert (tmp_path / "strips.tif").read_bytes() == (tmp_path / "whole.tif").read_bytes()
