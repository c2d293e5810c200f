"""The steps by hand, as a person types them, over a simulated season, with the shipped networks."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import geopandas
import numpy as np
import psycopg
import pytest
import rasterio
from click.testing import CliRunner, Result

from tests.conftest import NewDatabase
from tulip_ops.cli.main import main
from tulip_ops.core.types import AcquisitionId
from tulip_ops.raster import cog, header
from tulip_ops.raster.cog import CogReader
from tulip_ops.raster.grid import STRIP_ROWS
from tulip_ops.sources.archive.source import Archive

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

TULIP = Path(sys.executable).parent / "tulip"


@dataclass(frozen=True)
class Desk:
    """A state folder and a database of one's own."""

    state: Path
    url: str

    def tulip(self, *words: str, expect: int = 0) -> Result:
        done = CliRunner().invoke(main, words)
        assert done.exit_code == expect, (words, done.output, done.exception)
        return done

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [TULIP, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.url) as database:
            return database.execute(sql).fetchall()  # type: ignore[arg-type]

    def tables(self) -> dict[str, list[tuple[object, ...]]]:
        names = ("acquisition", "attempt", "detection", "field", "observation", "field_season")
        return {
            name: self.rows(f"select xmin::text, t::text from tulip.{name} t order by 2")
            for name in names
        }


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, new_database: NewDatabase) -> Iterator[Desk]:
    state, url = tmp_path_factory.mktemp("desk"), new_database()
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("TULIP_")]:
            patch.delenv(name)
        patch.setenv("TULIP_STATE", str(state))
        patch.setenv("TULIP_DATABASE_URL", url)
        desk = Desk(state, url)
        desk.tulip("database", "migrate")
        desk.tulip("simulate", "--season", "2024", "--season", "2025")
        yield desk


@pytest.fixture(scope="module")
def ids(desk: Desk) -> list[str]:
    """Everything discovered and carried by hand, both seasons rolled up."""
    refused = desk.tulip("discover", expect=2)
    assert "there is no area of interest" in refused.output
    desk.tulip("aoi", "add", str(desk.state / "archive" / "areas.geojson"))
    found = json.loads(desk.tulip("discover", "--since", "2024-01-01", "--json").stdout)
    assert len(found["new"]) == 10
    assert found["problems"] == []
    ends = {
        acquisition_id: CliRunner().invoke(main, ["run", acquisition_id]).exit_code
        for acquisition_id in found["new"]
    }
    assert set(ends.values()) == {0, 99}
    desk.tulip("history")
    return list(found["new"])


def test_the_overcast_acquisitions_are_skipped_with_their_verdict(
    desk: Desk, ids: list[str]
) -> None:
    overcast = [name for name in ids if _truth(desk, name)["cloud"].mean() > 80]
    assert len(overcast) == 1
    for name in overcast:
        ((state, verdict),) = desk.rows(
            f"select state, verdict from tulip.acquisition where acquisition_id = '{name}'"
        )
        assert state == "skipped"
        assert "too cloudy" in str(verdict)


def test_a_skipped_acquisition_says_not_seen_of_every_field(desk: Desk, ids: list[str]) -> None:
    rows = desk.rows(
        "select distinct o.verdict from tulip.observation o"
        " join tulip.acquisition a using (acquisition_id) where a.state = 'skipped'"
    )
    assert rows == [("not_seen",)]
    looks = desk.rows(
        "select count(o.acquisition_id) from tulip.field f"
        " join tulip.area r on st_intersects(r.geometry, f.geometry)"
        " left join tulip.observation o using (field_id) group by f.field_id"
    )
    assert looks
    assert {count for (count,) in looks} == {len(ids)}


def test_what_is_detected_lies_on_the_simulated_tulips(desk: Desk, ids: list[str]) -> None:
    best = max(ids, key=lambda name: _iou(desk, name))
    assert _iou(desk, best) > 0.5


def test_both_areas_and_seasons_are_summed_up_as_simulated(desk: Desk, ids: list[str]) -> None:
    rows = desk.rows("select area, season, simulated from tulip.season_summary order by 1, 2")
    assert rows == [(area, season, True) for area in ("creil", "espel") for season in (2024, 2025)]
    assert len(ids) == 10


def test_doing_it_all_again_changes_nothing(desk: Desk, ids: list[str]) -> None:
    before = desk.tables()
    assert json.loads(desk.tulip("discover", "--since", "2024-01-01", "--json").stdout)["new"] == []
    for name in ids:
        assert CliRunner().invoke(main, ["run", name]).exit_code in {0, 99}
    desk.tulip("history")
    assert desk.tables() == before


