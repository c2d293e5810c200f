"""The page of an area, from a real PostGIS and a real store."""

import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from tests.postgis import histories
from tests.postgis.conftest import Examples, Logins
from tests.unit.reports.test_html import read
from tulip_ops.core.errors import AreaNotFound
from tulip_ops.core.settings import Settings
from tulip_ops.core.storage_settings import DatabaseSettings, StorageSettings
from tulip_ops.postgis.connection import Connection
from tulip_ops.raster import cog
from tulip_ops.raster.mgrs import tile_grid
from tulip_ops.raster.projection import WGS84, project
from tulip_ops.reports import area_report
from tulip_ops.storage import stac_items
from tulip_ops.storage.product_store import ProductStore
from tulip_ops.storage.products import REFLECTANCE

pytest.importorskip("matplotlib", reason="pictures are an optional extra")

NOW = datetime(2026, 6, 1, 8, 30, tzinfo=UTC)
REAL = ("S2B_31UFU_20240420_0_L2A", "S2B_31UFU_20240425_0_L2A", "S2B_31UFU_20250421_0_L2A")


@pytest.fixture
def settings(logins: Logins, tmp_path: Path) -> Settings:
    return Settings(
        database=DatabaseSettings(database_url=logins.reader),
        storage=StorageSettings(store=str(tmp_path / "store")),
    )


@pytest.fixture
def filled(database: Connection, examples: type[Examples]) -> None:
    """Two seasons of two fields; one acquisition was too cloudy."""
    examples.admit(database, *REAL)
    ids = histories.add_fields(database, [0, 1])
    examples.record(database, REAL[0], [0, 1])
    examples.skip(database, REAL[1])
    examples.record(database, REAL[2], [1])
    histories.look(database, REAL[0], {ids[0]: "bloom", ids[1]: "no_bloom"})
    histories.look(database, REAL[1], dict.fromkeys(ids.values(), "not_seen"))
    histories.look(database, REAL[2], {ids[0]: "not_seen", ids[1]: "bloom"})
    histories.sum_up(database, 2024, {ids[0]: "bloomed", ids[1]: "not_bloomed"})
    histories.sum_up(database, 2025, {ids[0]: "not_seen", ids[1]: "bloomed"})


def text(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]*>", " ", html, flags=re.DOTALL))


def test_a_page_tells_of_seasons_gaps_and_networks(
    settings: Settings, filled: None, tmp_path: Path
) -> None:
    out = tmp_path / "polder.html"
    story = area_report.report(settings, "polder", out, simulated=None, now=NOW)
    html = out.read_text()
    said = text(html)
    assert sorted(story.maps) == sorted(story.calendars) == [2024, 2025]
    assert "2025: 1 fields bloomed, 0 did not, 1 were not seen" in said
    assert "3 acquisitions lie over the area, 2 of them recorded; 1 were skipped." in said
    assert "Every field known here was seen." in said
    assert "1 fields were not seen. On no clear day at all: 1. On too few" in said
    assert "too cloudy: 4 % clear" in said
    assert "unet-ten/1" in said
    assert "aaaaaaaaaaaa" in said
    assert "The ground is plain" in said
    assert "Simulated" not in said
    images = [attributes for tag, attributes in read(html).seen if tag == "img"]
    assert len(images) == 6
    assert all(attributes["alt"] for attributes in images)
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".html"] == [out.name]


def test_simulated_data_says_so_first(
    database: Connection, settings: Settings, examples: type[Examples], tmp_path: Path
) -> None:
    name = "SIM_31UFU_20240420_0_L2A"
    examples.admit(database, name)
    ids = histories.add_fields(database, [0], simulated=True)
    examples.record(database, name, [0])
    histories.look(database, name, {ids[0]: "bloom"})
    histories.sum_up(database, 2024, {ids[0]: "bloomed"})
    out = tmp_path / "polder.html"
    assert area_report.report(settings, "polder", out, simulated=None, now=NOW).history.simulated
    body = out.read_text().split("<body>")[1]
    assert body.strip().startswith('<div class="banner" role="note"><p>Simulated data')


def test_the_newest_clear_image_lies_below_the_map(
    settings: Settings, filled: None, database: Connection, examples: type[Examples],
    tmp_path: Path,
) -> None:  # fmt: skip
    database.execute(
        "update tulip.acquisition set clear_fraction = 1 where acquisition_id = %s", [REAL[0]]
    )
    acquisition = examples.acquisition(REAL[0])
    whole = tile_grid("31UFU")
    grid = whole.window(project(examples.area().geometry, WGS84, whole.epsg).bounds)
    coarse = type(grid)(grid.epsg, grid.left, grid.top, grid.width // 20, grid.height // 20, 200.0)
    store, bands = ProductStore(settings.storage.store_place), ("blue", "green", "red")
    store.start_item(acquisition.id, stac_items.product_item(acquisition, coarse, bands))
    with store.writing(acquisition.id, REFLECTANCE) as path:
        pixels = np.full((3, *coarse.shape), 0.1, np.float32)
        cog.write_reflectance(path, pixels, coarse, bands)
        store.publish(acquisition.id, REFLECTANCE, path, recipe="0")
    out = tmp_path / "polder.html"
    story = area_report.report(settings, "polder", out, simulated=False, now=NOW)
    assert story.below == acquisition.id
    assert f"Below the fields lies {REAL[0]}" in text(out.read_text())


def test_an_area_that_was_never_looked_at(
    database: Connection, settings: Settings, examples: type[Examples], tmp_path: Path
) -> None:
    out = tmp_path / "polder.html"
    with pytest.raises(AreaNotFound, match="no area is called"):
        area_report.report(settings, "polder", out, simulated=None, now=NOW)
    examples.admit(database)
    with pytest.raises(AreaNotFound, match="run `tulip discover`"):
        area_report.report(settings, "polder", out, simulated=None, now=NOW)
    examples.admit(database, REAL[0])
    area_report.report(settings, "polder", out, simulated=None, now=NOW)
    assert "No field is known here yet" in text(out.read_text())
    assert not list(tmp_path.glob(f".*{out.name}*"))
