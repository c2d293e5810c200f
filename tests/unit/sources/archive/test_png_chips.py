"""Images without a place on Earth, in the ancestor's folders."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from tulip_ops.core.errors import BadScene, UnreadableRaster
from tulip_ops.sources.archive import png_chips

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

PLACE = Affine(6.0, 0.0, 630000.0, 0.0, -6.0, 6900000.0)


def write(
    path: Path, count: int = 3, side: int = 32, shade: int | None = None, **profile: object
) -> Path:
    """A raster of noise, or of one shade."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(len(path.name)).integers(0, 255, (count, side, side), np.uint8)
    if shade is not None:
        pixels[:] = shade
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
    assert png_chips.scenes([chips]) == [png]
    scene = png_chips.georeferenced(png, scratch)
    assert scene.name == f"{png.stem}.tif"
    with rasterio.open(scene) as made, rasterio.open(png) as image:
        np.testing.assert_array_equal(made.read(), image.read())
        assert (made.crs.to_epsg(), made.transform) == (3857, PLACE)


def test_alpha_is_no_colour(tmp_path: Path) -> None:
    png = write(tmp_path / "a_wms_20160501.png", count=4)
    located(tmp_path / "a_mask.tif", count=1)
    with rasterio.open(png_chips.georeferenced(png, tmp_path)) as made:
        assert made.count == 3


def test_of_a_folder_the_chips_are_the_scenes_each_once(tmp_path: Path) -> None:
    chip = located(tmp_path / "a_wms_20160501.tif")
    write(tmp_path / "a_wms_20160501.png")
    located(tmp_path / "a_mask.tif", count=1)
    assert png_chips.scenes([tmp_path, chip]) == [chip]


def test_of_a_folder_without_chips_the_tiffs_are(tmp_path: Path) -> None:
    scenes = [located(tmp_path / "deep" / f"{name}.tif") for name in "ba"]
    write(tmp_path / "quicklook.png")
    assert png_chips.scenes([tmp_path]) == sorted(scenes)
    assert png_chips.georeferenced(scenes[0], tmp_path) == scenes[0]


def test_chips_of_one_name_in_two_folders_are_two_scenes(tmp_path: Path) -> None:
    for name, shade in {"one": 50, "two": 200}.items():
        located(tmp_path / name / "a_mask.tif", count=1)
        write(tmp_path / name / "a_wms_20160501.png", shade=shade)
    first, second = [
        png_chips.georeferenced(path, tmp_path) for path in png_chips.scenes([tmp_path])
    ]
    for path, shade in {first: 50, second: 200}.items():
        with rasterio.open(path) as made:
            assert (made.read() == shade).all()


def test_a_damaged_neighbour_keeps_no_place_from_a_png(tmp_path: Path) -> None:
    png = write(tmp_path / "a_wms_20160501.png")
    located(tmp_path / "a_mask.tif", count=1)
    (tmp_path / "a_aerial.tif").write_text("no image")
    assert png_chips.georeferenced(png, tmp_path).name == "a_wms_20160501.tif"


@pytest.mark.parametrize("side", [None, 16])
def test_a_png_without_a_place_is_refused(tmp_path: Path, side: int | None) -> None:
    png = write(tmp_path / "a_wms_20160501.png")
    if side:
        located(tmp_path / "a_mask.tif", count=1, side=side)
    with pytest.raises(BadScene, match="does not say where it lies"):
        png_chips.georeferenced(png, tmp_path)


@pytest.mark.parametrize("kept", [0.0, 0.1, 0.9])
def test_a_png_that_is_not_whole_is_refused(tmp_path: Path, kept: float) -> None:
    png = write(tmp_path / "a_wms_20160501.png")
    png.write_bytes(png.read_bytes()[: int(kept * png.stat().st_size)])
    located(tmp_path / "a_mask.tif", count=1)
    with pytest.raises(UnreadableRaster, match=r"a_wms_20160501\.png"):
        png_chips.georeferenced(png, tmp_path)


def test_a_folder_without_scenes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadScene, match="holds no scene"):
        png_chips.scenes([tmp_path])