def test_run_reads_the_pixels_once_for_both_networks(desk: Desk, ids: list[str]) -> None:
    name = next(i for i in ids if (desk.state / "store" / i / "tulip.tif").exists())
    products = [desk.state / "store" / name / product for product in ("cloud.tif", "tulip.tif")]
    desk.tulip("screen", name, "--force")
    desk.tulip("segment", name, "--force")
    alone = [product.read_bytes() for product in products]
    begun: list[int] = []
    window = CogReader.read_window

    def counted(source: CogReader, rows: tuple[int, int], *others: Any) -> Any:
        if "red" in source.bands:
            begun.append(rows[0])
        return window(source, rows, *others)

    with mock.patch.object(CogReader, "read_window", counted):
        assert CliRunner().invoke(main, ["run", name, "--force"]).exit_code == 0

    height = header.inspect(str(products[0])).shape[0]
    assert begun == list(range(0, height, STRIP_ROWS))
    assert [product.read_bytes() for product in products] == alone


def test_two_at_once_do_the_work_once(desk: Desk, ids: list[str]) -> None:
    name = ids[0]
    before = desk.rows("select count(*) from tulip.attempt")[0][0]
    first, second = (desk.start("acquire", name, "--json") for _ in range(2))
    answers = [json.loads(process.communicate(timeout=120)[0]) for process in (first, second)]
    assert [answer["fresh"] for answer in answers] == [False, False]
    (desk.state / "store" / name / "reflectance.tif").unlink()
    first, second = (desk.start("acquire", name, "--json") for _ in range(2))
    answers = [json.loads(process.communicate(timeout=120)[0]) for process in (first, second)]
    assert sorted(answer["fresh"] for answer in answers) == [False, True]
    assert desk.rows("select count(*) from tulip.attempt")[0][0] == int(str(before)) + 1
    desk.tulip("run", name)


def test_a_step_killed_in_the_middle_leaves_nothing_half_written(
    desk: Desk, ids: list[str]
) -> None:
    name = next(i for i in ids if (desk.state / "store" / i / "tulip.tif").exists())
    product = desk.state / "store" / name / "tulip.tif"
    content = product.read_bytes()
    process = desk.start("segment", name, "--force")
    begun = f"select 1 from tulip.attempt where acquisition_id = '{name}' and outcome is null"
    while not desk.rows(begun):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert product.read_bytes() == content
    desk.tulip("run", name)
    assert product.read_bytes() == content
    killed = f"select step, error from tulip.attempt where acquisition_id = '{name}'"
    assert desk.rows(f"{killed} and outcome = 'failed'") == [("segment", "Killed")]


def test_another_scene_under_the_same_name_is_acquired_again(desk: Desk, ids: list[str]) -> None:
    name = ids[-1]
    both = ("--season", "2024", "--season", "2025")
    before = _digest(desk, name)
    desk.tulip("simulate", *both, "--seed", "1")
    assert json.loads(desk.tulip("acquire", name, "--json").stdout)["fresh"]
    assert _digest(desk, name) != before
    desk.tulip("simulate", *both)
    assert CliRunner().invoke(main, ["run", name]).exit_code in {0, 99}
    assert _digest(desk, name) == before


def test_a_history_without_its_products_says_which(desk: Desk, ids: list[str]) -> None:
    name = next(i for i in ids if (desk.state / "store" / i / "tulip.tif").exists())
    product = desk.state / "store" / name / "tulip.tif"
    hidden = product.rename(product.with_suffix(".hidden"))
    with psycopg.connect(desk.url) as database:
        database.execute("delete from tulip.observation where acquisition_id = %s", (name,))
    refused = desk.tulip("history", expect=1)
    assert name in refused.output
    hidden.rename(product)
    desk.tulip("history")
    missing = desk.rows(f"select count(*) from tulip.observation where acquisition_id = '{name}'")[
        0
    ][0]
    assert int(str(missing)) > 0


def test_a_reprocessing_counts_in_the_place_of_what_it_supersedes(
    desk: Desk, ids: list[str]
) -> None:
    seasons = (
        "select st_astext(f.geometry), s.* from tulip.field_season s"
        " join tulip.field f using (field_id) order by s.field_id, s.season"
    )
    summary = (
        "select area, season, acquisitions_recorded, bloomed_ha, clear_looks"
        " from tulip.season_summary order by 1, 2"
    )
    before = desk.rows(seasons), desk.rows(summary)
    ((older, sensed_at),) = desk.rows(
        "select acquisition_id, sensed_at from tulip.acquisition where state = 'recorded'"
        " order by sensed_at limit 1"
    )
    newer = AcquisitionId.parse(str(older).replace("_0_", "_1_"))
    pixels = cog.read_reflectance(desk.state / "archive" / str(older) / "reflectance.tif")
    Archive(desk.state / "archive").add_scene(newer, sensed_at, *pixels)  # type: ignore[arg-type]
    found = json.loads(desk.tulip("discover", "--since", "2024-01-01", "--json").stdout)
    assert found["new"] == [str(newer)]
    desk.tulip("run", str(newer))
    desk.tulip("history")
    assert desk.rows("select acquisition_id, superseded_by from tulip.acquisition"
                     " where superseded_by is not null") == [(older, str(newer))]  # fmt: skip
    assert (desk.rows(seasons), desk.rows(summary)) == before
    kept = desk.rows(f"select count(*) > 0 from tulip.detection where acquisition_id = '{older}'")
    assert kept == [(True,)]
    assert len(ids) == 10


