"""The step `segment`: probability of tulips and of flowers, on clear ground."""

from __future__ import annotations

from pathlib import Path

from tulip_ops.core.errors import ProductMissing
from tulip_ops.core.settings import Settings
from tulip_ops.core.types import AcquisitionId, Outcome
from tulip_ops.ml.inference import memory_budget, predictors, streaming
from tulip_ops.ml.inference.predictors import UNet
from tulip_ops.ml.inference.strip_cache import Strips
from tulip_ops.pipeline import area_masks, product_state, products
from tulip_ops.pipeline.product_state import Duty
from tulip_ops.raster import cog
from tulip_ops.storage.product_store import Store

WINDOW = 768
"""Pixels on a side of the U-Net's windows that others than `segment` ask for: what it says does not
depend on it, and ten bands of one take twelve megabytes on their way."""


def segment(
    acquisition_id: AcquisitionId,
    store: Store,
    settings: Settings,
    *,
    force: bool,
    said: predictors.Said | None = None,
    kept: Strips | None = None,
    compute: bool = True,
) -> Outcome:
    """Let the U-Net say where tulips grow and where they flower, on clear ground alone.

    said: as `screen`, of windows of the size `WINDOW`. kept: what `screen` read of the pixels in
    this process; nothing is left of it. compute: as `screen`.
    """
    duty = product_state.segmenting(acquisition_id, store, settings)
    if not force and duty.is_done:
        if kept is not None:
            kept.forget()
        return products.unchanged("segmented")
    if not compute:
        raise ProductMissing(products.not_whole(acquisition_id, "tulip.tif"))
    with store.writing(acquisition_id, "tulip.tif") as path:
        made = _write_tulips(path, acquisition_id, store, settings, duty, said, kept)
        products.tulips(store, acquisition_id, path, duty, noise=made.noise)
    figures: dict[str, float | int | str] = {
        "tulip_share": round(made.share, 4),
        "model": str(duty.card.reference),
    }
    return Outcome("done", True, f"{made.share:.1%} of the clear ground is tulips", figures)


def _write_tulips(
    path: Path,
    acquisition_id: AcquisitionId,
    store: Store,
    settings: Settings,
    duty: Duty,
    said: predictors.Said | None,
    kept: Strips | None,
) -> streaming.Tulips:
    """Write tulip.tif."""
    card = duty.card
    kept = kept and kept.of(store.checksum(acquisition_id, "reflectance.tif"))
    with (
        store.reading(acquisition_id, "reflectance.tif") as reflectance,
        cog.stored(reflectance) as source,
        area_masks.clear_mask(acquisition_id, store) as wanted,
    ):
        if said is None:
            network = predictors.load_unet(card, settings.threads, duty.engine)
            shape, memory_gb = source.grid.shape, settings.memory_gb
            size = memory_budget.window_size(card, duty.engine, shape, memory_gb)
        else:
            network, size = UNet(card, said()), WINDOW
        with cog.writing_probability(path, source.grid, ("tulip", "bloom")) as writer:
            return streaming.write_tulips(writer, source, network, wanted, size=size, kept=kept)
