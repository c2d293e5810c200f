"""A model's predictions for a scene, with its labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tulip_ops.ml.datasets import labels
from tulip_ops.ml.datasets.scenes import TrainingScene
from tulip_ops.ml.inference import predictors
from tulip_ops.ml.inference.engine_selection import KERAS, Engine
from tulip_ops.ml.inference.model_registry import Card, Output
from tulip_ops.ml.inference.window_layout import CELL
from tulip_ops.raster import tiling

_GAIN = 2.5
"""Brightness of images on contact sheets, as in a TRUE_COLOR rendering."""

Pair = tuple[NDArray[np.float32], NDArray[np.bool_]]
"""Predictions and labels; the prediction is NaN where a case does not count."""


@dataclass(frozen=True, slots=True)
class ScenePrediction:
    """What a model predicts for one scene."""

    pairs: Mapping[Output, Pair]
    clear: Mapping[Output, Pair]
    """The same over pixels that are not known to be hidden; empty for a cloud filter."""
    left_out: Mapping[Output, int]
    """Number of ambiguous and unknown cases."""
    probability_map: NDArray[np.float32]
    """Probability of tulips by pixel, or of cloud by cell, whether it counts or not."""
    image: NDArray[np.uint8]
    """(height, width, 3), for people."""
    flowering: float
    """Share of the scene's tulip pixels in flower; NaN without any."""
    name: str


def predict_scenes(
    card: Card, scenes: Iterable[TrainingScene], threads: int, engine: Engine = KERAS
) -> Iterator[ScenePrediction]:
    """The model's prediction for each scene."""
    if card.kind == "unet":
        unet = predictors.load_unet(card, threads, engine)
        yield from (_tulips(unet, scene) for scene in scenes)
    else:
        filter_ = predictors.load_cloud_filter(card, threads, engine)
        yield from (_clouds(filter_, scene) for scene in scenes)


def _tulips(network: predictors.UNet, scene: TrainingScene) -> ScenePrediction:
    """Pixels count as they do in training: measured, known, not below an opaque cloud."""
    pixels = np.moveaxis(scene.reflectance(), 0, -1)
    tulip, bloom = network.tulip_probability(scene.reflectance(), network.card.bands)
    possible = labels.unet_target(pixels, scene.truth) > 0
    plain, flowering = possible[..., 1], possible[..., 2]
    counted = possible[..., 0] | plain | flowering
    certain = counted & ~(plain & flowering)
    growing = plain | flowering
    tulips = np.count_nonzero(certain & growing)
    hidden, _ = labels.hidden(scene.truth)
    clear = ~hidden
    return ScenePrediction(
        {"tulip": (_where(counted, tulip), growing), "bloom": (_where(certain, bloom), flowering)},
        {
            "tulip": (_where(counted & clear, tulip), growing),
            "bloom": (_where(certain & clear, bloom), flowering),
        },
        {"tulip": int(np.count_nonzero(~counted)), "bloom": int(np.count_nonzero(~certain))},
        tulip,
        _image(pixels, network.card.bands),
        np.count_nonzero(certain & flowering) / tulips if tulips else float("nan"),
        scene.name,
    )


def _clouds(network: predictors.CloudFilter, scene: TrainingScene) -> ScenePrediction:
    """Only clearly cloudy and clearly clear cells and chips count; see `labels.CLOUDY`.

    Of a scene with only an image-level label, the cloudiest chip counts.
    """
    reflectance = scene.reflectance()
    cell_probability = _blocks(network.cloud_probability(reflectance, network.card.bands))
    chip_probability, plan = network.chip_probability(reflectance, network.card.bands)
    height, width = (CELL * side for side in cell_probability.shape)
    cells = labels.cloud_filter_target(scene.truth[None, :height, :width])[0][0]
    if scene.cloudy is None:
        cuts = tiling.cut(np.moveaxis(scene.truth, -1, 0), plan)
        cloudy = labels.cloud_filter_target(np.moveaxis(cuts, 1, -1))[1]
    else:
        chip_probability = np.fmax.reduce(chip_probability, keepdims=True)
        cloudy = np.array([scene.cloudy], dtype=np.float32)
    return ScenePrediction(
        {
            "chip": (_where(np.isfinite(cloudy), chip_probability), cloudy == 1),
            "cell": (_where(np.isfinite(cells), cell_probability), cells == 1),
        },
        {},
        {
            "chip": int(np.count_nonzero(np.isnan(cloudy))),
            "cell": int(np.count_nonzero(np.isnan(cells))),
        },
        cell_probability,
        _image(np.moveaxis(reflectance, 0, -1), network.card.bands),
        float("nan"),
        scene.name,
    )


def _blocks(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """(height, width), constant within each cell, to complete cells only; NaN if never measured."""
    rows, columns = (side // CELL for side in pixels.shape)
    blocks = pixels[: rows * CELL, : columns * CELL].reshape(rows, CELL, columns, CELL)
    return np.asarray(np.fmax.reduce(blocks, axis=(1, 3)))


def _where(counted: NDArray[np.bool_], probability: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(counted, probability, np.float32(np.nan))


def _image(pixels: NDArray[np.float32], bands: tuple[str, ...]) -> NDArray[np.uint8]:
    colours = pixels[..., [bands.index(band) for band in ("red", "green", "blue")]]
    bright = np.clip(np.nan_to_num(colours) * _GAIN, 0, 1) ** np.float32(0.8)
    return np.asarray(bright * 255, dtype=np.uint8)
