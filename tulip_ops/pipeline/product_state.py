"""Model, engine, cache key and up-to-date check of the products of `screen` and `segment`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tulip_ops.core.types import NetworkStep
from tulip_ops.ml.inference import engine_selection, model_registry
from tulip_ops.ml.inference.engine_selection import Engine
from tulip_ops.pipeline.context import StepContext
from tulip_ops.storage.products import CLOUD, REFLECTANCE, TULIP, Product


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
    model = context.settings.networks.cloud_filter
    reads = {"reflectance": REFLECTANCE}
    areas = [area.geometry.wkb_hex for area in context.areas]
    return _task(context, "screen", CLOUD, reads, "cloud-filter", model, areas=areas)


def segment_task(context: StepContext) -> NetworkTask:
    """What `segment` has to do; `ProductMissing` before `screen`."""
    model = context.settings.networks.unet
    reads = {"reflectance": REFLECTANCE, "cloud": CLOUD}
    return _task(context, "segment", TULIP, reads, "unet", model)


def _task(
    context: StepContext,
    step: NetworkStep,
    product: Product,
    reads: Mapping[str, Product],
    kind: model_registry.Kind,
    model: str,
    **inputs: object,
) -> NetworkTask:
    """reads: products that the step reads. inputs: of the recipe, beside these and the network."""
    networks, store = context.settings.networks, context.store
    card = model_registry.choose(networks.models, kind, model, _bands(context))
    engine = engine_selection.choose_engine(card, engine_selection.engine_request(networks))
    recipe = store.recipe(
        step,
        format=product.format,
        model=card.reference,
        engine=engine.recipe,
        **{name: store.checksum(context.id, each) for name, each in reads.items()},
        **inputs,
    )
    return NetworkTask(card, engine, recipe, store.is_current(context.id, product, recipe))


def _bands(context: StepContext) -> tuple[str, ...]:
    """What `acquire` wrote, as the item lists it."""
    listed = context.store.asset(context.id, REFLECTANCE)["bands"]
    return tuple(str(band["name"]) for band in listed)
