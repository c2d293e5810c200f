"""The step acquire, with a source that counts what it is asked for."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from shapely.geometry import MultiPolygon, box

from tests.unit.counting import ID, CountingSource
from tulip_ops.core.errors import NothingValid, OffsetContradiction, SourceUnavailable
from tulip_ops.core.settings import Settings
from tulip_ops.core.types import Acquisition, Area, Outcome
from tulip_ops.pipeline import acquire as acquiring
from tulip_ops.pipeline.context import StepContext
from tulip_ops.raster import cog
from tulip_ops.storage.product_store import ProductStore
from tulip_ops.storage.products import REFLECTANCE

AREA = Area("polder", MultiPolygon([box(5.70, 52.70, 5.72, 52.71)]))


@pytest.fixture
def store(tmp_path: Path) -> ProductStore:
    return ProductStore(str(tmp_path / "store"))


def acquire(source: CountingSource, store: ProductStore, *, force: bool = False) -> Outcome:
    context = StepContext(source.acquisition, [AREA], store, Settings(), "test", force)
    return acquiring.acquire(context, source)


def parts(store: ProductStore) -> list[str]:
    return list(store.places.list_files(store.address(ID, ".parts")))


def test_an_acquisition_is_read_once_and_no_part_stays(tmp_path: Path, store: ProductStore) -> None:
    source = CountingSource(tmp_path / "asked")
    assert acquire(source, store).fresh
    assert not acquire(source, store).fresh
    assert set(source.asked().values()) == {1}
    assert parts(store) == []
    values, bands, grid = cog.read_reflectance(store.product(ID, REFLECTANCE))
    assert bands == source.bands
    np.testing.assert_allclose(values, source.truth(grid), atol=0.51e-4)


def test_what_was_got_before_a_failure_is_not_asked_for_again(
    tmp_path: Path, store: ProductStore
) -> None:
    source = CountingSource(tmp_path / "asked", fail_at=3)
    with pytest.raises(SourceUnavailable):
        acquire(source, store)
    assert len(parts(store)) == 3
    assert acquire(source, store).fresh
    assert Counter(source.asked().values()) == {1: len(source.bands) - 1, 2: 1}
    assert parts(store) == []


def test_parts_of_another_scene_or_grid_are_not_used(tmp_path: Path, store: ProductStore) -> None:
    source = CountingSource(tmp_path / "asked", fail_at=3)
    with pytest.raises(SourceUnavailable):
        acquire(source, store)
    other = CountingSource(tmp_path / "asked", version="2")
    acquire(other, store)
    values, _, grid = cog.read_reflectance(store.product(ID, REFLECTANCE))
    np.testing.assert_allclose(values, other.truth(grid), atol=0.51e-4)
    assert parts(store) == []


def test_force_asks_for_everything_again(tmp_path: Path, store: ProductStore) -> None:
    source = CountingSource(tmp_path / "asked")
    acquire(source, store)
    acquire(source, store, force=True)
    assert set(source.asked().values()) == {2}


@pytest.mark.parametrize("error", [OffsetContradiction, NothingValid])
def test_bad_data_leaves_no_product_and_no_part(
    tmp_path: Path, store: ProductStore, error: type[Exception]
) -> None:
    source = CountingSource(tmp_path / "asked", bad=error)
    with pytest.raises(error):
        acquire(source, store)
    assert list((tmp_path / "store" / str(ID)).iterdir()) == []


def test_a_large_grid_is_read_in_strips_alike(
    tmp_path: Path, store: ProductStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = CountingSource(tmp_path / "asked")
    acquire(source, store)
    whole = store.product(ID, REFLECTANCE).read_bytes()
    monkeypatch.setattr("tulip_ops.raster.grid.STRIP_ROWS", 64)
    monkeypatch.setattr("tulip_ops.pipeline.acquire.STRIP_PIXELS", 64)
    acquire(source, store, force=True)
    assert store.product(ID, REFLECTANCE).read_bytes() == whole
    assert len(source.asked()) > 3 * len(source.bands)


def test_killed_at_ten_random_moments_the_product_is_the_same_and_nothing_is_asked_twice(
    tmp_path: Path, store: ProductStore
) -> None:
    acquire(CountingSource(tmp_path / "undisturbed"), store)
    expected = store.product(ID, REFLECTANCE).read_bytes()
    other, source = (
        ProductStore(str(tmp_path / "other")),
        CountingSource(tmp_path / "asked", seconds=0.02),
    )
    moments = np.random.default_rng().uniform(0, 0.4, 10)
    for moment in moments:
        process = multiprocessing.get_context("fork").Process(target=acquire, args=(source, other))
        process.start()
        process.join(float(moment))
        process.kill()
        process.join()
    acquire(source, other)
    assert other.product(ID, REFLECTANCE).read_bytes() == expected, moments
    assert source.asked_in_vain() == [], moments
    assert sum(source.asked().values()) <= len(source.bands) + 10
    assert parts(other) == []
    files = {path.name for path in (tmp_path / "other" / str(ID)).iterdir()}
    assert files == {".lock", "item.json", "reflectance.tif"}


def test_the_providers_cloud_cover_stays_with_the_product(
    tmp_path: Path, store: ProductStore
) -> None:
    source = CountingSource(tmp_path / "asked")
    acquire(source, store)
    assert isinstance(source.acquisition, Acquisition)
    assert store.properties(ID)["tulip:provider_cloud_cover"] == 12.5
    assert store.properties(ID)["tulip:baseline"] == "05.11"
