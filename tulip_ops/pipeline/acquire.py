"""The step `acquire`: reflectance on the tile's grid."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tulip_ops.core.errors import BadData, NothingValid
from tulip_ops.core.types import Area, Outcome
from tulip_ops.pipeline import area_masks, products
from tulip_ops.pipeline.context import StepContext
from tulip_ops.raster import cog
from tulip_ops.raster.dead_bands import BandRange
from tulip_ops.raster.grid import Grid
from tulip_ops.sources.base import Source
from tulip_ops.sources.read_cache import StoredReadCache
from tulip_ops.storage.products import REFLECTANCE

STRIP_PIXELS = 12_000_000
"""Pixels of a band that are read at once; ten bands of them take half a gigabyte."""


def acquire(context: StepContext, source: Source) -> Outcome:
    """Bring the pixels over the areas to surface reflectance on the tile's 10 m grid."""
    acquisition, store = context.acquisition, context.store
    grid = area_masks.read_grid(acquisition, context.areas)
    if grid is None:
        return Outcome("skipped", fresh=True, summary="it lies outside every area", figures={})
    recipe = store.recipe(
        "acquire", format=REFLECTANCE.format, source=source.fingerprint(acquisition), grid=grid
    )
    parts = StoredReadCache(store.address(acquisition.id, ".parts"), store.places)
    if not context.force and store.is_current(acquisition.id, REFLECTANCE, recipe):
        parts.drop()
        return products.unchanged("acquired")
    parts.drop(but=None if context.force else recipe)
    with store.writing(acquisition.id, REFLECTANCE) as path:
        try:
            bands, measured = _read_into(path, source, context, grid, parts.sub_cache(recipe))
            if measured == 0:
                raise NothingValid(
                    f"{acquisition.id} holds no valid pixel over {_names(context.areas)}; look at"
                    f" {acquisition.href}, its footprint promised some"
                )
        except BadData:
            parts.drop()  # if somebody repairs the scene, nothing of the bad one must be left
            raise
        products.reflectance(
            store, acquisition, path, grid, bands, recipe=recipe, measured=measured
        )
    parts.drop()
    summary = f"{len(bands)} bands of {grid.width} x {grid.height} px, {measured:.0%} measured"
    return Outcome("done", True, summary, {"measured_fraction": round(measured, 4)})


def _read_into(
    path: Path, source: Source, context: StepContext, grid: Grid, parts: StoredReadCache
) -> tuple[tuple[str, ...], float]:
    """Write the reflectance on `grid` to `path`, one strip in memory at a time.

    Returns the names of the bands, and the share of the areas where all of them were measured.
    `DeadBand`.
    """
    strips = list(grid.strips(STRIP_PIXELS))
    names: list[tuple[str, ...]] = []
    measured = area_masks.AreaShare(context.areas)
    ranges: list[BandRange] = []

    def read(number: int) -> NDArray[np.float32]:
        strip = strips[number]
        values, bands = source.read(context.acquisition, strip, parts.sub_cache(str(number)))
        names.append(bands)
        if not ranges:
            ranges.append(BandRange(bands))
        ranges[0].add(values)
        measured.add(np.logical_and.reduce(np.isfinite(values), axis=0), strip)
        return values

    reads = map(read, range(len(strips)))
    reads_all = chain([next(reads)], reads)  # the first one says which bands there are
    cog.write_reflectance_strips(path, reads_all, grid, names[0])
    ranges[0].require_alive(str(context.id))
    return names[0], measured.value


def _names(areas: Sequence[Area]) -> str:
    return ", ".join(area.name for area in areas)
