from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tulip_ops.core.errors import BadSetting, ProductDamaged
from tulip_ops.core.types import AcquisitionId, SeasonTile
from tulip_ops.fields import evidence
from tulip_ops.pipeline import season_evidence
from tulip_ops.postgis.season_detections import Look
from tulip_ops.raster import cog, mgrs
from tulip_ops.raster.grid import Grid
from tulip_ops.storage import stac_items
from tulip_ops.storage.product_store import ProductStore
from tulip_ops.storage.products import EVIDENCE, SEASON_PROBABILITY, TULIP

SEASON = SeasonTile(2026, "31UFU", simulated=False)
TILE = mgrs.tile_grid("31UFU")
GRID = replace(TILE, left=TILE.left + 2000, top=TILE.top - 3000, width=24, height=20)
EAST = replace(GRID, left=GRID.left + 100, top=GRID.top - 150, width=30)


@pytest.fixture
def store(tmp_path: Path) -> ProductStore:
    return ProductStore(str(tmp_path / "store"))


def pixels(seed: int, grid: Grid) -> NDArray[np.float32]:
    """Probabilities of tulips and of flowers, with a cloud."""
    values = np.random.default_rng(seed).random((2, *grid.shape), dtype=np.float32)
    values[:, :5, :7] = np.nan
    return values


def add(store: ProductStore, day: int, grid: Grid = GRID, seed: int | None = None) -> Look:
    """Publish a tulip.tif of an acquisition, and return its look."""
    name = AcquisitionId("S2A", "31UFU", datetime(2026, 4, day, tzinfo=UTC).date(), 0, "L2A")
    sensed_at = datetime(2026, 4, day, 10, 50, tzinfo=UTC)
    document = {"properties": {}, "assets": {}, "id": str(name)}
    store.start_item(name, document)
    with store.writing(name, TULIP) as path:
        with cog.probability_writer(path, grid, TULIP.bands) as writer:
            writer.write(pixels(day if seed is None else seed, grid), 0, 0)
        fields = stac_items.product_fields(TULIP)
        store.publish(name, TULIP, path, recipe=f"{day} {seed}", fields=fields)
    return Look(name, sensed_at, store.checksum(name, TULIP))


def bring(store: ProductStore, looks: Sequence[Look]) -> dict[str, str]:
    """Sum up the looks; the checksums of the products."""
    plan = season_evidence.plan(store, SEASON, looks)
    assert not plan.problems
    season_evidence.update(store, SEASON, looks, plan)
    return {
        product.name: store.checksum(SEASON, product) for product in (EVIDENCE, SEASON_PROBABILITY)
    }


def remove(store: ProductStore, look: Look) -> None:
    Path(store.address(look.acquisition_id, TULIP.name)).unlink()


def test_a_season_of_one_look_says_what_it_says(store: ProductStore) -> None:
    bring(store, [add(store, 3)])
    found, grid = cog.read_probability(store.product(SEASON, SEASON_PROBABILITY))
    assert grid == GRID
    assert found[0] == pytest.approx(pixels(3, GRID)[0], abs=0.011, nan_ok=True)
    assert (np.isnan(found[0]) == np.isnan(pixels(3, GRID)[0])).all()


def test_looks_come_in_any_order_and_one_by_one_or_at_once(store: ProductStore) -> None:
    looks = [add(store, 3), add(store, 8, EAST), add(store, 13)]
    at_once = bring(store, looks)
    for order in ([2, 0, 1], [1, 2, 0]):
        bring(store, [looks[order[0]]])
        bring(store, [looks[n] for n in order[:2]])
        assert bring(store, [looks[n] for n in order]) == at_once


def test_the_products_cover_the_ground_of_all_looks(store: ProductStore) -> None:
    bring(store, [add(store, 3), add(store, 8, EAST)])
    with cog.open_cog(store.product(SEASON, EVIDENCE)) as source:
        _, count = source.read_rows(0, source.grid.height)
        assert source.grid == replace(GRID, width=40, height=35)
    assert count[:20, :24].max() == 2
    assert count[:15, 24:].max() == 0
    assert (count[20:, 17:] == 1).all()


