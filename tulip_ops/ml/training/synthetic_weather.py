"""Synthetic clouds over real, cloud-free images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tulip_ops.core.types import BANDS
from tulip_ops.ml.datasets.labels import DEPTH, OPACITY, SHARE, UNKNOWN
from tulip_ops.simulate.sky import Sky, Weather, form, through_atmosphere

CHANCE = {Weather.SCATTERED: 0.4, Weather.BROKEN: 0.2, Weather.OVERCAST: 0.05, Weather.HAZE: 0.35}
"""Of the kinds of sky."""


def overcast(
    reflectance: NDArray[np.float32],
    truth: NDArray[np.uint8],
    bands: Sequence[str],
    random: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """A chip under a random sky of the simulator: clouds, their shadows, haze or cirrus.

    reflectance (height, width, bands), NaN stays NaN; truth (height, width, 4). The share of
    the ground that is hidden adds up; where it was unknown, it stays unknown unless the new clouds
    hide something.
    """
    height, width = truth.shape[:2]
    kind = list(CHANCE)[int(random.choice(len(CHANCE), p=list(CHANCE.values())))]
    overhead = form(Sky.draw(random, kind), random, height, width)
    places = [BANDS.index(band) for band in bands]
    ground = np.zeros((len(BANDS), height, width), dtype=np.float32)
    ground[places] = np.moveaxis(np.nan_to_num(reflectance), -1, 0)
    nothing, everything = np.zeros(len(BANDS), np.float32), np.ones(len(BANDS), np.float32)
    seen = np.moveaxis(through_atmosphere(ground, overhead, nothing, everything)[places], 0, -1)
    seen = np.ascontiguousarray(seen)
    seen[np.isnan(reflectance)] = np.nan
    under = truth.copy()
    under[..., OPACITY] = _added(truth[..., OPACITY], overhead.opacity)
    under[..., DEPTH] = _added(truth[..., DEPTH], overhead.shadow)
    return seen, under


def _added(known: NDArray[np.uint8], share: NDArray[np.float32]) -> NDArray[np.uint8]:
    """1 - (1 - known) (1 - share), in steps of 1 / SHARE."""
    through = np.where(known == UNKNOWN, 1, 1 - known * np.float32(1 / SHARE)) * (1 - share)
    added = np.rint((1 - through) * SHARE).clip(0, SHARE).astype(np.uint8)
    return np.where((known == UNKNOWN) & (added == 0), np.uint8(UNKNOWN), added)
