"""What the steps with a network have to do with an acquisition, for them and for who plans them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tulip_ops.core.settings import Settings
from tulip_ops.core.types import AcquisitionId, Area
from tulip_ops.ml.inference import engine_selection, model_registry
from tulip_ops.ml.inference.engine_selection import Engine
from tulip_ops.storage.product_store import Store


@dataclass(frozen=True, slots=True)
class Duty:
    """Which network makes a product of one acquisition, and whether it still has to."""

    card: model_registry.Card
    engine: Engine
    recipe: str
    """Of the product that it makes."""
    is_done: bool
    """Whether that product is there, whole and by this recipe."""


def screening(
    acquisition_id: AcquisitionId, areas: Sequence[Area], store: Store, settings: Settings
) -> Duty:
    """What `screen` has to do; `ProductMissing` before `acquire`."""
    card = model_registry.choose(
        settings.models, "cloud-filter", settings.cloud_filter, _bands(store, acquisition_id)
    )
    engine = engine_selection.decide(card, engine_selection.wish(settings))
    recipe = store.recipe(
        "screen",
        format=3,
        reflectance=store.checksum(acquisition_id, "reflectance.tif"),
        model=card.reference,
        engine=engine.recipe,
        areas=[area.geometry.wkb_hex for area in areas],
    )
    return Duty(card, engine, recipe, store.is_current(acquisition_id, "cloud.tif", recipe))


def segmenting(acquisition_id: AcquisitionId, store: Store, settings: Settings) -> Duty:
    """What `segment` has to do; `ProductMissing` before `screen`."""
    card = model_registry.choose(
        settings.models, "unet", settings.unet, _bands(store, acquisition_id)
    )
    engine = engine_selection.decide(card, engine_selection.wish(settings))
    recipe = store.recipe(
        "segment",
        format=3,
        reflectance=store.checksum(acquisition_id, "reflectance.tif"),
        cloud=store.checksum(acquisition_id, "cloud.tif"),
        model=card.reference,
        engine=engine.recipe,
    )
    return Duty(card, engine, recipe, store.is_current(acquisition_id, "tulip.tif", recipe))


def _bands(store: Store, acquisition_id: AcquisitionId) -> tuple[str, ...]:
    """What `acquire` wrote, without looking into the file."""
    listed = store.asset(acquisition_id, "reflectance.tif")["bands"]
    return tuple(str(band["name"]) for band in listed)
