"""Weights to begin with: a ResNet trained on photographs, or one of our own models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from tulip_ops.core.errors import BadWeights
from tulip_ops.ml.inference import cloud_filter
from tulip_ops.ml.inference.model_registry import Card

_PHOTOGRAPH = ("blue", "green", "red")
"""Channels of the images that Keras' ResNets were trained on, in their order."""
_PHOTOGRAPH_SPREAD = 58.0
"""Standard deviation of their 8-bit values about the mean, where ours are brought to 1."""
_FIRST = "conv1_conv"


def load_backbone(
    network: keras.Model, depth: cloud_filter.Depth, path: Path, bands: Sequence[str]
) -> None:
    """Give a cloud filter the weights of a Keras ResNet that was trained on photographs.

    path: weights without the top, as Keras publishes them for ImageNet
    (`resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5`) or `save_weights` writes them for
    `keras.applications.ResNet50(include_top=False)`. Bands that photographs lack begin with the
    mean of those that they have. `BadWeights` if the file holds none, or those of another depth.
    """
    given = cloud_filter.resnet(len(_PHOTOGRAPH), depth, "float32")
    try:
        given.load_weights(path)
    except (OSError, ValueError, KeyError) as error:
        raise BadWeights(
            f"{path} does not hold the weights of a {depth} without its top: {error}"
        ) from error
    kernels = given.get_layer(_FIRST).get_weights()[0] * _PHOTOGRAPH_SPREAD
    others = kernels.mean(axis=2)
    first = np.stack(
        [
            kernels[:, :, _PHOTOGRAPH.index(band)] if band in _PHOTOGRAPH else others
            for band in bands
        ],
        axis=2,
    )
    backbone = network.get_layer(cloud_filter.BACKBONE)
    for layer in backbone.layers:
        weights = given.get_layer(layer.name).get_weights() if layer.get_weights() else []
        if layer.name == _FIRST:
            # the sum over bands stays the same, so that later layers get inputs of the same scale
            weights[0] = first * (len(_PHOTOGRAPH) / len(bands))
        layer.set_weights(weights)


def start_from(network: keras.Model, other: keras.Model, card: Card, bands: Sequence[str]) -> None:
    """Give a network the weights of one of our models, of the same shape but for its bands.

    other: the network of `card`, with its weights. Bands that it does not read begin with zero
    weights, so that the initial outputs equal those of the other one. `BadWeights` if the two
    differ in more than their bands.
    """
    own, given = network.get_weights(), other.get_weights()
    fits = len(own) == len(given) and all(
        mine.shape == theirs.shape for mine, theirs in zip(own[1:], given[1:], strict=True)
    )
    if not fits or own[0].shape[:2] + own[0].shape[3:] != given[0].shape[:2] + given[0].shape[3:]:
        raise BadWeights(f"{card.reference} has another architecture than the network to train")
    network.set_weights([_by_band(given[0], card.bands, bands), *given[1:]])


def _by_band(
    kernels: NDArray[np.float32], had: Sequence[str], wanted: Sequence[str]
) -> NDArray[np.float32]:
    """(height, width, bands, filters) of a first layer, for other bands."""
    nothing = np.zeros_like(kernels[:, :, 0])
    return np.stack(
        [kernels[:, :, had.index(band)] if band in had else nothing for band in wanted], axis=2
    )
