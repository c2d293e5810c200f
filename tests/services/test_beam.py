"""The Beam pipeline beside `tulip run`, over a small simulated archive, with shipped networks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import psutil
import psycopg
import pytest
import rasterio
from affine import Affine
from click.testing import CliRunner, Result
from rasterio.errors import NotGeoreferencedWarning

from tests.conftest import NewDatabase
from tulip_ops.cli.main import main

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

    @property
    def store(self) -> Path:
        return self.state / "store"

    @contextmanager
    def started(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        """A command that runs meanwhile; in the end it is gone with all that it started."""
        running = subprocess.Popen(
            [TULIP, *words], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        try:
            yield running
        finally:
            if running.poll() is None:
                for one in (*psutil.Process(running.pid).children(recursive=True), running):
                    with suppress(psutil.NoSuchProcess):
                        one.kill()
                running.communicate()

    def left(self, bench: ModuleType) -> dict[str, Mapping[str, object]]:
        """The rows and products of all acquisitions, without what depends on who made them."""
        return {"rows": bench.rows(self.url), "products": bench.products(self.store)}


@pytest.fixture(scope="module")
def bench(repository: Path) -> Iterator[ModuleType]:
    """What makes archives and compares what became of them, there and here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(repository))
        from bench.beam import desk as beam_desk

        yield beam_desk


@pytest.fixture(scope="module")
def archive(bench: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few scenes, one of them overcast."""
    from bench.beam import season as beam_season

    place = tmp_path_factory.mktemp("season") / "archive"
    beam_season.write_season(place, SCENES, SIDE)
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


def test_the_pipeline_writes_the_rows_and_files_of_single_runs(
    bench: ModuleType, one_by_one: Desk, in_one_go: tuple[Desk, dict[str, object]]
) -> None:
    desk, _ = in_one_go
    left = one_by_one.left(bench)
    assert len(left["rows"]["acquisition"]) == SCENES  # type: ignore[arg-type]
    assert left["rows"]["detection"]
    assert len(left["products"]) > 2 * SCENES
    assert desk.left(bench) == left


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
    assert desk.left(bench) == one_by_one.left(bench)


@pytest.mark.parametrize(("runner", "mark"), [("DirectRunner", "sdk_worker_main"),
                                              ("DaskRunner", "dask worker")])  # fmt: skip
def test_a_killed_worker_loses_nothing(
    bench: ModuleType, one_by_one: Desk, new_desk, runner: str, mark: str
) -> None:  # type: ignore[no-untyped-def]
    desk: Desk = new_desk(f"killed-{runner}")
    words = ("beam", "--runner", runner, "--workers", "2", *PERIOD, "--run-id", bench.RUN)
    with desk.started(*words) as running:
        acquired = "select count(*) from tulip.attempt where step = 'acquire' and outcome = 'done'"
        wait_for(lambda: desk.rows(acquired) != [(0,)], running)
        workers = [child for child in psutil.Process(running.pid).children(recursive=True)
                   if mark in " ".join(child.cmdline()) and child.name() != "sh"]  # fmt: skip
        assert len(workers) == 2
        workers[0].kill()
        _, said = running.communicate(timeout=300)
    if runner == "DirectRunner":  # Dask starts another
        assert running.returncode == 1
        assert "the same command carries the rest" in said
        assert not psutil.wait_procs(workers, timeout=10)[1]
        ended = "select count(*) from tulip.acquisition where state in ('recorded', 'skipped')"
        assert desk.rows(ended) != [(SCENES,)], "the worker was killed too late"
        desk.tulip(*words[:1], *PERIOD, "--run-id", bench.RUN)
    else:
        assert running.returncode == 0, said
    left, wanted = desk.left(bench), one_by_one.left(bench)
    for told in (left, wanted):
        del told["rows"]["attempt"]  # type: ignore[attr-defined]
    assert left == wanted
    assert desk.rows("select count(*) from tulip.attempt where outcome is null") == [(0,)]


def wait_for(holds: Callable[[], bool], running: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 240
    while not holds():
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_folder_of_chips_is_carried_and_what_is_no_scene_is_a_dead_letter(
    new_desk, tmp_path: Path
) -> None:  # type: ignore[no-untyped-def]
    """As the ancestor had them: PNGs without a place, masks and renderings that know theirs."""
    made: Desk = new_desk("chips")
    desk = Desk(made.state, tmp_path / "archive", made.url)
    chips = tmp_path / "chips"
    cut, torn, strange, undated, lost = write_chips(chips)
    told = desk.json("beam", "--file", str(chips), "--run-id", "folder", expect=3)
    assert len(told["recorded"]) + len(told["skipped"]) == told["acquisitions"] == 3  # type: ignore[arg-type]
    assert told["failed"] == told["quarantined"] == []
    refused = told["refused"]
    assert isinstance(refused, dict)
    assert {name: why.split(":")[0] for name, why in refused.items()} == {
        str(cut): "UnreadableRaster", str(torn): "UnreadableRaster",
        str(strange): "UnreadableRaster", str(undated): "BadScene", str(lost): "BadScene",
    }  # fmt: skip
    letters = [
        json.loads(path.read_text()) for path in (desk.store / "dead-letters" / "folder").iterdir()
    ]
    assert {one["file"]: f"{one['error']}: {one['message']}" for one in letters} == refused
    assert all(name in why for name, why in refused.items())
    again = desk.json("beam", "--file", str(chips), "--run-id", "folder", expect=3)
    assert (again["acquisitions"], again["refused"]) == (0, refused)
    for path in (cut, torn, strange, undated, lost):
        path.unlink()
    desk.tulip("beam", "--file", str(chips), expect=99)


def write_chips(folder: Path) -> list[Path]:
    """Two PNGs and a GeoTIFF of one place, and five files that are no scenes, which it returns."""
    folder.mkdir()
    place = {"crs": "EPSG:32631", "transform": Affine(10, 0, 677600, 0, -10, 5850240)}
    pixels = np.random.default_rng(0).integers(20, 90, (3, SIDE, SIDE), np.uint8)

    def write(name: str, **options: object) -> Path:
        driver = "PNG" if name.endswith(".png") else "GTiff"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(folder / name, "w", driver=driver, width=SIDE, height=SIDE, count=3,
                               dtype="uint8", **options) as raster:  # fmt: skip
                raster.write(pixels + np.uint8(len(list(folder.iterdir()))))
        return folder / name

    write("tulip_a_geopedia_ttl1904.tif", **place)
    write("tulip_a_wms_20160501-105310_TRUE_COLOR.png")
    write("tulip_a_wms_20160508-104027_TRUE_COLOR.png")
    write("tulip_a_wms_20160511-105343_TRUE_COLOR.tif", **place)
    cut = write("tulip_a_wms_20160513-105343_TRUE_COLOR.png")
    torn = write("tulip_a_wms_20160514-105343_TRUE_COLOR.tif", **place)
    for path in (cut, torn):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    strange = folder / "tulip_a_wms_20160515-105343_TRUE_COLOR.png"
    strange.write_text("<html>502 Bad Gateway</html>")
    undated = write("tulip_a_wms_TRUE_COLOR.png")
    return [cut, torn, strange, undated, write("tulip_b_wms_20160501-105310_TRUE_COLOR.png")]
