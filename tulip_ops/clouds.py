"""From verdicts over chips to clear ground."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tulip_ops.chips import Plan


def spread(chip_probability: NDArray[np.float32], plan: Plan) -> NDArray[np.float32]:
    """Per-pixel probability of cloud from one probability per chip.

    chip_probability: (N,), in plan order; NaN for a chip that was not judged.
    Returns (height, width), float32 in [0, 1]; NaN where no judged chip covers the pixel.

    A pixel takes the mean of the chips that cover it (four, away from the raster's edge, when
    chips overlap by half). The largest would write off 64 px of clear ground on every side of
    a cloud, for a chip is cloudy wherever the cloud lies in it; the smallest would let a cloud
    through as soon as one chip in four is wrong. By the mean, ground under a cloud sees four
    cloudy chips, ground beside it two, so one wrong chip decides nothing.
    """
    total = np.zeros((plan.padded_height, plan.padded_width), dtype=np.float32)
    count = np.zeros(total.shape, dtype=np.float32)
    for probability, (row, column) in zip(chip_probability, plan.origins, strict=True):
        if np.isfinite(probability):
            here = np.s_[row : row + plan.chip_height, column : column + plan.chip_width]
            total[here] += probability
            count[here] += 1
    mean = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
    return mean[: plan.height, : plan.width]


def clear(cloud_probability: NDArray[np.float32], threshold: float) -> NDArray[np.bool_]:
    """True where the ground was measured and its probability of cloud is below `threshold`."""
    return cloud_probability < threshold  # NaN, nothing measured, compares as False


def clear_fraction(clear: NDArray[np.bool_], area_pixels: NDArray[np.bool_]) -> float:
    """Share of the pixels of `area_pixels` that are clear, in [0, 1]; 0 where there are none.

    Both (height, width). Pixels that were not measured count as not clear.
    """
    pixels = int(np.count_nonzero(area_pixels))
    return int(np.count_nonzero(clear & area_pixels)) / pixels if pixels else 0.0
