"""How noisy the probability of a raster is, from pixel to pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tulip_ops.raster.probability import ProbabilityRaster

_STEP = 0.001
"""A quarter of the steps in which probabilities are stored: the mean of four is a multiple."""
_NOISE_OF_MEDIAN = 1.4826 / 1.25**0.5
"""From the median distance between a pixel and the mean of its four neighbours to the standard
deviation of the noise: 1.4826 for a normal distribution, 1.25 for the variance of the mean."""


class Noise:
    """How much the probability of one raster changes from pixel to pixel, about its local level.

    Only pixels between four that are tulips from the threshold on say something. Counted in steps
    of `_STEP`.
    """

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._counts = np.zeros(round(1 / _STEP) + 1, dtype=np.int64)

    def add(self, tulip: ProbabilityRaster) -> None:
        """Rows of the raster; of those around them one above and one below.

        Each row inside counts, so that parts which share two rows count every row once.
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
    """Standard deviation of the `Noise` of a raster in one piece."""
    found = Noise(threshold)
    found.add(tulip)
    return found.deviation


def _median(counts: NDArray[np.int64]) -> float:
    """Of things counted by their number; 0 of none."""
    total = int(counts.sum())
    upto = np.cumsum(counts)
    middle = np.searchsorted(upto, [(total + 1) // 2, total // 2 + 1])
    return float(middle.mean()) if total else 0.0


def _between_four(present: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What is present with its four neighbours; nothing on the raster's edge."""
    inner = np.zeros_like(present)
    middle = inner[1:-1, 1:-1]
    np.logical_and(present[1:-1, :-2], present[1:-1, 2:], out=middle)
    middle &= present[1:-1, 1:-1]
    middle &= present[:-2, 1:-1]
    middle &= present[2:, 1:-1]
    return inner
