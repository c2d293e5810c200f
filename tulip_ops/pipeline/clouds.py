"""From verdicts over cells to clear ground."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def clear(cloud_probability: NDArray[np.float32], threshold: float) -> NDArray[np.bool_]:
    """True where the ground was measured and its probability of cloud is below `threshold`."""
    return cloud_probability < threshold  # NaN, nothing measured, compares as False


def clear_fraction(clear: NDArray[np.bool_], area_pixels: NDArray[np.bool_]) -> float:
    """Share of the pixels of `area_pixels` that are clear, in [0, 1]; 0 where there are none.

    Both (height, width). Pixels that were not measured count as not clear.
    """
    pixels = int(np.count_nonzero(area_pixels))
    return int(np.count_nonzero(clear & area_pixels)) / pixels if pixels else 0.0