def test_the_picture_is_drawn(desk: Desk, ids: list[str]) -> None:
    out = desk.state / "picture.png"
    for name in (ids[0], *[i for i in ids if _truth(desk, i)["cloud"].mean() > 80][:1]):
        desk.tulip("picture", name, str(out))
        assert out.read_bytes().startswith(b"\x89PNG")


def test_the_seasons_of_an_area_are_drawn(desk: Desk, ids: list[str]) -> None:
    out = desk.state / "seasons.png"
    desk.tulip("season-picture", "creil", str(out), "--simulated")
    assert out.read_bytes().startswith(b"\x89PNG")
    assert "--simulated" in desk.tulip("season-picture", "creil", str(out), expect=2).output
    assert (
        "no area is called" in desk.tulip("season-picture", "elsewhere", str(out), expect=2).output
    )
    assert len(ids) == 10


def test_one_start_carries_those_that_wait_and_each_fails_alone(
    desk: Desk, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    own, damaged, other = [i for i in ids if (desk.state / "store" / i / "tulip.tif").exists()][:3]
    for name in (own, damaged, other):
        desk.tulip("acquire", name, "--force")
    scene = desk.state / "store" / damaged / "reflectance.tif"
    content = scene.read_bytes()
    scene.write_bytes(content[:-9])
    (scene.parent / "cloud.tif").unlink()  # else nobody looks at the scene
    cloud = desk.state / "store" / other / "cloud.tif"
    screened = cloud.read_bytes()
    cloud.unlink()
    count = "select count(*) from tulip.attempt"

    before = desk.rows(count)
    assert "ProductMissing" in desk.tulip("screen", other, "--look", expect=1).output
    assert desk.rows(count) == before, "a look leaves nothing in the ledger"

    monkeypatch.setenv("TULIP_BATCH", "8")
    lines = desk.tulip("screen", own, "--run-id", "batch").stdout.splitlines()
    assert [line.split()[0] for line in lines] == [own, other]
    assert cloud.read_bytes() == screened
    states = dict(desk.rows("select acquisition_id, state from tulip.acquisition"))
    assert [states[i] for i in (own, damaged, other)] == ["screened", "failed", "screened"]
    ends = desk.rows(
        "select acquisition_id, outcome, error from tulip.attempt where run_id = 'batch'"
        f" and acquisition_id <> '{own}' order by outcome"
    )
    assert ends == [(other, "done", None), (damaged, "failed", "ProductDamaged")]

    again = desk.tulip("screen", own).stdout.splitlines()
    assert len(again) == 1, "what failed waits for its own task"
    desk.tulip("screen", other, "--look")
    monkeypatch.delenv("TULIP_BATCH")
    scene.write_bytes(content)
    for name in (own, damaged, other):
        desk.tulip("run", name)


def test_an_area_that_comes_later_is_carried_over_known_acquisitions(
    desk: Desk, ids: list[str]
) -> None:
    areas = geopandas.read_file(desk.state / "archive" / "areas.geojson")
    between = areas.iloc[:1].copy()
    between["geometry"] = between.scale(0.5, 0.5).translate(yoff=-0.002)
    between["name"] = "between"
    between.to_file(desk.state / "between.geojson")
    desk.tulip("aoi", "add", str(desk.state / "between.geojson"))
    found = json.loads(desk.tulip("discover", "--since", "2024-01-01", "--json").stdout)
    assert found["new"] == []
    assert [name for name in found["pending"] if name in ids] == ids


def _digest(desk: Desk, name: str) -> str:
    content = (desk.state / "store" / name / "reflectance.tif").read_bytes()
    return hashlib.sha256(content).hexdigest()


def _truth(desk: Desk, name: str) -> dict[str, np.ndarray]:
    with rasterio.open(desk.state / "archive" / name / "truth.tif") as raster:
        return dict(zip(raster.descriptions, raster.read(), strict=True))


def _iou(desk: Desk, name: str) -> float:
    """Of detected and true tulips where the acquisition saw the ground."""
    path = desk.state / "store" / name / "tulip.tif"
    if not path.exists():
        return 0.0
    with rasterio.open(path) as raster:
        tulip = raster.read(1)
    truth = _truth(desk, name)["tulip"] == 1
    seen = tulip != 255
    detected = seen & (tulip >= 125)
    return float((detected & truth).sum() / max(1, ((detected | truth) & seen).sum()))
