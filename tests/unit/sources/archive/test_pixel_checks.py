"""Files whose numbers would become wrong reflectance without a word."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from tests.unit.geotiffs import GRID, geotiff, noise
from tulip_ops.core.errors import BadScene
from tulip_ops.raster import header
from tulip_ops.sources.archive.geotiff_metadata import parse_metadata
from tulip_ops.sources.archive.pixel_checks import check_pixels
from tulip_ops.sources.archive.source import Archive

RGB = ("red", "green", "blue")


def check(folder: Path, pixels: np.ndarray, tags: dict[str, object], **options: Any) -> None:
    path = folder / "S2A_20160501.tif"
    geotiff(path, pixels, GRID, **tags)
    found = parse_metadata(path, header.inspect(str(path)), bands=RGB[: len(pixels)], **options)
    check_pixels(path, [(str(path), found.pixels)])


def levels(fill: int) -> np.ndarray:
    pixels = noise(3, 30, 40, high=160).astype(np.uint8)
    pixels[:, :, :10] = fill
    return pixels


@pytest.mark.parametrize("fill", [0, 255])
def test_a_block_of_black_or_white_must_be_explained(tmp_path: Path, fill: int) -> None:
    with pytest.raises(BadScene, match=rf"25 % .* {fill} in all .*--nodata {fill} .*--nodata none"):
        check(tmp_path, levels(fill), {})
    check(tmp_path, levels(fill), {}, nodata=fill)
    check(tmp_path, levels(fill), {}, nodata="none")
    check(tmp_path, levels(fill), {"nodata": fill})


def test_alpha_explains_a_block(tmp_path: Path) -> None:
    pixels = np.concatenate([levels(0), np.full((1, 30, 40), 255, np.uint8)])
    path = tmp_path / "S2A_20160501.tif"
    geotiff(path, pixels, GRID, photometric="RGB", alpha="YES")
    found = parse_metadata(path, header.inspect(str(path)))
    check_pixels(path, [(str(path), found.pixels)])


@pytest.mark.parametrize(
    ("dtype", "fill"),
    [("uint16", 65535), ("int16", -9999), ("float32", 0), ("float32", -9999), ("float64", 65535)],
)
def test_untagged_fill_values_of_other_types_must_be_explained(
    tmp_path: Path, dtype: str, fill: float
) -> None:
    measured = np.random.default_rng(1).uniform(0.02, 0.4, (3, 30, 40))
    pixels = (measured * (1 if dtype.startswith("float") else 10_000)).astype(dtype)
    check(tmp_path, pixels, {})
    pixels[:, :10] = fill
    with pytest.raises(BadScene, match=rf"33 % .* {fill} in all bands.*--nodata {fill}"):
        check(tmp_path, pixels, {})
    check(tmp_path, pixels, {}, nodata=fill)


def test_numbers_that_cannot_be_reflectance_are_refused(tmp_path: Path) -> None:
    reflectance = np.random.default_rng(1).uniform(0.02, 0.4, (3, 30, 40)).astype(np.float32)
    with pytest.raises(BadScene, match=r"probably DN: give --scale 0\.0001"):
        check(tmp_path, reflectance * 10_000, {})
    check(tmp_path, reflectance * 10_000, {}, scale=1e-4)
    with pytest.raises(BadScene, match=r"probably percent: give --scale 0\.01"):
        check(tmp_path, reflectance * 100, {})
    check(tmp_path, reflectance * 100, {}, scale=0.01)
    with pytest.raises(BadScene, match=r"too dark .* percent: give --scale 0\.01"):
        check(tmp_path, (reflectance * 100).astype(np.uint16), {})
    with pytest.raises(BadScene, match=r"cannot be: give --nodata"):
        check(tmp_path, reflectance - 1, {})


def test_bright_clouds_and_dark_water_are_reflectance(tmp_path: Path) -> None:
    check(tmp_path, np.full((3, 30, 40), 1.4, np.float32), {})
    check(tmp_path, np.full((3, 30, 40), 180, np.uint16), {})


def test_near_infrared_that_gdal_calls_alpha_must_be_explained(tmp_path: Path) -> None:
    path = tmp_path / "S2A_20160501.tif"
    geotiff(path, noise(4, 30, 40).astype(np.uint8), GRID)
    info = header.inspect(str(path))
    assert info.has_alpha
    with pytest.raises(BadScene, match=r"band 4 is declared as alpha.*--band nir, --band mask"):
        check_pixels(path, [(str(path), parse_metadata(path, info).pixels)])
    for word, bands, mask in (("nir", (*RGB, "nir"), None), ("mask", RGB, 4), ("skip", RGB, None)):
        pixels = parse_metadata(path, info, bands=(*RGB, word)).pixels
        assert (pixels.bands, pixels.choice.mask_index) == (bands, mask)
        check_pixels(path, [(str(path), pixels)])


def test_a_description_wins_over_alpha(tmp_path: Path) -> None:
    path = tmp_path / "S2A_20160501.tif"
    geotiff(path, noise(4, 30, 40).astype(np.uint8), GRID)
    with rasterio.open(path, "r+") as target:
        target.descriptions = ("B04", "B03", "B02", "B08")
    archive = Archive(tmp_path / "archive")
    archive.add_files([path])
    [scene] = archive.scenes()
    assert list(scene.bands) == ["blue", "green", "red", "nir"]
    assert not header.inspect(scene.bands["nir"].href).has_alpha