def test_what_counts_no_longer_is_taken_away(store: ProductStore) -> None:
    looks = [add(store, 3), add(store, 8), add(store, 13)]
    two = bring(store, looks[:2])
    bring(store, looks)
    assert bring(store, looks[:2]) == two


def test_a_look_is_added_without_the_products_of_the_others(store: ProductStore) -> None:
    first, second = add(store, 3), add(store, 8)
    at_once = bring(store, [first, second])
    bring(store, [first])
    remove(store, first)
    assert bring(store, [first, second]) == at_once


def test_a_look_that_was_made_again_takes_the_place_of_the_older(store: ProductStore) -> None:
    first, second = add(store, 3), add(store, 8)
    bring(store, [first, second])
    again = add(store, 3, seed=77)
    after = bring(store, [again, second])
    Path(store.address(SEASON, EVIDENCE.name)).unlink()
    assert bring(store, [again, second]) == after


def test_nothing_is_written_where_nothing_changed(store: ProductStore) -> None:
    looks = [add(store, 3), add(store, 8)]
    bring(store, looks)
    path = Path(store.address(SEASON, EVIDENCE.name))
    before = path.stat().st_mtime_ns
    bring(store, list(reversed(looks)))
    assert path.stat().st_mtime_ns == before


def test_a_damaged_sum_is_made_anew(store: ProductStore) -> None:
    looks = [add(store, 3), add(store, 8)]
    whole = bring(store, looks)
    path = Path(store.address(SEASON, EVIDENCE.name))
    path.write_bytes(path.read_bytes()[:-10] + bytes(10))
    assert bring(store, looks) == whole


def test_a_missing_look_is_named_and_the_others_count(store: ProductStore) -> None:
    first, second = add(store, 3), add(store, 8)
    remove(store, second)
    plan = season_evidence.plan(store, SEASON, [first, second])
    assert plan.sums.keys() == {first.acquisition_id}
    assert "missing" in plan.problems[second.acquisition_id]


def test_a_sum_that_needs_products_that_are_gone_says_which(store: ProductStore) -> None:
    first, second, third = add(store, 3), add(store, 8), add(store, 13)
    bring(store, [first, second, third])
    assert not season_evidence.plan(store, SEASON, [second, third]).anew
    remove(store, first)
    remove(store, second)
    assert not season_evidence.plan(store, SEASON, [first, second]).anew
    plan = season_evidence.plan(store, SEASON, [second, third])  # the first cannot be taken away
    assert plan.anew
    assert plan.sums.keys() == {third.acquisition_id}
    assert plan.problems.keys() == {second.acquisition_id}


def test_more_looks_than_a_sum_holds_are_refused(store: ProductStore) -> None:
    looks = [add(store, 3)] * (evidence.MOST_LOOKS + 1)
    with pytest.raises(BadSetting, match="TULIP_BLOOM_WINDOW"):
        season_evidence.plan(store, SEASON, looks)


def test_a_raster_on_another_grid_is_refused(store: ProductStore) -> None:
    with pytest.raises(ProductDamaged, match="another grid"):
        bring(store, [add(store, 3, replace(GRID, left=GRID.left + 5))])


def test_the_item_lists_the_looks_and_their_days(store: ProductStore) -> None:
    looks = [add(store, 3), add(store, 13)]
    bring(store, looks)
    properties = store.properties(SEASON)
    assert properties["tulip:looks"] == [str(look.acquisition_id) for look in looks]
    assert properties["start_datetime"] == "2026-04-03T10:50:00Z"
    assert properties["end_datetime"] == "2026-04-13T10:50:00Z"
    assert store.asset(SEASON, SEASON_PROBABILITY)["tulip:threshold"] == evidence.FIELD_PROBABILITY
    assert store.acquisitions() == [look.acquisition_id for look in looks]
