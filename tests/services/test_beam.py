"""The Beam pipeline beside `tulip run`, over a small simulated archive, with shipped networks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import psycopg
import pytest
import rasterio
from click.testing import CliRunner, Result

from tests.conftest import NewDatabase
from tulip_ops.cli import main

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

TULIP = Path(sys.executable).parent / "tulip"
PERIOD = ("--from", "2024-04-01", "--until", "2024-05-31")
SCENES, SIDE = 3, 96


@dataclass(frozen=True)
class Desk:
    """A state folder and a database of one's own, over an archive that all share."""

    state: Path
    archive: Path
    url: str

    @property
    def environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("TULIP_")}
        return {**kept, "TULIP_STATE": str(self.state), "TULIP_ARCHIVE": str(self.archive),
                "TULIP_DATABASE_URL": self.url, "TULIP_THREADS": "1"}  # fmt: skip

    def invoke(self, *words: str, **changed: str) -> Result:
        told: dict[str, str | None] = {
            name: None for name in os.environ if name.startswith("TULIP_")
        }
        told |= {name: value for name, value in self.environment.items() if "TULIP" in name}
        return CliRunner(env={**told, **changed}).invoke(main, words)

    def tulip(self, *words: str, expect: int = 0) -> Result:
        done = self.invoke(*words)
        assert done.exit_code == expect, (words, done.output, done.exception)
        return done

    def json(self, *words: str, expect: int = 0) -> dict[str, object]:
        answer: dict[str, object] = json.loads(self.tulip(*words, "--json", expect=expect).stdout)
        return answer

    def process(self, *words: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [TULIP, *words], env=self.environment, capture_output=True, text=True, timeout=900,
            check=False,
        )  # fmt: skip
        assert done.returncode == expect, (words, done.stdout, done.stderr)
        return done

    def execute(self, sql: str) -> None:
        with psycopg.connect(self.url) as database:
            database.execute(sql)  # type: ignore[arg-type]

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.url) as database:
            return database.execute(sql).fetchall()  # type: ignore[arg-type]

    def pixels(self) -> dict[str, bytes]:
        """Of every raster in the store."""
        told = {}
        for path in sorted((self.state / "store").glob("*/*.tif")):
            with rasterio.open(path) as raster:
                told[f"{path.parent.name}/{path.name}"] = raster.read().tobytes()
        return told


@pytest.fixture(scope="module")
def bench(repository: Path) -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(repository / "bench"))
        import beam

        yield beam


