"""The segmentation network."""

from __future__ import annotations

import keras
from keras import layers

CLASSES = ("background", "tulip", "tulip in flower")


def build(
    bands: int,
    base: int = 16,
    levels: int = 4,
    classes: int = len(CLASSES),
    *,
    dtype: str = "float32",
) -> keras.Model:
    """U-Net after Ronneberger, Fischer and Brox, 2015 (arXiv 1505.04597).

    It departs from the paper in two ways: convolutions pad with zeros (`same`), so that output
    and input have one size, and the first of each pair is followed by batch normalization; the
    paper has dropout in the deepest level instead.

    Input: (N, height, width, bands), normalized; height and width multiples of 2**levels.
    Output: (N, height, width, classes), float32, softmax.

    base: filters of the first level; each level doubles them.
    dtype: Keras dtype policy of every layer, such as mixed_bfloat16 for training.
    """
    pixels = keras.Input((None, None, bands), name="reflectance")
    features = pixels
    skips = []
    for level in range(levels):
        features = _convolve_twice(features, base * 2**level, dtype)
        skips.append(features)
        features = layers.MaxPooling2D(dtype=dtype)(features)
    features = _convolve_twice(features, base * 2**levels, dtype)
    for level in reversed(range(levels)):
        filters = base * 2**level
        features = layers.Conv2DTranspose(filters, 2, strides=2, dtype=dtype)(features)
        features = layers.Concatenate(dtype=dtype)([skips[level], features])
        features = _convolve_twice(features, filters, dtype)
    logits = layers.Conv2D(classes, 1, dtype=dtype)(features)
    probability = layers.Softmax(dtype="float32", name="probability")(logits)
    return keras.Model(pixels, probability, name="unet")


def without_softmax(network: keras.Model) -> keras.Model:
    """The same network, up to its logits: {"logits": (N, height, width, classes)}.

    Softmax over few channels takes a processor a fifth of the time of all convolutions, and most
    of its outputs are for pixels that are not needed.
    """
    return keras.Model(network.input, {"logits": network.get_layer("probability").input})


def _convolve_twice(features: keras.KerasTensor, filters: int, dtype: str) -> keras.KerasTensor:
    features = layers.Conv2D(
        filters,
        3,
        padding="same",
        use_bias=False,  # the normalization that follows has its own
        kernel_initializer="he_normal",
        dtype=dtype,
    )(features)
    statistics = "float32" if dtype == "float16" else dtype  # variances pass float16's 65504
    features = layers.BatchNormalization(momentum=0.9, dtype=statistics)(features)
    features = layers.ReLU(dtype=dtype)(features)
    features = layers.Conv2D(
        filters, 3, padding="same", kernel_initializer="he_normal", dtype=dtype
    )(features)
    return layers.ReLU(dtype=dtype)(features)
