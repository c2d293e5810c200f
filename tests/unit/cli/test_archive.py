"""`tulip archive`: good files are added, bad ones are named."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from tests.unit.geotiffs import GRID, geotiff, noise
from tulip_ops.cli.main import main


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    """A folder with one image, and a page of a server that was saved as one."""
    folder = tmp_path / "scenes"
    folder.mkdir()
    geotiff(folder / "S2A_20160501.tif", noise(3, 30, 40, high=150).astype(np.uint8), GRID)
    (folder / "S2A_20160502.tif").write_text("<html>not found</html>")
    return folder


def archive(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["archive", *map(str, arguments)])


def test_a_bad_file_does_not_stop_the_others(scenes: Path, tmp_path: Path) -> None:
    done = archive("add", scenes, "--to", tmp_path / "archive")
    assert done.exit_code == 2
    assert done.stdout == "S2A_31UFU_20160501_0_L2A\n"
    assert "UnreadableRaster" in done.stderr
    assert "S2A_20160502.tif" in done.stderr
    again = archive("add", scenes, "--to", tmp_path / "archive", "--json")
    figures = json.loads(again.stdout)
    assert figures["added"] == ["S2A_31UFU_20160501_0_L2A"]
    assert [Path(name).name for name in figures["refused"]] == ["S2A_20160502.tif"]


def test_a_dry_run_is_a_table(scenes: Path, tmp_path: Path) -> None:
    done = archive("add", scenes, "--to", tmp_path / "archive", "--dry-run")
    head, good, bad = done.stdout.splitlines()
    assert head.split() == ["file", "scene", "kind", "bands", "date"]
    for text in ("S2A_20160501.tif", "S2A_31UFU_20160501_0_L2A", "TRUE_COLOR rendering, uint8",
                 "red, green, blue", "2016-05-01 00:00 from name"):  # fmt: skip
        assert text in good
    assert bad.startswith("S2A_20160502.tif")
    assert "refused: " in bad
    assert done.exit_code == 2
    assert not (tmp_path / "archive").exists()


def test_options_that_differ_are_told_and_replace(scenes: Path, tmp_path: Path) -> None:
    image, place = scenes / "S2A_20160501.tif", tmp_path / "archive"
    options = ("--to", place, "--band", "blue", "--band", "green", "--band", "red")
    assert archive("add", image, "--to", place).exit_code == 0
    assert archive("add", image, "--to", place).exit_code == 0
    refused = archive("add", image, *options)
    assert refused.exit_code == 2
    assert "bands red, green, blue, not blue, green, red" in refused.stderr
    assert archive("add", image, *options, "--replace").exit_code == 0
    assert archive("add", image, *options).exit_code == 0


def test_a_scene_can_be_removed(scenes: Path, tmp_path: Path) -> None:
    place = tmp_path / "archive"
    archive("add", scenes / "S2A_20160501.tif", "--to", place)
    done = archive("remove", "S2A_31UFU_20160501_0_L2A", "--from", place)
    assert done.stdout == "removed S2A_31UFU_20160501_0_L2A\n"
    assert archive("list", "--from", place).stdout.strip() == ""
    assert archive("remove", "S2A_31UFU_20160501_0_L2A", "--from", place).exit_code == 2


def test_nodata_is_a_number_or_none(scenes: Path, tmp_path: Path) -> None:
    image, place = scenes / "S2A_20160501.tif", tmp_path / "archive"
    assert "neither a number" in archive("add", image, "--to", place, "--nodata", "x").stderr
    assert archive("add", image, "--to", place, "--nodata", "none").exit_code == 0
