"""The network that classifies ground as cloudy or clear."""

from __future__ import annotations

import warnings
from typing import Literal

import keras
from keras import layers, ops

Depth = Literal["resnet50", "resnet101"]

BACKBONE = "backbone"

_FOURTH_STAGE = {"resnet50": "conv4_block6_out", "resnet101": "conv4_block23_out"}
_EVIDENCE = 128
"""Features from which a cell is judged."""


def build(bands: int, depth: Depth = "resnet50", *, dtype: str = "float32") -> keras.Model:
    """ResNet50 or ResNet101 (He et al., arXiv 1512.03385) that classifies cells and chips.

    A cell is cloudy where cloud, haze or shadow hides a noticeable part of it; so is a chip.
    Both come from one pass: the last stage, which sees far, is brought to the grid of the
    fourth and added to it, as a feature pyramid does (Lin et al., arXiv 1612.03144); the
    verdict over the chip reads the evidence of all of its cells.

    Input: (N, height, width, bands), normalized; height and width multiples of `ALIGN`.
    Output: {"cell": (N, height / CELL, width / CELL), "chip": (N,)}, float32 in [0, 1]:
    probabilities of being cloudy.

    The weights start at random and do not depend on height and width.
    dtype: Keras dtype policy of every layer.
    """
    pixels = keras.Input((None, None, bands), name="reflectance")
    fourth, fifth = _backbone(bands, depth, dtype)(pixels)
    deep = layers.Conv2D(_EVIDENCE, 1, dtype=dtype, name="deep")(fifth)
    deep = layers.UpSampling2D(2, dtype=dtype)(deep)
    fine = layers.Conv2D(_EVIDENCE, 1, dtype=dtype, name="fine")(fourth)
    evidence = layers.ReLU(dtype=dtype)(layers.Add(dtype=dtype)([deep, fine]))
    logit = layers.Conv2D(1, 3, padding="same", dtype=dtype, name="cell_logit")(evidence)
    cell = layers.Activation("sigmoid", dtype="float32", name="cell_probability")(logit)
    summary = layers.Concatenate(dtype="float32")(
        [
            layers.GlobalAveragePooling2D(dtype="float32")(evidence),
            layers.GlobalMaxPooling2D(dtype="float32")(logit),
            _log_share(cell),
        ]
    )
    summary = layers.Dense(32, activation="relu", dtype=dtype, name="summary")(summary)
    summary = layers.Dense(1, dtype=dtype, name="chip_logit")(summary)
    chip = layers.Activation("sigmoid", dtype="float32", name="chip_probability")(summary)
    return keras.Model(
        pixels, {"cell": ops.squeeze(cell, -1), "chip": ops.squeeze(chip, -1)}, name="cloud_filter"
    )


def resnet(bands: int, depth: Depth, dtype: str) -> keras.Model:
    """The network of that name without its top, as `keras.applications` builds it."""
    make = {"resnet50": keras.applications.ResNet50, "resnet101": keras.applications.ResNet101}
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)  # keras.applications knows no argument for it
    try:
        with warnings.catch_warnings():
            # Keras warns about more bands than photographs have
            warnings.filterwarnings("ignore", "This model usually expects 1 or 3 input channels")
            return make[depth](include_top=False, weights=None, input_shape=(None, None, bands))
    finally:
        keras.config.set_dtype_policy(before)


def _backbone(bands: int, depth: Depth, dtype: str) -> keras.Model:
    """Stages four and five of a ResNet, at strides 16 and 32, as one layer that can be frozen."""
    full = resnet(bands, depth, dtype)
    stages = [full.get_layer(_FOURTH_STAGE[depth]).output, full.output]
    return keras.Model(full.input, stages, name=BACKBONE)


def _log_share(cell: keras.KerasTensor) -> keras.KerasTensor:
    """(N, 1): logarithm of the share of cloudy cells, for a chip is judged by its share."""
    return ops.log(ops.mean(cell, axis=(1, 2)) + 1e-3)
