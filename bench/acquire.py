"""How much memory `acquire` takes for a whole tile of ten bands, and how long.

    .tulip/venv/bin/python -m bench.acquire [PIXELS]

Writes a scene of ten bands, PIXELS (10,980) on each side, into an archive in a temporary folder
(some 3 GB, and as much again for the product), acquires all of it in a process of its own, and
prints the peak of that process beside what the reflectance takes as one array.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from shapely.geometry import MultiPolygon, box

from tulip_ops.core.settings import Settings
from tulip_ops.core.types import BANDS, AcquisitionId, Area
from tulip_ops.pipeline import acquire as acquiring
from tulip_ops.pipeline.context import StepContext
from tulip_ops.raster import cog, header
from tulip_ops.raster.grid import Grid
from tulip_ops.raster.mgrs import tile_grid
from tulip_ops.raster.projection import WGS84, project
from tulip_ops.sources.archive.catalog import Catalog
from tulip_ops.sources.archive.source import Archive
from tulip_ops.storage import stac_items
from tulip_ops.storage.object_store import ObjectStore
from tulip_ops.storage.product_store import ProductStore

ID = AcquisitionId.parse("S2B_31UFU_20260420_0_L2A")


def write_scene(place: Path, grid: Grid) -> None:
    rng = np.random.default_rng(0)
    texture = rng.uniform(0.02, 0.3, (len(BANDS), 512, grid.width)).astype(np.float32)
    path = place / str(ID) / "reflectance.tif"
    path.parent.mkdir(parents=True)
    strips = (texture[:, : strip.height] for strip in grid.strips(1))
    cog.write_reflectance_strips(path, strips, grid, BANDS)
    facts = header.inspect(str(path))
    asset = stac_items.raster_asset(
        "./reflectance.tif", title="Reflectance", role="data", bands=BANDS, epsg=facts.epsg,
        transform=facts.transform, shape=facts.shape, dtype=facts.dtype, scales=facts.scales,
        offsets=facts.offsets, nodata=facts.nodata, size=path.stat().st_size, sha256="",
    )  # fmt: skip
    footprint = project(box(*grid.bounds), grid.epsg, WGS84)
    sensed_at = datetime(2026, 4, 20, 10, 50, tzinfo=UTC)
    del asset["file:checksum"]
    Catalog(str(place), ObjectStore()).publish(
        stac_items.scene_item(ID, sensed_at, footprint, {"r": asset}, {})
    )


def acquire(folder: Path, grid: Grid) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    archive = Archive(folder / "archive")
    acquisition = archive.find(ID)
    assert acquisition is not None  # noqa: S101
    everywhere = Area("tile", MultiPolygon([acquisition.footprint.envelope.buffer(1)]))
    started = time.perf_counter()
    store = ProductStore(str(folder / "store"))
    context = StepContext(acquisition, [everywhere], store, Settings(), run_id="bench")
    outcome = acquiring.acquire(context, archive)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    whole = len(BANDS) * grid.width * grid.height * 4 / 1e9
    print(outcome.summary)
    print(f"{seconds:.0f} s; peak {peak:.2f} GB, {before:.2f} GB of it before the first pixel")
    print(f"the reflectance as one array takes {whole:.2f} GB")


if __name__ == "__main__":
    side = int(sys.argv[1]) if len(sys.argv) > 1 else 10980
    tile = replace(tile_grid(ID.tile), width=side, height=side)
    with tempfile.TemporaryDirectory() as scratch:
        context = multiprocessing.get_context("spawn")
        for work, arguments in (
            (write_scene, (Path(scratch) / "archive", tile)),
            (acquire, (Path(scratch), tile)),
        ):
            process = context.Process(target=work, args=arguments)
            process.start()
            process.join()
