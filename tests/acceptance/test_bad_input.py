"""Whatever is handed in: one clear message, the right exit code, nothing half-written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import rasterio
from affine import Affine

from tests.acceptance.conftest import Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.fixture(autouse=True)
def as_it_was(stack: Stack) -> Iterator[None]:
    """The ledger and the store of the season, whatever a test brought in."""
    known = {name for (name,) in stack.rows("select acquisition_id from tulip.acquisition")}
    yield
    for (name,) in stack.rows("select acquisition_id from tulip.acquisition"):
        if name not in known:
            stack.execute(f"delete from tulip.acquisition where acquisition_id = '{name}'")
            shutil.rmtree(stack.state / "store" / str(name), ignore_errors=True)


def _one_message(stderr: str) -> str:
    lines = [line for line in stderr.splitlines() if line and " INFO " not in line]
    assert "Traceback" not in stderr
    return lines[-1]


def _leftovers(stack: Stack) -> list[Path]:
    return [p for p in (stack.state / "store").rglob("*") if ".unfinished" in p.name]


def test_a_word_that_is_no_id(stack: Stack) -> None:
    done = stack.tulip("acquire", "S2A_31UFU_2016", expect=2)
    assert "not an acquisition id" in done.stderr


def test_an_unknown_id(stack: Stack) -> None:
    before = stack.everything()
    done = stack.tulip("acquire", "S2A_31UFU_20160601_0_L2A", expect=2)
    assert _one_message(done.stderr).startswith("AcquisitionNotFound: S2A_31UFU_20160601_0_L2A")
    assert stack.everything() == before
    assert not (stack.state / "store" / "S2A_31UFU_20160601_0_L2A").exists()


@pytest.fixture
def archive_of_one(stack: Stack, images: list[Path], tmp_path: Path) -> tuple[Path, str]:
    """An archive with one scene of a day that nobody else uses."""
    place = tmp_path / "archive"
    stack.tulip("archive", "add", "--to", str(place), "--date", "2016-05-21", str(images[0]))
    return place, "S2A_31UFU_20160521_0_L2A"


def test_an_unreadable_file(stack: Stack, archive_of_one: tuple[Path, str]) -> None:
    place, name = archive_of_one
    for path in place.rglob("*.tif"):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    done = stack.tulip("acquire", name, expect=3, TULIP_ARCHIVE=str(place))
    assert _one_message(done.stderr).startswith("ChecksumMismatch: ")
    state, verdict = stack.rows(
        f"select state, verdict from tulip.acquisition where acquisition_id = '{name}'"
    )[0]
    assert state == "quarantined"
    assert ".tif has" in str(verdict)
    assert not (stack.state / "store" / name / "reflectance.tif").exists()
    assert _leftovers(stack) == []


def test_a_scene_outside_every_area(stack: Stack, images: list[Path], tmp_path: Path) -> None:
    elsewhere = tmp_path / "S2A_2016-05-22_elsewhere.tif"
    with rasterio.open(images[0]) as source:
        moved = Affine.translation(40_000, 0) @ source.transform
        profile = {**source.profile, "transform": moved}
        with rasterio.open(elsewhere, "w", **profile) as target:
            target.write(source.read())
    place = tmp_path / "archive"
    added = json.loads(
        stack.tulip("archive", "add", "--to", str(place), "--json", str(elsewhere)).stdout
    )["added"]
    done = stack.tulip("acquire", *added, expect=99, TULIP_ARCHIVE=str(place))
    assert "outside every area" in done.stdout
    state, verdict = stack.rows(
        f"select state, verdict from tulip.acquisition where acquisition_id = '{added[0]}'"
    )[0]
    assert (state, "outside every area" in str(verdict)) == ("skipped", True)
    assert not (stack.state / "store" / added[0]).exists()


def test_a_database_that_is_down(stack: Stack) -> None:
    files = sorted((stack.state / "store").rglob("*"))
    done = stack.tulip(
        "acquire",
        "S2A_31UFU_20160421_0_L2A",
        expect=1,
        TULIP_DATABASE_URL="postgresql://tulip:verysecret@127.0.0.1:1/tulip",
    )
    message = _one_message(done.stderr)
    assert message.startswith("DatabaseUnavailable: ")
    assert "127.0.0.1:1" in message
    assert "verysecret" not in done.stderr + done.stdout
    assert sorted((stack.state / "store").rglob("*")) == files


def test_doctor_finds_everything_well(stack: Stack) -> None:
    report = stack.json("doctor")
    checks = report["checks"]
    assert isinstance(checks, list)
    assert [check["name"] for check in checks if not check["ok"]] == []


def test_doctor_says_what_is_wrong_and_what_to_do(stack: Stack, tmp_path: Path) -> None:
    done = stack.tulip("doctor", expect=1, TULIP_ARCHIVE=str(tmp_path / "nothing"))
    assert "BAD  source archive" in done.stdout
    assert "tulip archive add" in done.stdout
