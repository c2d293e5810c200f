"""A history whose products are partly gone: nothing is lost, and what is missing is named."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from tests.postgis.test_superseding import Scene, arrive, publish
from tulip_ops.core.errors import ProductMissing
from tulip_ops.core.settings import Settings
from tulip_ops.core.storage_settings import DatabaseSettings, StorageSettings
from tulip_ops.core.types import SeasonTile
from tulip_ops.pipeline import history as histories
from tulip_ops.postgis.connection import Connection
from tulip_ops.storage.product_store import ProductStore
from tulip_ops.storage.products import EVIDENCE, TULIP

SEASON = SeasonTile(2024, "31UFU", simulated=False)
FIRST, SECOND, THIRD = (Scene(0, day=day, shows=frozenset({0})) for day in (18, 20, 23))


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(
        database=DatabaseSettings(database_url=SecretStr(database_url)),
        storage=StorageSettings(store=str(tmp_path / "store")),
    )


@pytest.fixture
def store(settings: Settings) -> ProductStore:
    return ProductStore(settings.storage.store_place)


def carry(database: Connection, examples: Any, store: ProductStore, *scenes: Scene) -> None:
    for scene in scenes:
        arrive(database, examples, scene)
        publish(store, examples, scene.text, 0.9)


def product(store: ProductStore, examples: Any, scene: Scene) -> Path:
    return Path(store.address(examples.id(scene.text), TULIP.name))


def fields(database: Connection) -> list[tuple[Any, ...]]:
    return database.execute(
        "select field_id, season, verdict, clear_looks, confidence, tulip_probability"
        " from tulip.bloom_history order by 1, 2"
    ).fetchall()


def waiting(database: Connection) -> list[tuple[Any, ...]]:
    return database.execute("select season, simulated, tile from tulip.change").fetchall()


def test_a_further_look_needs_the_products_of_no_other(
    database: Connection, examples: Any, settings: Settings, store: ProductStore
) -> None:
    carry(database, examples, store, FIRST, SECOND)
    histories.roll_up(settings, [])
    ((field, *_, before, _),) = fields(database)
    product(store, examples, FIRST).unlink()
    carry(database, examples, store, THIRD)
    histories.roll_up(settings, [])
    ((again, _, verdict, looks, after, _),) = fields(database)
    assert (again, verdict, looks) == (field, "bloomed", 3)
    assert after >= before
    assert waiting(database) == []


def test_fields_stay_as_they_are_where_a_season_cannot_be_summed_up_any_longer(
    database: Connection, examples: Any, settings: Settings, store: ProductStore
) -> None:
    carry(database, examples, store, FIRST, SECOND)
    histories.roll_up(settings, [])
    before = fields(database)
    lost = product(store, examples, FIRST)
    kept = lost.rename(lost.with_suffix(".kept"))
    Path(store.address(SEASON, EVIDENCE.name)).unlink()
    for _ in range(2):  # and every further history says so again
        with pytest.raises(ProductMissing, match=rf"without {FIRST.text} .*repeat the steps"):
            histories.roll_up(settings, [], rebuild=True)
        assert fields(database) == before
        assert waiting(database) == [(2024, False, "31UFU")]
    kept.rename(lost)
    histories.roll_up(settings, [])
    assert fields(database) == before
    assert waiting(database) == []


def test_a_season_that_was_never_drawn_is_drawn_from_what_can_be_read(
    database: Connection, examples: Any, settings: Settings, store: ProductStore
) -> None:
    carry(database, examples, store, FIRST, SECOND)
    lost = product(store, examples, SECOND)
    kept = lost.rename(lost.with_suffix(".kept"))
    with pytest.raises(ProductMissing, match=SECOND.text):
        histories.roll_up(settings, [])
    ((_, _, verdict, looks, _, _),) = fields(database)
    assert (verdict, looks) == ("bloomed", 1)
    kept.rename(lost)
    histories.roll_up(settings, [])
    ((_, _, verdict, looks, _, _),) = fields(database)
    assert (verdict, looks) == ("bloomed", 2)
    assert waiting(database) == []
