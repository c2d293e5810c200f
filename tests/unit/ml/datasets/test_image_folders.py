"""Images and masks in folders: the ancestor's own of 2016, and others with faults."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from tulip_ops.core.errors import BadTrainingData
from tulip_ops.ml.datasets.image_folders import read_folders
from tulip_ops.ml.datasets.labels import OPAQUE, SHARE, UNKNOWN, unet_target
from tulip_ops.ml.training import chip_sampling

RGB = ("red", "green", "blue")
pytestmark = pytest.mark.filterwarnings(
    # the pictures that these tests write lie nowhere
    "ignore::rasterio.errors.NotGeoreferencedWarning"
)


@pytest.fixture
def season_2016(real_data: Path, tmp_path: Path) -> tuple[Path, Path]:
    images, masks = tmp_path / "images", tmp_path / "masks"
    images.mkdir()
    masks.mkdir()
    for path in (real_data / "noordoostpolder_2016").glob("*.tif"):
        shutil.copy(path, masks if "geopedia" in path.name else images)
    return images, masks


def test_one_mask_serves_all_dates_of_a_place(season_2016: tuple[Path, Path]) -> None:
    scenes = [scene.read() for scene in read_folders(*season_2016, RGB, "tulip")]

    assert len(scenes) == 7
    assert {scene.season for scene in scenes} == {2016}
    for scene in scenes:
        tulip, others = scene.truth[..., 0], scene.truth[..., 1:]
        assert scene.dn.shape == (256, 256, 3)
        assert set(np.unique(tulip)) == {0, 1}
        assert (others == UNKNOWN).all()
        assert 0.01 < np.nanmedian(scene.reflectance()) < 0.35
    first = "tulip_91c1b440a0f65242f57db540e1045342"
    masks = {scene.name[:38]: scene.truth[..., 0].mean() for scene in scenes}
    assert len(masks) == 2
    with rasterio.open(season_2016[1] / f"{first}_geopedia_ttl1904.tif") as mask:
        assert masks[first] == pytest.approx((mask.read(1) > 0).mean())


def test_images_that_overlap_are_one_place(season_2016: tuple[Path, Path]) -> None:
    unread = read_folders(*season_2016, RGB, "tulip")

    assert len({scene.place for scene in unread}) == 1
    assert len({scene.name for scene in unread}) == 7


def test_one_folder_of_both(real_data: Path) -> None:
    folder = real_data / "noordoostpolder_2016"

    with pytest.raises(BadTrainingData, match="use two folders"):
        read_folders(folder, folder, RGB, "tulip")


def test_a_u_net_learns_from_them(season_2016: tuple[Path, Path]) -> None:
    scenes = [scene.read() for scene in read_folders(*season_2016, RGB, "tulip")]

    (reflectance, truth), *_ = chip_sampling.batches(
        chip_sampling.draw_for_unet, scenes, RGB, seed=(2,), steps=1, batch=24, chip=64
    )

    target = unet_target(reflectance, truth)
    kinds = {tuple(kind) for kind in np.unique(target.reshape(-1, 3), axis=0).tolist()}
    assert kinds == {(1, 0, 0), (0, 1, 1), (0, 0, 0)}  # the last under simulated clouds
    hidden = truth[..., 2] > OPAQUE * SHARE
    assert 0 < (hidden & (truth[..., 2] != UNKNOWN)).mean() < 0.4


def test_images_without_mask(season_2016: tuple[Path, Path]) -> None:
    images, masks = season_2016
    next(masks.glob("*a0f6*")).unlink()

    with pytest.raises(BadTrainingData, match=r"TRUE_COLOR\.tif has no mask of its own; name one"):
        read_folders(images, masks, RGB, "tulip")


def test_an_empty_folder(season_2016: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    with pytest.raises(BadTrainingData, match=r"empty holds no masks; files with these endings"):
        read_folders(season_2016[0], tmp_path / "empty", RGB, "tulip")


def picture(path: Path, pixels: np.ndarray, **profile: object) -> None:
    path.parent.mkdir(exist_ok=True)
    driver = {".png": "PNG", ".jpg": "JPEG", ".tif": "GTiff"}[path.suffix]
    bands, height, width = pixels.shape
    size = {"width": width, "height": height, "count": bands, "dtype": pixels.dtype}
    with rasterio.open(path, "w", driver=driver, **size, **profile) as target:
        target.write(pixels)


def test_a_mask_of_another_size(tmp_path: Path) -> None:
    picture(tmp_path / "images/a.png", np.zeros((3, 32, 40), dtype=np.uint8))
    picture(tmp_path / "masks/a.png", np.zeros((1, 32, 32), dtype=np.uint8))

    with pytest.raises(BadTrainingData, match=r"a\.png has 32 x 32 pixels and its image .* 40 x"):
        read_folders(tmp_path / "images", tmp_path / "masks", RGB, "tulip")


def test_a_mask_of_something_else(tmp_path: Path) -> None:
    picture(tmp_path / "images/a.png", np.zeros((3, 32, 32), dtype=np.uint8))
    picture(tmp_path / "masks/a.png", np.full((1, 32, 32), 7, dtype=np.uint8))

    with pytest.raises(BadTrainingData, match="holds 7; a mask holds 0 and 255"):
        read_folders(tmp_path / "images", tmp_path / "masks", RGB, "tulip")[0].read()


def test_bands_that_lack(tmp_path: Path) -> None:
    picture(tmp_path / "images/a.tif", np.zeros((4, 32, 32), dtype=np.float32))
    picture(tmp_path / "masks/a_mask.tif", np.zeros((1, 32, 32), dtype=np.uint8))

    with pytest.raises(BadTrainingData, match="lacks red, green, blue: its bands are unnamed"):
        read_folders(tmp_path / "images", tmp_path / "masks", RGB, "tulip")


def test_numbers_without_a_meaning(tmp_path: Path) -> None:
    picture(tmp_path / "images/a.tif", np.zeros((3, 32, 32), dtype=np.uint16))
    picture(tmp_path / "masks/a_mask.tif", np.zeros((1, 32, 32), dtype=np.uint8))

    with pytest.raises(BadTrainingData, match=r"holds uint16 without a scale; declare"):
        read_folders(tmp_path / "images", tmp_path / "masks", RGB, "tulip")


def test_reflectance_is_read_as_it_declares_itself(tmp_path: Path) -> None:
    stored = np.full((3, 32, 32), 3000, dtype=np.uint16)
    stored[:, :4] = 0
    picture(tmp_path / "images/a.tif", stored, nodata=0)
    with rasterio.open(tmp_path / "images/a.tif", "r+") as image:
        image.scales, image.offsets = [1e-4] * 3, [-0.1] * 3
        image.descriptions = ("blue", "green", "red")
    half = np.zeros((1, 32, 32), dtype=np.uint8)
    half[0, :, 16:] = 1
    picture(tmp_path / "masks/a_mask.png", half)

    (unread,) = read_folders(tmp_path / "images", tmp_path / "masks", ("red",), "tulip")
    scene = unread.read()

    reflectance = scene.reflectance()
    assert np.isnan(reflectance[:, :4]).all()
    np.testing.assert_allclose(reflectance[:, 4:], 0.2, atol=1e-4)
    np.testing.assert_array_equal(scene.truth[..., 0], half[0])


def test_masks_of_clouds_teach_the_cloud_filter(tmp_path: Path) -> None:
    picture(tmp_path / "images/a.jpg", np.full((3, 64, 64), 60, dtype=np.uint8))
    cloud = np.zeros((1, 64, 64), dtype=np.uint8)
    cloud[0, :32] = 255
    picture(tmp_path / "masks/a.jpg", cloud)

    scene = read_folders(tmp_path / "images", tmp_path / "masks", RGB, "cloud")[0].read()

    np.testing.assert_array_equal(scene.cells, np.repeat([[1], [1], [0], [0]], 4, axis=1))
    assert (scene.truth[..., 0] == UNKNOWN).all()


def test_places_apart_stay_apart(tmp_path: Path) -> None:
    for column, name in enumerate(("a_2020-05-01", "b_2020-05-01", "c_2021-05-01")):
        where = Affine(10, 0, 600_000 + 320 * column, 0, -10, 5_850_000)
        pixels = np.zeros((3, 32, 32), dtype=np.uint8)
        picture(tmp_path / f"images/{name}.tif", pixels, transform=where, crs="EPSG:32631")
        picture(tmp_path / f"masks/{name[0]}_mask.png", pixels[:1])

    unread = read_folders(tmp_path / "images", tmp_path / "masks", RGB, "tulip")

    assert [scene.place for scene in unread] == ["images/a", "images/b", "images/c"]
    assert [scene.season for scene in unread] == [2020, 2020, 2021]
