from pathlib import Path

import numpy as np
import pytest

from tests.unit.geotiffs import geotiff
from tests.unit.sources.archive.esa_product import esa_product
from tulip_ops.core.errors import BadScene
from tulip_ops.sources.archive.scene_files import describe_files, find_files, group_files
from tulip_ops.sources.archive.source import Archive

PREFIX = "T31UFU_20160501T105031"


def paths(*names: str) -> list[Path]:
    return [Path("/scenes") / name for name in names]


def test_files_of_one_tile_and_time_are_one_scene() -> None:
    files = paths(
        f"{PREFIX}_B02_10m.tif", f"{PREFIX}_B04_10m.tif", "T31UFU_20160511T105031_B02_10m.tif",
        "S2A_20160501.tif", "S2A_20160501_TCI.tif", f"{PREFIX}_SCL_20m.tif",
    )  # fmt: skip
    groups = [[path.name for path in group] for group in group_files(files)]
    assert groups == [
        ["S2A_20160501.tif"],
        ["S2A_20160501_TCI.tif"],
        [f"{PREFIX}_B02_10m.tif", f"{PREFIX}_B04_10m.tif", f"{PREFIX}_SCL_20m.tif"],
        ["T31UFU_20160511T105031_B02_10m.tif"],
    ]


def test_files_of_other_folders_are_other_scenes() -> None:
    files = [Path("/a") / f"{PREFIX}_B02.jp2", Path("/b") / f"{PREFIX}_B03.jp2"]
    assert len(group_files(files)) == 2


def test_each_band_comes_from_its_finest_file() -> None:
    group = paths(f"{PREFIX}_B02_20m.jp2", f"{PREFIX}_B02_10m.jp2", f"{PREFIX}_B01_60m.jp2")
    scene = describe_files(group)
    assert scene.name == PREFIX
    assert [(band.word, Path(band.href).name) for band in scene.bands] == [
        ("B02", f"{PREFIX}_B02_10m.jp2")
    ]
    assert scene.left_out == ("B01",)
    assert [path.name for path in scene.originals] == [f"{PREFIX}_B02_10m.jp2"]


def band_file(folder: Path, name: str, **options: object) -> Path:
    pixels = np.random.default_rng(1).integers(200, 4000, (1, 30, 40)).astype(np.uint16)
    return Path(geotiff(folder / name, pixels, **options))


def test_one_file_per_band_becomes_one_scene(tmp_path: Path) -> None:
    names = [f"{PREFIX}_{band}_10m.tif" for band in ("B02", "B03", "B04", "B08")]
    files = [band_file(tmp_path, name) for name in names]
    archive = Archive(tmp_path / "archive")
    assert len(archive.add_files(files)) == 1
    [scene] = archive.scenes()
    assert list(scene.bands) == ["blue", "green", "red", "nir"]
    assert len({band.href for band in scene.bands.values()}) == 4
    with pytest.raises(BadScene, match="leave --band out"):
        Archive(tmp_path / "other").add_files(files, bands=("red",))


def test_a_stack_whose_name_ends_like_a_band_is_a_stack(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(1, 160, (3, 30, 40)).astype(np.uint8)
    archive = Archive(tmp_path / "archive")
    archive.add_files([Path(geotiff(tmp_path / "S2A_20160501_B2.tif", pixels))])
    assert list(next(archive.scenes()).bands) == ["blue", "green", "red"]


def test_files_of_other_ground_are_no_scene(tmp_path: Path) -> None:
    files = [
        band_file(tmp_path, f"{PREFIX}_B02.tif"),
        band_file(tmp_path, f"{PREFIX}_B03.tif", crs="EPSG:32632"),
    ]
    with pytest.raises(BadScene, match="cover different ground"):
        Archive(tmp_path / "archive").add_files(files)


def test_a_folder_is_searched_for_files_and_products(tmp_path: Path) -> None:
    product = esa_product(tmp_path)
    (tmp_path / "deep").mkdir()
    image = band_file(tmp_path / "deep", "S2A_20160501.tif")
    (tmp_path / "notes.txt").touch()
    assert set(find_files([tmp_path, image])) == {product, image}
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadScene, match=r"empty holds no GeoTIFF"):
        find_files([tmp_path / "empty"])
