"""What all clear looks of a season together say of each pixel.

A look is one acquisition's calibrated probability of tulips. Its weight of evidence (Good 1950,
"Probability and the Weighing of Evidence") is the log-odds of that probability less the log-odds
of the prior; weights of independent looks add up. They are kept as integers, so that sums depend
neither on the order of the looks nor on what was added and taken away in between.

Looks of one season are not independent: a verge that resembles tulips does so on every date. So
the sum of n looks counts as that of sqrt(n) independent ones.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from tulip_ops.raster.probability import (
    PROBABILITY_NODATA,
    PROBABILITY_STEPS,
    encode_probability,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

PRIOR = 0.2
"""Probability of tulips before any look. A look that gives this probability changes nothing, so
that dates without information, long before or after the bloom, neither confirm nor deny a field."""

DEPENDENCE = 0.5
"""Exponent of the number of looks by which their sum is divided: 0 would treat looks as
independent, 1 would average them. `bench/fields/season_evidence.py` measures both on simulated
seasons: with PRIOR and this exponent the season's probability is calibrated to 0.004."""

FIELD_PROBABILITY = 0.5
"""Probability over the season from which a pixel belongs to a field: tulips are more likely."""

WEIGHT_STEPS = 16
"""Stored weights of evidence are in units of 1 / WEIGHT_STEPS natural log-odds."""

MOST_LOOKS = 250
"""Looks that the stored sum has room for; three satellites pass some 100 times in a bloom window
of eleven weeks."""

_SLOPE, _INTERCEPT = 2.1, 1.46
_MIDDLE = 2**15

_CERTAIN = 0.004
"""Probabilities closer than this to 0 or 1, one stored step, count as this far from them."""


def confidence(probability: float) -> float:
    """Probability that a field with this mean probability over the season is one of tulips.

    Logistic in the log-odds of the mean (Platt 1999), fitted to fields drawn from simulated
    seasons by both U-Nets: see `bench/fields/season_evidence.py`, which says how reliable it is on
    polders that were not fitted to.
    """
    mean = min(max(probability, _CERTAIN), 1 - _CERTAIN)
    return 1 / (1 + math.exp(_INTERCEPT - _SLOPE * math.log(mean / (1 - mean))))


def _weights() -> NDArray[np.int16]:
    """(256,) the weight of each stored probability; 0 where there is none."""
    steps = np.arange(256) / PROBABILITY_STEPS
    probability = np.clip(steps, _CERTAIN, 1 - _CERTAIN)
    weight = np.log(probability / (1 - probability)) - np.log(PRIOR / (1 - PRIOR))
    weight[PROBABILITY_STEPS + 1 :] = 0
    return np.asarray(np.rint(weight * WEIGHT_STEPS), dtype=np.int16)


_WEIGHTS = _weights()


def weights(look: NDArray[np.uint8]) -> NDArray[np.int16]:
    """The weight of evidence of a look's pixels, in 1 / WEIGHT_STEPS.

    look: any shape, stored probability of tulips. 0 where the look did not see the ground.
    """
    found: NDArray[np.int16] = _WEIGHTS[look]
    return found


def is_seen(look: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where a look saw the ground."""
    return np.asarray(look != PROBABILITY_NODATA)


def season_probability(evidence: NDArray[np.int16], looks: NDArray[np.int16]) -> NDArray[np.uint8]:
    """Probability of tulips over the season, as `encode_probability` stores it.

    evidence: any shape, sum of `weights` over the looks. looks: the same shape, how many saw each
    pixel; where none did, there is no probability.
    """
    return _probability(evidence, looks, DEPENDENCE)


def mean_probability(evidence: NDArray[np.int16], looks: NDArray[np.int16]) -> NDArray[np.uint8]:
    """Probability of the mean log-odds of the looks; arguments and result as `season_probability`.

    It stays less sure where looks agree, so that valleys between neighbouring fields remain in it.
    """
    return _probability(evidence, looks, 1.0)


def _probability(
    evidence: NDArray[np.int16], looks: NDArray[np.int16], exponent: float
) -> NDArray[np.uint8]:
    stored = np.full(evidence.shape, PROBABILITY_NODATA, dtype=np.uint8)
    for count in np.flatnonzero(np.bincount(looks.ravel(), minlength=1)[1:]) + 1:
        here = looks == count
        table = _probabilities(int(count), exponent)
        stored[here] = table[evidence[here].astype(np.int32) + _MIDDLE]
    return stored


@lru_cache(maxsize=2 * MOST_LOOKS)
def _probabilities(looks: int, exponent: float) -> NDArray[np.uint8]:
    """(65536,) stored probability of each sum of evidence over so many looks, from -32768 on."""
    strength = np.arange(-_MIDDLE, _MIDDLE) / WEIGHT_STEPS / looks**exponent
    odds = PRIOR / (1 - PRIOR) * np.exp(np.clip(strength, -50, 50))
    return encode_probability((odds / (1 + odds)).astype(np.float32))
