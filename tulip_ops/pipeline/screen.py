"""The step `screen`: cloud probability, and whether enough ground is clear."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tulip_ops.core.errors import ProductMissing
from tulip_ops.core.settings import Settings
from tulip_ops.core.types import AcquisitionId, Area, Outcome
from tulip_ops.ml.inference import predictors, streaming
from tulip_ops.ml.inference.predictors import CloudFilter
from tulip_ops.ml.inference.strip_cache import Strips
from tulip_ops.pipeline import area_masks, product_state, products
from tulip_ops.pipeline.product_state import Duty
from tulip_ops.raster import cog
from tulip_ops.raster.probability import PROBABILITY_NODATA, encode_probability
from tulip_ops.storage.product_store import Store


def screen(
    acquisition_id: AcquisitionId,
    areas: Sequence[Area],
    store: Store,
    settings: Settings,
    *,
    force: bool,
    said: predictors.Said | None = None,
    kept: Strips | None = None,
    compute: bool = True,
) -> Outcome:
    """Let the cloud filter say where the ground is clear; too little ends the acquisition.

    said: what it said already, where others asked it. kept: takes what is read of the pixels, for
    `segment` in the same process. compute: False to raise `ProductMissing` where the network
    would have to run.
    """
    duty = product_state.screening(acquisition_id, areas, store, settings)
    card, fresh = duty.card, force or not duty.is_done
    if fresh and not compute:
        raise ProductMissing(products.not_whole(acquisition_id, "cloud.tif"))
    if fresh:
        kept = kept and kept.of(store.checksum(acquisition_id, "reflectance.tif"))
        with store.writing(acquisition_id, "cloud.tif") as path:
            with store.reading(acquisition_id, "reflectance.tif") as reflectance:
                network = _cloud_filter(duty, settings, said)
                share = _write_clouds(path, reflectance, network, areas, kept)
            products.clouds(store, acquisition_id, path, duty, clear=share)
    share = float(store.properties(acquisition_id)["tulip:clear_fraction"])
    figures: dict[str, float | int | str] = {"clear_fraction": share, "model": str(card.reference)}
    if share < settings.minimum_clear:
        summary = f"{share:.0%} clear, less than the {settings.minimum_clear:.0%} that is needed"
        return Outcome("skipped", fresh, f"too cloudy: {summary}", figures)
    return Outcome("done", fresh, f"{share:.0%} of the areas is clear", figures)


def _cloud_filter(duty: Duty, settings: Settings, said: predictors.Said | None) -> CloudFilter:
    if said is not None:
        return CloudFilter(duty.card, said())
    threads = settings.threads
    return predictors.load_cloud_filter(duty.card, threads, duty.engine, at_once=threads)


def _write_clouds(
    path: Path,
    reflectance: Path,
    network: CloudFilter,
    areas: Sequence[Area],
    kept: Strips | None,
) -> float:
    """Write cloud.tif, over the areas and CONTEXT around them; returns the clear share of them."""
    with cog.stored(reflectance) as source:
        grid = source.grid
        cells, known = streaming.cloud_probability(
            source, network, area_masks.around(areas, grid), kept
        )
    stored = streaming.spread(encode_probability(cells), known, PROBABILITY_NODATA)
    clear = streaming.spread(area_masks.clear(cells, network.card.threshold), known, nothing=False)
    inside_pixels, clear_pixels = 0, 0
    with cog.writing_probability(path, grid, ("cloud",)) as writer:
        for (rows, cloud), (_, clear_here) in zip(stored, clear, strict=True):
            writer.put(cloud[np.newaxis], rows.start, 0)
            inside = area_masks.inside(areas, grid.rows(rows))
            inside_pixels += int(np.count_nonzero(inside))
            clear_pixels += int(np.count_nonzero(clear_here & inside))
    return clear_pixels / inside_pixels if inside_pixels else 0.0
