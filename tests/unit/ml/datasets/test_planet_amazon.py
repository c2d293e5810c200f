"""Planet's format, on its own images: CMYK JPEGs."""

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tulip_ops.core.errors import BadTrainingData, UnreadableRaster
from tulip_ops.ml.datasets.labels import cloud_filter_target
from tulip_ops.ml.datasets.lazy_scenes import LazyScenes
from tulip_ops.ml.datasets.planet_amazon import read_planet
from tulip_ops.ml.training import chip_sampling

RGB = ("red", "green", "blue")


def test_the_weather_of_every_row_is_the_verdict_over_its_image(real_data: Path) -> None:
    unread = read_planet(real_data / "planet_amazon", RGB)

    scenes = [scene.read() for scene in unread[:40]]

    assert len(unread) == 503
    assert len({scene.place for scene in unread}) == 503
    tags = dict(
        line.split(",") for line in (real_data / "planet_amazon/train.csv").read_text().split("\n")
        if line
    )  # fmt: skip
    assert [scene.name for scene in scenes] == [scene.name for scene in unread[:40]]
    for scene in scenes:
        words = tags[scene.name.removeprefix("planet-")].split()
        assert scene.cloudy == ("clear" not in words)
        assert scene.dn.shape == (256, 256, 3)
    assert Counter(scene.cloudy for scene in scenes).keys() == {True, False}


def test_colours_of_cmyk_jpegs_are_those_of_the_land(real_data: Path) -> None:
    scenes = [scene.read() for scene in read_planet(real_data / "planet_amazon", RGB)[:60]]

    clear = [np.nanmean(s.reflectance(), axis=(1, 2)) for s in scenes if not s.cloudy]
    cloudy = [np.nanmean(s.reflectance(), axis=(1, 2)) for s in scenes if s.cloudy]

    red, green, blue = np.median(clear, axis=0)
    assert green > red > blue  # forest
    assert 0.05 < green < 0.2
    assert np.median(cloudy, axis=0).mean() > np.median(clear, axis=0).mean()


def test_a_cloud_filter_learns_from_whole_images(real_data: Path) -> None:
    scenes = LazyScenes(read_planet(real_data / "planet_amazon", RGB)[:60], most_bytes=3_000_000)

    (reflectance, truth), *_ = chip_sampling.batches(
        chip_sampling.draw_for_cloud_filter, scenes, RGB, seed=(1,), steps=1, batch=24, chip=64
    )

    cells, chips = cloud_filter_target(truth)
    assert reflectance.shape == (24, 64, 64, 3)
    assert 4 <= np.count_nonzero(chips == 0) <= 14
    assert not np.isnan(chips).any()
    assert np.isnan(cells[chips == 1]).all()


@pytest.fixture
def folder(real_data: Path, tmp_path: Path) -> Path:
    images = tmp_path / "train-jpg"
    images.mkdir()
    for path in sorted((real_data / "planet_amazon/train-jpg").iterdir())[:2]:
        shutil.copy(path, images)
    rows = [f"{path.stem},clear primary" for path in sorted(images.iterdir())]
    (tmp_path / "train.csv").write_text("\n".join(["image_name,tags", *rows]) + "\n")
    return tmp_path


def test_a_folder_without_its_table(folder: Path) -> None:
    (folder / "train.csv").unlink()

    with pytest.raises(BadTrainingData, match=r"holds no train\.csv"):
        read_planet(folder, RGB)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("a,clear foggy", "line 4: unknown tag 'foggy'; the weather is one of clear, haze"),
        ("a,primary road", "line 4: 'primary road' names 0 kinds of weather"),
        ("a,clear cloudy", "names 2 kinds of weather"),
        ("gone,clear", r"names 1 images that are not below .*, such as gone\.jpg"),
    ],
)
def test_rows_that_mean_nothing(folder: Path, row: str, told: str) -> None:
    with (folder / "train.csv").open("a") as table:
        table.write(row + "\n")

    with pytest.raises(BadTrainingData, match=told):
        read_planet(folder, RGB)


def test_a_table_of_something_else(folder: Path) -> None:
    (folder / "train.csv").write_text("id,label\n1,2\n")

    with pytest.raises(BadTrainingData, match="has the columns id, label; image_name and tags"):
        read_planet(folder, RGB)


def test_an_image_that_is_none(folder: Path) -> None:
    image = next((folder / "train-jpg").iterdir())
    image.write_bytes(image.read_bytes()[:900])

    with pytest.raises(UnreadableRaster, match=image.name):
        [scene.read() for scene in read_planet(folder, RGB)]


def test_ten_bands_are_more_than_it_has(folder: Path) -> None:
    with pytest.raises(BadTrainingData, match="train with --bands rgb"):
        read_planet(folder, (*RGB, "nir"))
