"""The step `segment`: probability of tulips and of flowers, on clear ground."""

from __future__ import annotations

from pathlib import Path

from tulip_ops.core.types import Outcome
from tulip_ops.ml.inference import streaming
from tulip_ops.pipeline import area_masks, products
from tulip_ops.pipeline.context import StepContext
from tulip_ops.pipeline.networks import Networks
from tulip_ops.pipeline.product_state import NetworkTask, segment_task
from tulip_ops.raster import cog
from tulip_ops.storage.products import REFLECTANCE, TULIP


def segment(context: StepContext, networks: Networks) -> Outcome:
    """Let the U-Net predict where tulips grow and where they flower, on clear ground alone."""
    task = segment_task(context)
    if task.is_current and not context.force:
        networks.release()
        return products.unchanged("segmented")
    with context.store.writing(context.id, TULIP) as path:
        made = _write(path, context, networks, task)
        products.tulips(context.store, context.id, path, task, noise=made.noise)
    figures: dict[str, float | int | str] = {
        "tulip_share": round(made.share, 4),
        "model": str(task.card.reference),
    }
    return Outcome("done", True, f"{made.share:.1%} of the clear ground is tulips", figures)


def _write(
    path: Path, context: StepContext, networks: Networks, task: NetworkTask
) -> streaming.TulipSummary:
    """Write tulip.tif."""
    store = context.store
    cache = networks.cache(store.checksum(context.id, REFLECTANCE))
    with (
        store.reading(context.id, REFLECTANCE) as reflectance,
        cog.open_cog(reflectance) as source,
        area_masks.clear_mask(context.id, store) as wanted,
    ):
        network, size = networks.unet(task, source.grid.shape)
        with cog.probability_writer(path, source.grid, TULIP.bands) as writer:
            return streaming.write_tulips(writer, source, network, wanted, size=size, cache=cache)
