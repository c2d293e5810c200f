"""The whole way of two small acquisitions whose archive and products live in S3."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import psycopg
import pytest
from click.testing import CliRunner, Result

from tests.conftest import NewDatabase
from tests.services.s3 import BUCKET, S3, serving
from tulip_ops.cli.main import main
from tulip_ops.core.types import BANDS
from tulip_ops.simulate import demo_archive, demo_areas
from tulip_ops.simulate.demo import DEMO_GRID
from tulip_ops.sources.archive.source import Archive
from tulip_ops.storage import vector_files

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

WHOLE, EDGE = "SIM_31UFU_20250420_0_L2A", "SIM_31UFU_20250505_0_L2A"
ROWS, UNSEEN = 300, 120
"""Of the simulated scenes these rows, and of the second these columns outside the swath."""


@dataclass(frozen=True)
class Desk:
    s3: S3
    state: Path
    url: str

    def tulip(self, *words: str, expect: int = 0) -> Result:
        done = CliRunner().invoke(main, words)
        assert done.exit_code == expect, (words, done.output, done.exception)
        return done

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.url) as database:
            return database.execute(sql).fetchall()  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, new_database: NewDatabase) -> Iterator[Desk]:
    state, url = tmp_path_factory.mktemp("desk"), new_database()
    with serving() as s3, pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("TULIP_")]:
            patch.delenv(name)
        patch.setenv("TULIP_STATE", str(state))
        patch.setenv("TULIP_DATABASE_URL", url)
        patch.setenv("TULIP_S3_ENDPOINT", s3.url)
        patch.setenv("TULIP_ARCHIVE", f"s3://{BUCKET}/archive")
        patch.setenv("TULIP_STORE", f"s3://{BUCKET}/store")
        desk = Desk(s3, state, url)
        simulate(s3)
        vector_files.write_areas(state / "areas.geojson", demo_areas()[:1])
        desk.tulip("database", "migrate")
        desk.tulip("aoi", "add", str(state / "areas.geojson"))
        yield desk


def simulate(s3: S3) -> None:
    archive = Archive(f"s3://{BUCKET}/archive", s3.url)
    for overpass in demo_archive((2025,)):
        if str(overpass.id) in {WHOLE, EDGE}:
            pixels = overpass.scene.reflectance[:, :ROWS].copy()
            if str(overpass.id) == EDGE:
                pixels[:, :, :UNSEEN] = np.nan
            grid = replace(overpass.grid, height=ROWS)
            archive.add_scene(overpass.id, overpass.sensed_at, pixels, BANDS, grid)
        if str(overpass.id) == EDGE:
            return


@pytest.fixture(scope="module")
def carried(desk: Desk) -> list[str]:
    found = json.loads(desk.tulip("discover", "--since", "2025-01-01", "--json").stdout)
    for name in found["new"]:
        desk.tulip("run", name)
    desk.tulip("history")
    return list(found["new"])


def test_everything_is_carried_and_lies_in_s3(desk: Desk, carried: list[str]) -> None:
    assert carried == [WHOLE, EDGE]
    products = ("cloud.tif", "detections.parquet", "item.json", "reflectance.tif", "tulip.tif")
    season = ("evidence.tif", "item.json", "probability.tif")
    assert desk.s3.names("store/") == [
        *(f"store/SIM_31UFU_2025/{product}" for product in season),
        *(f"store/{name}/{product}" for name in carried for product in products),
    ]
    assert not (desk.state / "store").exists()
    states = desk.rows("select state from tulip.acquisition")
    assert states == [("recorded",), ("recorded",)]


def test_what_lies_outside_the_swath_is_not_seen(desk: Desk, carried: list[str]) -> None:
    east = DEMO_GRID.left + UNSEEN * DEMO_GRID.resolution
    outside = (
        "select o.acquisition_id, o.verdict, o.clear_fraction, o.tulip_probability,"
        " o.bloom_fraction from tulip.observation o join tulip.field f using (field_id)"
        f" where st_xmax(st_transform(f.geometry, 32631)) < {east} and f.areas <> '{{}}' order by 1"
    )
    rows = desk.rows(outside)
    seen = [row for row in rows if row[0] == WHOLE]
    assert len(seen) > 3
    assert {verdict for _, verdict, *_ in seen} <= {"bloom", "no_bloom"}
    unseen = [row for row in rows if row[0] == EDGE]
    assert len(unseen) == len(seen)
    assert {row[1:] for row in unseen} == {("not_seen", 0.0, None, None)}
    detected = desk.rows(
        "select count(*) from tulip.detection where acquisition_id ="
        f" '{EDGE}' and st_xmin(st_transform(geometry, 32631)) < {east - 10}"
    )
    assert detected == [(0,)]
    ((measured,),) = desk.rows(
        "select figures ->> 'measured_fraction' from tulip.attempt"
        f" where acquisition_id = '{EDGE}' and step = 'acquire'"
    )
    assert 0.4 < float(str(measured)) < 0.7


def test_pictures_are_drawn_from_s3(desk: Desk, carried: list[str]) -> None:
    out = desk.state / "picture.png"
    desk.tulip("picture", EDGE, str(out))
    assert out.read_bytes().startswith(b"\x89PNG")


def test_on_another_machine_all_is_found_done(
    desk: Desk, carried: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TULIP_STATE", str(tmp_path / "elsewhere"))
    before = desk.rows("select attempt_id from tulip.attempt order by 1")
    desk.s3.asked.clear()
    for name in carried:
        desk.tulip("run", name)
    desk.tulip("history")
    assert {method for method, _, _ in desk.s3.asked} == {"GET", "HEAD"}
    assert desk.rows("select attempt_id from tulip.attempt order by 1") == before


def test_the_doctor_tries_the_store(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def store(report: Result) -> dict[str, object]:
        checks = json.loads(report.stdout)["checks"]
        return next(check for check in checks if check["name"] == "store")

    assert store(CliRunner().invoke(main, ["doctor", "--json"]))["ok"]
    assert not [name for name in desk.s3.names("store/") if "probe" in name]
    monkeypatch.setattr(desk.s3, "refuse", lambda *_: 403)
    refused = store(CliRunner().invoke(main, ["doctor", "--json"]))
    assert not refused["ok"]
    assert "AWS_SECRET_ACCESS_KEY" in str(refused["found"])
    assert "testing" not in str(refused)
