"""What one more look costs a season: summing it up and drawing the fields, against all looks anew.

    .tulip/venv/bin/python -m bench.history.season_evidence [--side 4000] [--looks 24]

Looks of one raster come one by one, each with other clouds and noise, as `tulip history` takes
them up. The sum reads the new look alone, drawing reads the sum alone: neither may grow with the
number of looks before.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tulip_ops.core.processing_settings import ExecutionSettings, FieldSettings
from tulip_ops.core.types import AcquisitionId, SeasonTile
from tulip_ops.pipeline import season_evidence
from tulip_ops.pipeline.history_products import StoredProducts
from tulip_ops.postgis.season_detections import Look
from tulip_ops.raster import cog, mgrs
from tulip_ops.raster.grid import Grid
from tulip_ops.simulate.random_fields import blur
from tulip_ops.storage import stac_items
from tulip_ops.storage.product_store import ProductStore
from tulip_ops.storage.products import TULIP

SEASON = SeasonTile(2026, "31UFU", simulated=False)
FIRST = datetime(2026, 3, 21, 10, 50, tzinfo=UTC)
PARCEL = (12, 40)
"""Pixels: fields of this size, one in eight parcels has tulips."""


def main() -> None:
    """Print a line for each look."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--side", type=int, default=4000, help="pixels")
    parser.add_argument("--looks", type=int, default=24)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(ProductStore(folder), options.side, options.looks)


def measure(store: ProductStore, side: int, count: int) -> None:
    """Publish, sum up and draw the looks, one after another."""
    products = StoredProducts(store, FieldSettings(), ExecutionSettings())
    grid = replace(mgrs.tile_grid(SEASON.tile), width=side, height=side)
    truth, looks = fields(side), list[Look]()
    print("looks  sum up, s  draw, s  fields")
    for number in range(count):
        looks.append(publish(store, grid, truth, number))
        added = seconds(lambda: sum_up(store, looks))
        drawn: list[int] = []
        drew = seconds(lambda: drawn.append(len(products.draw(SEASON))))  # noqa: B023 - called at once
        print(f"{len(looks):5}  {added:9.2f}  {drew:7.2f}  {drawn[0]:6}", flush=True)
    for product in season_evidence.PRODUCTS:
        Path(store.address(SEASON, product.name)).unlink()
    anew = seconds(lambda: sum_up(store, looks))
    print(f"all {len(looks)} looks anew: {anew:.2f} s")


def sum_up(store: ProductStore, looks: list[Look]) -> None:
    """As `tulip history` does."""
    plan = season_evidence.plan(store, SEASON, looks)
    season_evidence.update(store, SEASON, looks, plan)


def seconds(work: Callable[[], None]) -> float:
    """How long it takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def fields(side: int) -> NDArray[np.float32]:
    """(side, side): 1 where tulips grow."""
    rng = np.random.default_rng(0)
    rows, columns = -(-side // PARCEL[0]), -(-side // PARCEL[1])
    grown = (rng.random((rows, columns)) < 1 / 8).astype(np.float32)
    inside = np.kron(grown, np.pad(np.ones((PARCEL[0] - 1, PARCEL[1] - 1)), ((0, 1), (0, 1))))
    return np.asarray(inside[:side, :side], dtype=np.float32)


def publish(store: ProductStore, grid: Grid, truth: NDArray[np.float32], number: int) -> Look:
    """What `segment` leaves of one look."""
    rng = np.random.default_rng(number)
    probability = np.clip(
        0.02 + 0.93 * blur(truth[np.newaxis], 0.7)[0] + rng.normal(0, 0.05, truth.shape), 0, 1
    ).astype(np.float32)
    hidden = blur(rng.normal(0, 1, (1, *(n // 50 + 1 for n in truth.shape))).astype(np.float32), 2)[
        0
    ]
    cloud = np.kron(hidden > 0, np.ones((50, 50)))[: grid.height, : grid.width] > 0
    probability[cloud] = np.nan
    day = FIRST + timedelta(days=3 * number)
    name = AcquisitionId("S2A", SEASON.tile, day.date(), 0, "L2A")
    store.start_item(name, {"id": str(name), "properties": {}, "assets": {}})
    with store.writing(name, TULIP) as path:
        with cog.probability_writer(path, grid, TULIP.bands) as writer:
            writer.write(np.stack([probability, probability]), 0, 0)
        fields = stac_items.product_fields(TULIP)
        store.publish(name, TULIP, path, recipe="bench", fields=fields)
    return Look(name, day, store.checksum(name, TULIP))


if __name__ == "__main__":
    main()
