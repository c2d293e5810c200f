from pathlib import Path

import numpy as np
import pytest
import rasterio
from rio_cogeo import cog_validate

from tests.unit.geotiffs import GRID, geotiff, noise
from tulip_ops.core.errors import UnreadableRaster
from tulip_ops.raster.cog_writer import copy_as_cog
from tulip_ops.raster.reader import inspect


def test_a_copy_keeps_pixels_place_and_mask(tmp_path: Path) -> None:
    pixels = noise(4, 30, 40).astype(np.uint8)
    pixels[3] = 255
    pixels[:, :5] = 0
    source = geotiff(tmp_path / "a.tif", pixels, photometric="RGB", alpha="YES")
    target = tmp_path / "cog.tif"
    names = ("red", "green", "blue")
    copy_as_cog(Path(source), target, names=names, scale=0.002, offset=0.0, nodata=None)
    assert cog_validate(target, strict=True)[0]
    facts = inspect(str(target))
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
