"""Probability as it is stored: its encoding, and where it reaches a threshold.

Most pixels of a raster are no tulips. So they stay as they are stored, and only those that
matter are decoded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]

PROBABILITY_STEPS = 250
"""On disk probability is uint8: probability = value / PROBABILITY_STEPS."""
PROBABILITY_NODATA = 255

_PER_STEP = np.float32(1 / PROBABILITY_STEPS)


@dataclass(frozen=True, slots=True)
class ProbabilityRaster:
    """One band of probability in the encoding in which it is at hand."""

    stored: NDArray[Any]
    """(height, width). Its type is its encoding: uint8 as `encode_probability` makes it, floating
    point for probability in [0, 1] itself, NaN where not seen."""

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width)."""
        height, width = self.stored.shape
        return height, width

    def at_least(self, threshold: float) -> NDArray[np.bool_]:
        """(height, width): where probability is `threshold` or more; False where not seen."""
        if self.stored.dtype != np.uint8:
            return np.asarray(self.stored >= threshold)
        numbers = np.flatnonzero(threshold <= _EVERY_STEP)
        if not len(numbers):
            return np.zeros(self.stored.shape, dtype=bool)
        # what reaches it is one range: two comparisons of bytes are faster than a look into a table
        return (self.stored >= np.uint8(numbers[0])) & (self.stored <= np.uint8(numbers[-1]))

    def values(self, pixels: NDArray[np.int64]) -> Float:
        """Probability of some pixels, NaN where not seen; pixels: row * width + column."""
        found = self.stored.ravel()[pixels]
        return decode_probability(found) if found.dtype == np.uint8 else found


def encode_probability(probability: Float) -> NDArray[np.uint8]:
    """What `probability_writer` stores of any shape."""
    numbers = np.rint(probability * PROBABILITY_STEPS).clip(0, PROBABILITY_STEPS)
    return np.where(np.isnan(probability), PROBABILITY_NODATA, numbers).astype(np.uint8)


def decode_probability(stored: NDArray[np.uint8]) -> Float:
    """What `probability_writer` stored, of any shape: float32, NaN where there is none."""
    values = np.asarray(stored * _PER_STEP)  # five times as fast as to look into a table of 256
    values[stored == PROBABILITY_NODATA] = np.nan
    return values


_EVERY_STEP = decode_probability(np.arange(256, dtype=np.uint8))
"""Probability of each number, ascending, NaN from some number on."""
