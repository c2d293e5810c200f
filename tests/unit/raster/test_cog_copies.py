from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rio_cogeo import cog_validate

from tests.unit.geotiffs import GRID, geotiff, noise
from tulip_ops.core.errors import UnreadableRaster
from tulip_ops.raster.cog_copies import BandSelection, copy_as_cog
from tulip_ops.raster.header import inspect
from tulip_ops.raster.reader import read_warped


def selection(**given: Any) -> BandSelection:
    plain = BandSelection((1, 2, 3), ("red", "green", "blue"), (1.0,) * 3, (0.0,) * 3, None)
    return replace(plain, **given)


def test_a_copy_keeps_pixels_place_and_mask(tmp_path: Path) -> None:
    pixels = noise(4, 30, 40).astype(np.uint8)
    pixels[3] = 255
    pixels[:, :5] = 0
    source = geotiff(tmp_path / "a.tif", pixels, photometric="RGB", alpha="YES")
    target = tmp_path / "cog.tif"
    names = ("red", "green", "blue")
    copy_as_cog(source, target, selection(scales=(0.002,) * 3))
    assert cog_validate(target, strict=True)[0]
    facts = inspect(str(target))
    assert (facts.bands, facts.has_alpha, facts.scales, facts.epsg) == (
        names,
        True,
        (0.002,) * 3,
        32631,
    )
    assert facts.transform == tuple(GRID.transform)[:6]
    with rasterio.open(target) as copy:
        np.testing.assert_array_equal(copy.read(), pixels)


def test_a_copy_of_a_truncated_file_fails_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    geotiff(path, noise(3, 30, 40).astype(np.uint8), compress="deflate")
    path.write_bytes(path.read_bytes()[:-200])
    target = tmp_path / "cog.tif"
    with pytest.raises(UnreadableRaster, match=r"a\.tif"):
        copy_as_cog(path, target, selection())
    assert {entry.name for entry in tmp_path.iterdir()} == {"a.tif"}


def test_a_copy_has_the_chosen_bands_each_with_its_own_scale(tmp_path: Path) -> None:
    pixels = noise(4, 30, 40).astype(np.uint16)
    source = geotiff(tmp_path / "a.tif", pixels)
    target = tmp_path / "cog.tif"
    chosen = BandSelection((4, 2), ("nir", "red"), (1e-4, 2e-4), (0.0, -0.1), 65535)
    copy_as_cog(source, target, chosen)
    facts = inspect(str(target))
    assert (facts.bands, facts.scales, facts.offsets) == (("nir", "red"), (1e-4, 2e-4), (0, -0.1))
    assert facts.nodata == 65535
    with rasterio.open(target) as copy:
        np.testing.assert_array_equal(copy.read(), pixels[[3, 1]])


def test_a_mask_band_becomes_the_mask_of_a_copy(tmp_path: Path) -> None:
    pixels = noise(2, 30, 40).astype(np.uint16)
    pixels[1] = 1
    pixels[1, :, :7] = 0
    source = geotiff(tmp_path / "a.tif", pixels)
    target = tmp_path / "cog.tif"
    chosen = BandSelection((1,), ("red",), (1e-4,), (0.0,), 0, mask_index=2)
    copy_as_cog(source, target, chosen)
    assert cog_validate(target, strict=True)[0]
    values = read_warped([(str(target), 1)], GRID, nodata=0)
    np.testing.assert_array_equal(np.isnan(values[0]), pixels[1] == 0)


def test_jpeg_in_ycbcr_is_copied_as_its_colours(tmp_path: Path) -> None:
    pixels = np.full((3, 32, 48), 90, np.uint8)
    source = geotiff(tmp_path / "a.tif", pixels, compress="jpeg", photometric="ycbcr", tiled=False)
    target = tmp_path / "cog.tif"
    copy_as_cog(source, target, selection())
    with rasterio.open(source) as original, rasterio.open(target) as copy:
        np.testing.assert_array_equal(copy.read(), original.read())
