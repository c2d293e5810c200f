"""Confidence intervals of metrics by bootstrap over scenes.

A scene is an image of its own, and the cases in it (pixels, cells, chips) resemble each other: so
samples are drawn of scenes, never of pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DRAWS = 1000
"""Samples of a bootstrap."""
CONFIDENCE = 0.95

Weights = NDArray[np.float64]
"""(draws, scenes): how often each scene counts in each draw."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval."""

    value: float
    low: float | None
    """Lower end of the 95 % interval; None where a single scene or none was there."""
    high: float | None


Figure = Callable[[Weights], NDArray[np.float64]]
"""From how often each scene counts to a value for every draw."""


def estimate(figure: Figure, scenes: int, draws: int = DRAWS) -> Estimate:
    """A figure over all scenes, and its percentile interval of a bootstrap over scenes.

    After Efron and Tibshirani, 1993 (An introduction to the bootstrap, ch. 13). Draws in which
    the figure is undefined are left out; the same scenes give the same interval.
    """
    value = float(figure(np.ones((1, scenes)))[0])
    if scenes < 2:
        return Estimate(value, None, None)
    random = np.random.default_rng(0)
    weights = random.multinomial(scenes, np.full(scenes, 1 / scenes), draws).astype(np.float64)
    values = figure(weights)
    values = values[np.isfinite(values)]
    if not values.size:
        return Estimate(value, None, None)
    low, high = np.quantile(values, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Estimate(value, float(low), float(high))
