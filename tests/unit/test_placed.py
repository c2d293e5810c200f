"""Images without a place on Earth, in the ancestor's folders."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from tulip_ops.errors import BadScene
from tulip_ops.sources import placed

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

PLACE = Affine(6.0, 0.0, 630000.0, 0.0, -6.0, 6900000.0)


def write(path: Path, count: int = 3, side: int = 32, **profile: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(len(path.name)).integers(0, 255, (count, side, side), np.uint8)
    driver = "PNG" if path.suffix == ".png" else "GTiff"
    with rasterio.open(path, "w", driver=driver, width=side, height=side, count=count,
                       dtype="uint8", **profile) as raster:  # fmt: skip
        raster.write(pixels)
    return path


def located(path: Path, **options: int) -> Path:
    return write(path, crs="EPSG:3857", transform=PLACE, **options)  # type: ignore[arg-type]


def test_a_png_lies_where_the_mask_of_its_place_does(tmp_path: Path) -> None:
    chips, scratch = tmp_path / "chips", tmp_path / "scratch"
    png = write(chips / "tulip_91c1_wms_20160501-105310_TRUE_COLOR.png")
    located(chips / "tulip_0000_geopedia_ttl1904.tif", count=1)
    located(chips / "tulip_91c1_geopedia_ttl1904.tif", count=1)
    scratch.mkdir()
    (scene,) = placed.scenes([chips], scratch)
    assert scene == scratch / f"{png.stem}.tif"
    with rasterio.open(scene) as made, rasterio.open(png) as image:
        np.testing.assert_array_equal(made.read(), image.read())
        assert (made.crs.to_epsg(), made.transform) == (3857, PLACE)


def test_alpha_is_no_colour(tmp_path: Path) -> None:
    png = write(tmp_path / "a_wms_20160501.png", count=4)
    located(tmp_path / "a_mask.tif", count=1)
    (tmp_path / "scratch").mkdir()
    (scene,) = placed.scenes([png], tmp_path / "scratch")
    with rasterio.open(scene) as made:
        assert made.count == 3


def test_of_a_folder_the_chips_are_the_scenes_each_once(tmp_path: Path) -> None:
    chip = located(tmp_path / "a_wms_20160501.tif")
    write(tmp_path / "a_wms_20160501.png")
    located(tmp_path / "a_mask.tif", count=1)
    assert placed.scenes([tmp_path, chip], tmp_path) == [chip]


def test_of_a_folder_without_chips_the_tiffs_are(tmp_path: Path) -> None:
    scenes = [located(tmp_path / "deep" / f"{name}.tif") for name in "ba"]
    write(tmp_path / "quicklook.png")
    assert placed.scenes([tmp_path], tmp_path) == sorted(scenes)


@pytest.mark.parametrize("side", [None, 16])
def test_a_png_without_a_place_is_refused(tmp_path: Path, side: int | None) -> None:
    png = write(tmp_path / "a_wms_20160501.png")
    if side:
        located(tmp_path / "a_mask.tif", count=1, side=side)
    with pytest.raises(BadScene, match="does not say where it lies"):
        placed.scenes([png], tmp_path)


def test_a_folder_without_scenes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadScene, match="holds no scene"):
        placed.scenes([tmp_path], tmp_path)
