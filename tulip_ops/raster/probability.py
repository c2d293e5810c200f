"""The stored encoding of probability, and thresholds on encoded pixels.

Most pixels of a raster are not tulips: they stay encoded, and only the needed ones are decoded.
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
    """One band of probability, encoded or not."""

    stored: NDArray[Any]
    """(height, width). uint8: encoded by `encode_probability`. Floating point: probability in
    [0, 1], NaN where not seen."""

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width)."""
        height, width = self.stored.shape
        return height, width

    def at_least(self, threshold: float) -> NDArray[np.bool_]:
        """(height, width): True where probability >= threshold; False where not seen."""
        if self.stored.dtype != np.uint8:
            return np.asarray(self.stored >= threshold)
        numbers = np.flatnonzero(threshold <= _EVERY_STEP)
        if not len(numbers):
            return np.zeros(self.stored.shape, dtype=bool)
        # the encoded values form one range: two comparisons of bytes are faster than a lookup table
        return (self.stored >= np.uint8(numbers[0])) & (self.stored <= np.uint8(numbers[-1]))

    def values(self, pixels: NDArray[np.int64]) -> Float:
        """Probability of some pixels, NaN where not seen; pixels: row * width + column."""
        found = self.stored.ravel()[pixels]
        return decode_probability(found) if found.dtype == np.uint8 else found


def encode_probability(probability: Float) -> NDArray[np.uint8]:
    """Encode probability of any shape as uint8; NaN becomes PROBABILITY_NODATA."""
    numbers = np.rint(probability * PROBABILITY_STEPS).clip(0, PROBABILITY_STEPS)
    return np.where(np.isnan(probability), PROBABILITY_NODATA, numbers).astype(np.uint8)


def decode_probability(stored: NDArray[np.uint8]) -> Float:
    """The inverse of `encode_probability`: float32 of any shape, NaN for no data."""
    values = np.asarray(stored * _PER_STEP)  # five times as fast as a lookup table
    values[stored == PROBABILITY_NODATA] = np.nan
    return values


_EVERY_STEP = decode_probability(np.arange(256, dtype=np.uint8))
"""Probability of each encoded value, ascending; NaN at the end."""
