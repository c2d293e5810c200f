"""Model, engine, cache key and up-to-date check of the products of `screen` and `segment`."""

from __future__ import annotations

from dataclasses import dataclass

from tulip_ops.core.types import NetworkStep
from tulip_ops.ml.inference import engine_selection, model_registry
from tulip_ops.ml.inference.engine_selection import Engine
from tulip_ops.pipeline.context import StepContext
from tulip_ops.storage.products import CLOUD, REFLECTANCE, TULIP


@dataclass(frozen=True, slots=True)
class NetworkTask:
    """Which network makes a product of one acquisition, and whether the product is current."""

    card: model_registry.Card
    engine: Engine
    recipe: str
    """Cache key of the product."""
    is_current: bool
    """Whether the product is complete and has this cache key."""


def network_task(step: NetworkStep, context: StepContext) -> NetworkTask:
    """What `step` has to do; `ProductMissing` before the step ahead of it."""
    return screen_task(context) if step == "screen" else segment_task(context)


def screen_task(context: StepContext) -> NetworkTask:
    """What `screen` has to do; `ProductMissing` before `acquire`."""
    settings, store = context.settings, context.store
    card = model_registry.choose(
        settings.networks.models, "cloud-filter", settings.networks.cloud_filter, _bands(context)
    )
    engine = engine_selection.choose_engine(
        card, engine_selection.engine_request(settings.networks)
    )
    recipe = store.recipe(
        "screen",
        format=CLOUD.format,
        reflectance=store.checksum(context.id, REFLECTANCE),
        model=card.reference,
        engine=engine.recipe,
        areas=[area.geometry.wkb_hex for area in context.areas],
    )
    return NetworkTask(card, engine, recipe, store.is_current(context.id, CLOUD, recipe))


def segment_task(context: StepContext) -> NetworkTask:
    """What `segment` has to do; `ProductMissing` before `screen`."""
    settings, store = context.settings, context.store
    card = model_registry.choose(
        settings.networks.models, "unet", settings.networks.unet, _bands(context)
    )
    engine = engine_selection.choose_engine(
        card, engine_selection.engine_request(settings.networks)
    )
    recipe = store.recipe(
        "segment",
        format=TULIP.format,
        reflectance=store.checksum(context.id, REFLECTANCE),
        cloud=store.checksum(context.id, CLOUD),
        model=card.reference,
        engine=engine.recipe,
    )
    return NetworkTask(card, engine, recipe, store.is_current(context.id, TULIP, recipe))


def _bands(context: StepContext) -> tuple[str, ...]:
    """What `acquire` wrote, as the item lists it."""
    listed = context.store.asset(context.id, REFLECTANCE)["bands"]
    return tuple(str(band["name"]) for band in listed)
