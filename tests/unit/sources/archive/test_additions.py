"""Adding again, replacing, and trying without writing."""

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.unit.geotiffs import GRID, geotiff, noise
from tulip_ops.core.errors import AcquisitionNotFound, BadData, BadScene
from tulip_ops.core.types import AcquisitionId
from tulip_ops.sources.archive.additions import Addition
from tulip_ops.sources.archive.source import Archive


def image(folder: Path, name: str = "S2A_20160501.tif", seed: int = 0) -> Path:
    pixels = (noise(3, 30, 40, high=150) + seed).astype(np.uint8)
    return Path(geotiff(folder / name, pixels, GRID))


def add(archive: Archive, path: Path, **options: Any) -> Addition:
    [addition] = archive.adder().add([path], **{"existing": "compare", **options})
    return addition


def bands(archive: Archive) -> list[tuple[str, list[int]]]:
    return [
        (str(scene.id), [band.index for band in scene.bands.values()]) for scene in archive.scenes()
    ]


def test_the_same_again_changes_nothing(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    first = add(archive, image(tmp_path), stretch=2.0)
    again = add(archive, image(tmp_path), stretch=2.0)
    assert first.id == again.id
    assert first.parts
    assert not again.parts


@pytest.mark.parametrize(
    ("options", "difference"),
    [
        ({"bands": ("blue", "green", "red")}, "bands red, green, blue, not blue, green, red"),
        ({"nodata": 0}, "nodata None, not 0"),
        ({"tile": "31UFT"}, "tile 31UFU, not 31UFT"),
        ({"scale": 0.001}, "scale 0.001568.*, not 0.001"),
    ],
)
def test_other_options_are_told_and_replace_on_request(
    tmp_path: Path, options: dict[str, Any], difference: str
) -> None:
    archive = Archive(tmp_path / "archive")
    path = image(tmp_path)
    first = add(archive, path, tile="31UFU")
    with pytest.raises(BadScene, match=f"as {first.id}, with {difference}.*--replace"):
        add(archive, path, **{"tile": "31UFU", **options})
    assert archive.add_files([path], **options) == [first.id]
    second = add(archive, path, existing="replace", **{"tile": "31UFU", **options})
    [scene] = archive.scenes()
    assert scene.id == second.id
    assert not add(archive, path, **{"tile": "31UFU", **options}).parts
    assert [entry.name for entry in (tmp_path / "archive").iterdir() if entry.is_dir()] == [
        str(second.id)
    ]


def test_an_omitted_answer_contradicts_nothing(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    path = image(tmp_path, "S2A_undated.tif")
    first = add(archive, path, day=date(2016, 5, 1))
    assert add(archive, path).id == first.id


def test_a_corrected_file_of_the_same_name_replaces_or_stands_beside(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    first = add(archive, image(tmp_path))
    assert add(archive, image(tmp_path, seed=1), existing="replace").id == first.id
    assert len(bands(archive)) == 1
    assert str(add(archive, image(tmp_path, seed=2)).id) == "S2A_31UFU_20160501_1_L2A"


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    good, other = image(tmp_path), image(tmp_path, "S2A_20160501b.tif", seed=1)
    undated = image(tmp_path, "S2A_undated.tif", seed=2)
    refused: dict[Path, BadData] = {}
    additions = archive.adder().add(
        [good, other, undated], existing="compare", dry_run=True, refuse=refused.__setitem__
    )
    assert [str(one.id) for one in additions[:1]] == ["S2A_31UFU_20160501_0_L2A"]
    assert [type(one.error) for one in additions] == [type(None), BadScene, BadScene]
    assert set(refused) == {other, undated}
    assert not (tmp_path / "archive").exists()


def test_a_scene_is_removed_with_its_pixels(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    first, second = (add(archive, image(tmp_path, f"S2A_2016-05-0{n}.tif", n)).id for n in (1, 2))
    assert first is not None
    archive.remove(first)
    assert [scene.id for scene in archive.scenes()] == [second]
    assert not (tmp_path / "archive" / str(first)).exists()
    with pytest.raises(AcquisitionNotFound, match="tulip archive list"):
        archive.remove(AcquisitionId.parse("S2A_31UFU_20200101_0_L2A"))
