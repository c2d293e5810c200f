"""Networks by name over a reflectance array in memory."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tulip_ops.core.errors import BadInput
from tulip_ops.core.processing_settings import NetworkSettings
from tulip_ops.ml.inference import engine_selection, model_registry, predictors
from tulip_ops.ml.inference.engine_selection import EngineRequest
from tulip_ops.ml.inference.model_registry import Card, Kind
from tulip_ops.raster.dead_bands import BandRange


def probability(
    reflectance: ArrayLike,
    bands: Sequence[str],
    model: str,
    settings: NetworkSettings,
    threads: int,
) -> NDArray[np.float32]:
    """As `tulip_ops.run_network` says. The network stays loaded for further calls."""
    pixels = _checked(reflectance, bands)
    card = _card(model, bands, settings)
    wish = engine_selection.engine_request(settings)
    network = _network(card.folder, card.sha256, threads, wish)
    if isinstance(network, predictors.UNet):
        return network.tulip_probability(pixels, bands)
    return network.cloud_probability(pixels, bands)[np.newaxis]


def _checked(reflectance: ArrayLike, bands: Sequence[str]) -> NDArray[np.float32]:
    pixels = np.asarray(reflectance)
    if pixels.ndim != 3 or len(pixels) != len(bands) or not pixels.size:
        raise BadInput(
            f"the array has the shape {pixels.shape}; give (bands, height, width) with"
            f" {len(bands)} bands: {', '.join(bands)}"
        )
    if not np.issubdtype(pixels.dtype, np.floating):
        raise BadInput(
            f"the array holds {pixels.dtype}; give reflectance as floating point, where 1.0 is"
            " 100 % (of most Level-2A products: (DN - 1000) / 10000)"
        )
    values = pixels.astype(np.float32, copy=False)
    found = BandRange(bands)
    found.add(values)
    found.require_alive("the array")
    return values


def _card(model: str, bands: Sequence[str], settings: NetworkSettings) -> Card:
    """The model to run; `ModelNotFound`."""
    choices: dict[str, tuple[Kind, str]] = {
        "cloud-filter": ("cloud-filter", settings.cloud_filter),
        "unet": ("unet", settings.unet),
    }
    if model in choices:
        return model_registry.choose(settings.models, *choices[model], bands)
    name = model.partition("/")[0]
    for card in model_registry.list_models(settings.models):
        if card.reference.name == name:
            return model_registry.choose(settings.models, card.kind, model, bands)
    return model_registry.find(settings.models, model)  # raises, and says which there are


@lru_cache(maxsize=2)
def _network(
    folder: Path, sha256: str, threads: int, wish: EngineRequest
) -> predictors.CloudFilter | predictors.UNet:
    """The network of a model folder; sha256: of its weights."""
    del sha256  # a part of the key alone: weights that were replaced are loaded anew
    card = model_registry.read_card(folder)
    engine = engine_selection.choose_engine(card, wish)
    if card.kind == "unet":
        return predictors.load_unet(card, threads, engine)
    return predictors.load_cloud_filter(card, threads, engine)