@pytest.fixture(scope="module")
def archive(bench: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few scenes, one of them overcast."""
    place = tmp_path_factory.mktemp("season") / "archive"
    bench.write_season(place, SCENES, SIDE)
    return place


@pytest.fixture(scope="module")
def new_desk(archive: Path, new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    def make(name: str) -> Desk:
        desk = Desk(tmp_path_factory.mktemp(name), archive, new_database())
        desk.tulip("database", "migrate")
        desk.tulip("aoi", "add", str(archive / "areas.geojson"))
        return desk

    return make


@pytest.fixture(scope="module")
def one_by_one(new_desk) -> Desk:  # type: ignore[no-untyped-def]
    """Carried as the DAG does it."""
    desk: Desk = new_desk("one")
    for name in desk.json("backfill", *PERIOD)["new"]:  # type: ignore[attr-defined]
        assert desk.invoke("run", name).exit_code in {0, 99}
    return desk


@pytest.fixture(scope="module")
def in_one_go(bench: ModuleType, new_desk) -> tuple[Desk, dict[str, object]]:  # type: ignore[no-untyped-def]
    """Carried by the pipeline in this process, and what that printed."""
    desk: Desk = new_desk("pipeline")
    return desk, desk.json("beam", *PERIOD, "--run-id", bench.RUN)


def test_the_pipeline_writes_the_rows_and_pixels_of_single_runs(
    bench: ModuleType, one_by_one: Desk, in_one_go: tuple[Desk, dict[str, object]]
) -> None:
    desk, _ = in_one_go
    rows = bench.rows(one_by_one.url)
    assert len(rows["acquisition"]) == SCENES
    assert rows["detection"]
    assert bench.rows(desk.url) == rows
    assert desk.pixels() == one_by_one.pixels()


def test_what_came_out_is_counted(in_one_go: tuple[Desk, dict[str, object]]) -> None:
    desk, told = in_one_go
    states = dict(desk.rows("select state, count(*) from tulip.acquisition group by 1"))
    assert len(told["recorded"]) == states["recorded"] > 0  # type: ignore[arg-type]
    assert len(told["skipped"]) == states["skipped"] >= 1  # type: ignore[arg-type]
    assert told["failed"] == []
    metrics = told["metrics"]
    assert isinstance(metrics, dict)
    assert metrics["done"] == states["recorded"]
    assert metrics["screen_windows"] == SCENES
    assert metrics["screen_pixels"] == SCENES * SIDE * SIDE
    assert 0 < metrics["segment_windows"] <= SCENES
    assert 0 <= metrics["clear_percent_mean"] <= 100
    assert metrics["acquire_milliseconds_sum"] > 0


def test_a_repeated_run_finds_nothing_to_do(in_one_go: tuple[Desk, dict[str, object]]) -> None:
    desk, _ = in_one_go
    before = desk.rows("select xmin::text, a::text from tulip.acquisition a order by 2")
    assert "nothing is left" in desk.tulip("beam", *PERIOD, expect=99).output
    assert desk.json("backfill", *PERIOD, expect=99)["done"] == SCENES
    assert desk.json("beam", *PERIOD, "--again")["failed"] == []
    assert desk.rows("select xmin::text, a::text from tulip.acquisition a order by 2") == before


def test_one_bad_scene_is_a_dead_letter_and_hinders_no_other(
    in_one_go: tuple[Desk, dict[str, object]], archive: Path, new_desk, tmp_path: Path
) -> None:  # type: ignore[no-untyped-def]
    scenes = sorted(path for path in archive.iterdir() if path.is_dir())[:3]
    copied = tmp_path / "archive"
    shutil.copytree(archive, copied)
    bad = scenes[1].name
    pixels = copied / bad / "reflectance.tif"
    pixels.write_bytes(pixels.read_bytes()[:2000])
    made: Desk = new_desk("broken")
    desk = Desk(made.state, copied, made.url)
    days = ("--from", "2024-04-01", "--until", "2024-04-03")
    told = desk.json("beam", *days, "--run-id", "beam 1/2", expect=3)
    assert told["quarantined"] == [bad]
    assert len(told["recorded"]) + len(told["skipped"]) == 2  # type: ignore[arg-type]
    (letter,) = (desk.state / "store" / "dead-letters" / "beam_1_2").iterdir()
    said = json.loads(letter.read_text())
    assert (said["acquisition"], said["step"]) == (bad, "acquire")
    ((error, message),) = desk.rows(
        "select error, message from tulip.attempt where outcome = 'failed'"
    )
    assert (said["error"], said["message"]) == (error, message)
    assert told["reasons"] == {bad: f"acquire: {error}: {message}"}


def test_a_network_that_fails_fails_its_step_and_no_bundle(
    archive: Path, new_desk, tmp_path: Path, repository: Path
) -> None:  # type: ignore[no-untyped-def]
    desk: Desk = new_desk("damaged")
    shutil.copytree(repository / "models", tmp_path / "models")
    (weights,) = (tmp_path / "models" / "cloud-filter-multispectral").glob("*/model.weights.h5")
    weights.write_bytes(weights.read_bytes()[:-1])
    days = ("--from", "2024-04-01", "--until", "2024-04-02", "--json")
    done = desk.invoke("beam", *days, TULIP_MODELS=str(tmp_path / "models"))
    assert done.exit_code == 1
    assert len(json.loads(done.stdout)["failed"]) == 2
    assert desk.rows("select step, error, count(*) from tulip.attempt where outcome = 'failed'"
                     " group by 1, 2") == [("screen", "ModelDamaged", 2)]  # fmt: skip
    assert json.loads(desk.tulip("beam", *days).stdout)["failed"] == []


def test_dask_writes_the_same(bench: ModuleType, one_by_one: Desk, new_desk) -> None:  # type: ignore[no-untyped-def]
    desk: Desk = new_desk("dask")
    done = desk.process("beam", "--runner", "DaskRunner", *PERIOD, "--run-id", bench.RUN, "--json")
    assert json.loads(done.stdout)["failed"] == []
    assert bench.rows(desk.url) == bench.rows(one_by_one.url)
    assert desk.pixels() == one_by_one.pixels()
