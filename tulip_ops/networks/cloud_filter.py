"""The network that tells cloudy chips from clear ones."""

from __future__ import annotations

import keras
from keras import layers


def build(bands: int, chip: int | None, *, dtype: str = "float32") -> keras.Model:
    """ResNet50 (He et al., arXiv 1512.03385) with a sigmoid for one question: is there cloud?

    Input: (N, chip, chip, bands), normalized.
    Output: (N, 1), float32 in [0, 1]: probability that the chip is cloudy (cloud, haze or
    shadow over a noticeable part of it); a clear chip is 0.

    The weights start at random and do not depend on `chip`; None builds it for any size.
    dtype: Keras dtype policy of every layer.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)  # keras.applications knows no argument for it
    try:
        backbone = keras.applications.ResNet50(
            include_top=False, weights=None, input_shape=(chip, chip, bands), pooling="avg"
        )
    finally:
        keras.config.set_dtype_policy(before)
    logit = layers.Dense(1, dtype=dtype)(backbone.output)
    probability = layers.Activation("sigmoid", dtype="float32", name="cloudy")(logit)
    return keras.Model(backbone.input, probability, name="cloud_filter")
