"""Publishes the products of the steps in the store and the STAC item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tulip_ops.core.types import Acquisition, AcquisitionId, ModelReference, Outcome
from tulip_ops.pipeline.product_state import NetworkTask
from tulip_ops.raster.grid import Grid
from tulip_ops.storage import stac_items
from tulip_ops.storage.product_store import ProductStore
from tulip_ops.storage.products import CLOUD, DETECTIONS, REFLECTANCE, TULIP, Product


def reflectance(
    store: ProductStore,
    acquisition: Acquisition,
    path: Path,
    grid: Grid,
    bands: Sequence[str],
    *,
    recipe: str,
    measured: float,
) -> None:
    """Begin the acquisition's item with its first product.

    measured: share of the areas' ground that was measured in all bands.
    """
    store.start_item(acquisition.id, stac_items.product_item(acquisition, grid, bands))
    store.publish(
        acquisition.id,
        REFLECTANCE,
        path,
        recipe=recipe,
        fields=stac_items.product_fields(REFLECTANCE, bands),
        properties={"tulip:measured_fraction": round(measured, 4)},
    )


def clouds(
    store: ProductStore,
    acquisition_id: AcquisitionId,
    path: Path,
    task: NetworkTask,
    *,
    clear: float,
) -> None:
    """clear: share of the areas' ground that is clear."""
    properties = {"tulip:clear_fraction": round(clear, 4)}
    _probability(store, acquisition_id, CLOUD, path, task, properties=properties)


def tulips(
    store: ProductStore,
    acquisition_id: AcquisitionId,
    path: Path,
    task: NetworkTask,
    *,
    noise: float,
) -> None:
    """What the U-Net gave, with both of its thresholds.

    noise: deviation of its `Noise`, which parts of it do not tell.
    """
    _probability(store, acquisition_id, TULIP, path, task, more={"tulip:noise": noise})


def detections(
    store: ProductStore, acquisition_id: AcquisitionId, path: Path, *, recipe: str, count: int
) -> None:
    """count: how many there are."""
    properties = {"tulip:detections": count}
    store.publish(acquisition_id, DETECTIONS, path, recipe=recipe, properties=properties)


def network(asset: Mapping[str, Any]) -> ModelReference:
    """The network behind an asset."""
    return ModelReference(**asset["tulip:model"])


def provenance(role: str, asset: Mapping[str, Any]) -> dict[str, str]:
    """Columns that name the network behind an asset."""
    model = network(asset)
    return {f"{role}_{part}": getattr(model, part) for part in ("name", "version", "sha256")}


def _probability(
    store: ProductStore,
    acquisition_id: AcquisitionId,
    product: Product,
    path: Path,
    task: NetworkTask,
    *,
    properties: Mapping[str, object] | None = None,
    more: Mapping[str, float] | None = None,
) -> None:
    """Publish what a network gave; its thresholds travel with it, and `more` of the asset."""
    card = task.card
    fields = stac_items.product_fields(product)
    fields["tulip:threshold"] = card.threshold
    if card.bloom_threshold is not None:
        fields["tulip:bloom_threshold"] = card.bloom_threshold
    fields["tulip:engine"] = str(task.engine)
    fields |= more or {}
    store.publish(
        acquisition_id,
        product,
        path,
        recipe=task.recipe,
        model=card.reference,
        fields=fields,
        properties=properties,
    )


def unchanged(what: str) -> Outcome:
    return Outcome("done", False, f"already {what}, nothing changed", {})
