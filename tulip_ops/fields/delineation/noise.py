"""Pixel-to-pixel noise of a probability raster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tulip_ops.raster.probability import ProbabilityRaster

_STEP = 0.001
"""A quarter of the step of stored probabilities: the mean of four is a multiple of it."""
_NOISE_OF_MEDIAN = 1.4826 / 1.25**0.5
"""Factor from the median distance between a pixel and the mean of its four neighbours to the
noise's standard deviation: 1.4826 for a normal distribution, 1.25 for the variance of the mean."""


class Noise:
    """How much the probability of one raster varies from pixel to pixel about its local level.

    Only pixels count whose four neighbours are tulips at the threshold as well. Histogram in steps
    of `_STEP`.
    """

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._counts = np.zeros(round(1 / _STEP) + 1, dtype=np.int64)

    def add(self, tulip: ProbabilityRaster) -> None:
        """Add rows of the raster, with one extra row above and one below.

        Only inner rows count, so that blocks which share two rows count every row once.
        """
        value, width = tulip.values, tulip.shape[1]
        middle = np.flatnonzero(_between_four(tulip.at_least(self._threshold)))
        level = value(middle - width) + value(middle + width)
        level += value(middle - 1) + value(middle + 1)
        away = np.rint(np.abs(value(middle) - level / 4) / _STEP).astype(np.intp)
        self._counts += np.bincount(away, minlength=len(self._counts))

    @property
    def deviation(self) -> float:
        """Standard deviation."""
        return float(_NOISE_OF_MEDIAN * _median(self._counts) * _STEP)


def noise(tulip: ProbabilityRaster, threshold: float) -> float:
    """Standard deviation of the `Noise` of a complete raster."""
    found = Noise(threshold)
    found.add(tulip)
    return found.deviation


def _median(counts: NDArray[np.int64]) -> float:
    """Median of a histogram; 0 if it is empty."""
    total = int(counts.sum())
    upto = np.cumsum(counts)
    middle = np.searchsorted(upto, [(total + 1) // 2, total // 2 + 1])
    return float(middle.mean()) if total else 0.0


def _between_four(present: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels present together with their four neighbours; none on the raster's edge."""
    inner = np.zeros_like(present)
    middle = inner[1:-1, 1:-1]
    np.logical_and(present[1:-1, :-2], present[1:-1, 2:], out=middle)
    middle &= present[1:-1, 1:-1]
    middle &= present[:-2, 1:-1]
    middle &= present[2:, 1:-1]
    return inner
