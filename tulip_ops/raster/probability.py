"""Probability as it is stored: its encoding, and where it reaches a threshold.

Most pixels of a raster are no tulips. So they stay as they are stored, and only those that
matter are decoded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]

PROBABILITY_STEPS = 250
"""On disk probability is uint8: probability = value / PROBABILITY_STEPS."""
PROBABILITY_NODATA = 255

_PER_STEP = np.float32(1 / PROBABILITY_STEPS)

Decode: TypeAlias = Callable[[NDArray[Any]], NDArray[np.float32]]
"""From stored numbers of any shape to float32, NaN where not seen. What it makes of uint8 ascends
with the number, and is NaN from some number on."""


def as_it_is(stored: NDArray[Any]) -> NDArray[np.float32]:
    """Of probability that is stored as such."""
    return stored


def reached(stored: NDArray[Any], threshold: float, decode: Decode) -> NDArray[np.bool_]:
    """Where probability is `threshold` or more; False where not seen."""
    if stored.dtype != np.uint8:
        return decode(stored) >= threshold
    numbers = np.flatnonzero(decode(np.arange(256, dtype=np.uint8)) >= threshold)
    if not len(numbers):
        return np.zeros(stored.shape, dtype=bool)
    # what reaches it is one range: two comparisons of bytes are faster than a look into a table
    return (stored >= np.uint8(numbers[0])) & (stored <= np.uint8(numbers[-1]))


def encode_probability(probability: Float) -> NDArray[np.uint8]:
    """What `writing_probability` stores of any shape."""
    numbers = np.rint(probability * PROBABILITY_STEPS).clip(0, PROBABILITY_STEPS)
    return np.where(np.isnan(probability), PROBABILITY_NODATA, numbers).astype(np.uint8)


def decode_probability(stored: NDArray[np.uint8]) -> Float:
    """What `writing_probability` stored, of any shape: float32, NaN where there is none."""
    values = np.asarray(stored * _PER_STEP)  # five times as fast as to look into a table of 256
    values[stored == PROBABILITY_NODATA] = np.nan
    return values
