"""The step `screen`: cloud probability, and whether enough ground is clear."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tulip_ops.core.types import Outcome
from tulip_ops.ml.inference import streaming
from tulip_ops.ml.inference.predictors import CloudFilter
from tulip_ops.ml.inference.strip_cache import StripCache
from tulip_ops.pipeline import area_masks, products
from tulip_ops.pipeline.context import StepContext
from tulip_ops.pipeline.networks import Networks
from tulip_ops.pipeline.product_state import NetworkTask, screen_task
from tulip_ops.raster import cog
from tulip_ops.raster.probability import PROBABILITY_NODATA, encode_probability
from tulip_ops.storage.products import CLOUD, REFLECTANCE


def screen(context: StepContext, networks: Networks) -> Outcome:
    """Let the cloud filter predict where the ground is clear; too little ends the acquisition."""
    minimum, task = context.settings.fields.minimum_clear_fraction, screen_task(context)
    fresh = context.force or not task.is_current
    if fresh:
        _make(context, networks, task)
    share = float(context.store.properties(context.id)["tulip:clear_fraction"])
    figures: dict[str, float | int | str] = {
        "clear_fraction": share,
        "model": str(task.card.reference),
    }
    if share < minimum:
        summary = f"{share:.0%} clear, less than the {minimum:.0%} that is needed"
        return Outcome("skipped", fresh, f"too cloudy: {summary}", figures)
    return Outcome("done", fresh, f"{share:.0%} of the areas is clear", figures)


def _make(context: StepContext, networks: Networks, task: NetworkTask) -> None:
    store = context.store
    cache = networks.cache(store.checksum(context.id, REFLECTANCE))
    with store.writing(context.id, CLOUD) as path:
        with store.reading(context.id, REFLECTANCE) as reflectance:
            share = _write(path, reflectance, networks.cloud_filter(task), context, cache)
        products.clouds(store, context.id, path, task, clear=share)


def _write(
    path: Path,
    reflectance: Path,
    network: CloudFilter,
    context: StepContext,
    cache: StripCache | None,
) -> float:
    """Write cloud.tif, over the areas and CONTEXT around them; returns the clear share of them."""
    with cog.open_cog(reflectance) as source:
        grid = source.grid
        wanted = area_masks.rows_around(context.areas, grid)
        cells, known = streaming.cloud_probability(source, network, wanted, cache)
    stored = streaming.expand_cells(encode_probability(cells), known, PROBABILITY_NODATA)
    clear = streaming.expand_cells(
        area_masks.clear(cells, network.card.threshold), known, nothing=False
    )
    share = area_masks.AreaShare(context.areas)
    with cog.probability_writer(path, grid, CLOUD.bands) as writer:
        for (rows, cloud), (_, clear_rows) in zip(stored, clear, strict=True):
            writer.write_encoded(cloud[np.newaxis], rows.start, 0)
            share.add(clear_rows, grid.rows(rows))
    return share.value
