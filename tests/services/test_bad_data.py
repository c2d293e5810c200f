"""Bad data and silent places: one named error in the ledger each, and never empty ground."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
import rasterio
from click.testing import CliRunner
from shapely.geometry import MultiPolygon, box

from tulip_ops.cli.main import main
from tulip_ops.core.types import AcquisitionId, Area
from tulip_ops.postgis import areas, connection
from tulip_ops.raster.grid import Grid
from tulip_ops.raster.projection import WGS84, project
from tulip_ops.sources.archive.source import Archive

ID = AcquisitionId.parse("S2B_31UFU_20260420_0_L2A")
GRID = Grid(32631, 680000.0, 5850000.0, 300, 200)
BANDS = ("blue", "green", "red", "nir")
AREA = Area("polder", MultiPolygon([project(box(*GRID.bounds).buffer(-300), 32631, WGS84)]))
FAILED, BAD_INPUT, BAD_DATA = 1, 2, 3


@dataclass(frozen=True)
class Desk:
    state: Path
    url: str

    @property
    def raster(self) -> Path:
        return self.state / "archive" / str(ID) / "reflectance.tif"

    @property
    def item(self) -> Path:
        return self.raster.with_name(f"{ID}.json")

    def acquire(self) -> int:
        return CliRunner().invoke(main, ["acquire", str(ID)]).exit_code

    def row(self, sql: str) -> tuple[Any, ...]:
        with psycopg.connect(self.url) as database:
            row = database.execute(sql).fetchone()  # type: ignore[arg-type]
        assert row is not None
        return row

    def state_and_error(self) -> tuple[str, str, str]:
        return self.row(  # type: ignore[return-value]
            "select a.state, t.error, a.verdict from tulip.acquisition a join tulip.attempt t"
            " using (acquisition_id) order by t.attempt_id desc limit 1"
        )

    def edit(self, change: Callable[[dict[str, Any]], None]) -> None:
        item = json.loads(self.item.read_text())
        change(item)
        self.item.write_text(json.dumps(item))

    def rewrite(self, pixels: np.ndarray | None = None, **profile: Any) -> None:
        """The raster with other pixels or another header; its item no longer promises bytes."""
        with rasterio.open(self.raster) as source:
            kept = {**source.profile, **profile}
            values = source.read() if pixels is None else pixels
            names, scales, offsets = source.descriptions, source.scales, source.offsets
        kept |= {"driver": "GTiff", "count": len(values)}
        kept |= {"height": values.shape[1], "width": values.shape[2]}
        with rasterio.open(self.raster, "w", **kept) as target:
            target.write(values)
            target.descriptions = names[: len(values)]
            target.scales, target.offsets = scales[: len(values)], offsets[: len(values)]
        self.edit(promise_no_bytes)


def promise_no_bytes(item: dict[str, Any]) -> None:
    for asset in item["assets"].values():
        asset.pop("file:size", None)
        asset.pop("file:checksum", None)


@pytest.fixture(scope="module")
def url(database_url: str) -> str:
    """A migrated database with the area."""
    with connection.connect(database_url, "tests") as database:
        areas.add_area(database, AREA)
    return database_url


@pytest.fixture
def desk(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    for name in [name for name in os.environ if name.startswith("TULIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TULIP_STATE", str(tmp_path))
    monkeypatch.setenv("TULIP_DATABASE_URL", url)
    desk = Desk(tmp_path, url)
    rng = np.random.default_rng(1)
    pixels = rng.uniform(0.02, 0.3, (len(BANDS), *GRID.shape)).astype(np.float32)
    sensed_at = datetime(2026, 4, 20, 10, 50, tzinfo=UTC)
    Archive(tmp_path / "archive").add_scene(ID, sensed_at, pixels, BANDS, GRID)
    discovered = CliRunner().invoke(main, ["discover", "--since", "2026-04-01"])
    assert str(ID) in discovered.output
    yield desk
    with psycopg.connect(url) as database:
        database.execute("delete from tulip.acquisition")


def half(desk: Desk) -> None:
    desk.raster.write_bytes(desk.raster.read_bytes()[: desk.raster.stat().st_size // 2])


def half_and_nobody_promised_more(desk: Desk) -> None:
    half(desk)
    desk.edit(promise_no_bytes)


def one_bit(desk: Desk) -> None:
    data = bytearray(desk.raster.read_bytes())
    data[-100] ^= 1
    desk.raster.write_bytes(data)


def empty(desk: Desk) -> None:
    desk.raster.write_bytes(b"")


def missing(desk: Desk) -> None:
    desk.raster.unlink()


def no_tiff(desk: Desk) -> None:
    desk.raster.write_bytes(b"<html>404 Not Found</html>" * 100)
    desk.edit(promise_no_bytes)


def fewer_bands(desk: Desk) -> None:
    with rasterio.open(desk.raster) as source:
        desk.rewrite(source.read()[:2])


def nothing_measured(desk: Desk) -> None:
    desk.rewrite(np.zeros((len(BANDS), *GRID.shape), np.uint16))


def nothing_measured_in_one_band(desk: Desk) -> None:
    with rasterio.open(desk.raster) as source:
        pixels = source.read()
    pixels[1] = 0
    desk.rewrite(pixels)


def other_zone(desk: Desk) -> None:
    desk.rewrite(crs="EPSG:32632")


def other_size(desk: Desk) -> None:
    with rasterio.open(desk.raster) as source:
        desk.rewrite(source.read()[:, :150])


def other_place(desk: Desk) -> None:
    desk.rewrite(transform=rasterio.Affine(10, 0, GRID.left + 50, 0, -10, GRID.top))


def elsewhere_as_its_item_says(desk: Desk) -> None:
    """So that the footprint alone promises ground."""
    moved = rasterio.Affine(10, 0, GRID.left - 50000, 0, -10, GRID.top)
    desk.rewrite(transform=moved)
    desk.edit(lambda item: item["assets"]["reflectance"].update({"proj:transform": moved[:6]}))


def offset_not_in_the_pixels(desk: Desk) -> None:
    with rasterio.open(desk.raster) as source:
        desk.rewrite(np.maximum(source.read(), 1001) - 1000)


def json_rubbish(desk: Desk) -> None:
    desk.item.write_bytes(b"\x00\xff{" + desk.item.read_bytes()[:100])


def json_of_something_else(desk: Desk) -> None:
    desk.item.write_text('{"type": "FeatureCollection", "features": []}')


def no_encoding(desk: Desk) -> None:
    desk.edit(lambda item: item["assets"]["reflectance"].pop("raster:scale"))


def promises_rubbish(desk: Desk) -> None:
    desk.edit(lambda item: item["assets"]["reflectance"].update({"proj:shape": "large"}))


@pytest.mark.parametrize(
    ("damage", "error", "code"),
    [
        (half, "ChecksumMismatch", BAD_DATA),
        (half_and_nobody_promised_more, "UnreadableRaster", BAD_DATA),
        (one_bit, "ChecksumMismatch", BAD_DATA),
        (empty, "UnreadableRaster", BAD_DATA),
        (missing, "UnreadableRaster", BAD_DATA),
        (no_tiff, "UnreadableRaster", BAD_DATA),
        (fewer_bands, "BandMissing", BAD_DATA),
        (nothing_measured, "NothingValid", BAD_DATA),
        (nothing_measured_in_one_band, "NothingValid", BAD_DATA),
        (other_zone, "WrongGrid", BAD_DATA),
        (other_size, "WrongGrid", BAD_DATA),
        (other_place, "WrongGrid", BAD_DATA),
        (elsewhere_as_its_item_says, "NothingValid", BAD_DATA),
        (offset_not_in_the_pixels, "OffsetContradiction", BAD_DATA),
        (json_rubbish, "BadScene", BAD_INPUT),
        (json_of_something_else, "BadScene", BAD_INPUT),
        (no_encoding, "BadScene", BAD_INPUT),
        (promises_rubbish, "BadScene", BAD_INPUT),
    ],
)
def test_bad_data_is_quarantined_by_its_name(
    desk: Desk, damage: Callable[[Desk], None], error: str, code: int
) -> None:
    good = {path: path.read_bytes() for path in (desk.raster, desk.item)}
    damage(desk)
    assert desk.acquire() == code
    state, name, verdict = desk.state_and_error()
    assert (state, name) == ("quarantined", error)
    assert "\n" not in verdict
    folder = desk.state / "store" / str(ID)
    assert [path.name for path in folder.glob("*")] in ([], [".lock"])
    assert desk.row("select count(*) from tulip.observation") == (0,)

    for path, data in good.items():
        path.write_bytes(data)
    assert desk.acquire() == 0
    assert desk.row("select state, verdict from tulip.acquisition") == ("acquired", None)


def test_a_silent_place_is_failed_and_may_be_tried_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with psycopg.connect(desk.url) as database:
        database.execute("update tulip.acquisition set href = 's3://scenes/a/a.json'")
    with monkeypatch.context() as away:
        away.setenv("TULIP_S3_ENDPOINT", "http://127.0.0.1:9")
        assert desk.acquire() == FAILED
    assert desk.state_and_error()[:2] == ("failed", "SourceUnavailable")
    with psycopg.connect(desk.url) as database:
        database.execute("update tulip.acquisition set href = %s", [str(desk.item)])
    assert desk.acquire() == 0


def test_a_good_product_outlives_its_bad_source(desk: Desk) -> None:
    assert desk.acquire() == 0
    product = desk.state / "store" / str(ID) / "reflectance.tif"
    before = product.read_bytes()
    half_and_nobody_promised_more(desk)
    assert desk.acquire() == BAD_DATA
    assert product.read_bytes() == before
    assert desk.row("select state from tulip.acquisition") == ("acquired",)
    assert desk.state_and_error()[1] == "UnreadableRaster"
