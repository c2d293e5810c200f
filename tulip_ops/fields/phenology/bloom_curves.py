"""Bloom curves of a field, and inference of onset and peak from a few observations.

A field consists of strips of several varieties. Each opens within RAMP days, flowers for one to
two and a half weeks, and is cut; so the share in flower of a field is a sum over such strips. The
curves are those of one strip, and of two that open up to two weeks apart. The durations are those
of tulips for bulbs, which flower for 7 to 14 days, and up to 17 when it is cold, before the heads
are cut. The prior of the onset is the bloom window alone, narrowed to a week or two once flowers
were observed in the neighbourhood (`estimate_onset`): within a season neighbours differ less than
seasons do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from functools import cache, lru_cache
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

ONSET_SPREAD_DAYS = 3.0
"""Days from the first flowers of a strip to the last."""

MAX_BLOOM_DAYS = 40
"""Length of a curve, days from onset; no bloom lasts longer."""

MIN_VISIBLE_SHARE = 0.1
"""Share of its maximum bloom fraction from which a field is visibly in bloom: half of a field
in flower at the peak, and `observation.MIN_BLOOM_FRACTION` of it to be noticed."""

_ALONE = (7, 10, 13, 17)
"""Days in flower of a single strip."""
_TWO, _APART, _FIRST = (8, 12), (4, 8, 13), (0.35, 0.65)
"""Days in flower of each of two strips, days between their onsets, share of the first."""

_NOISE, _SCALE_NOISE = 0.02, 0.12
"""Standard error of an observed share in flower: absolute, and relative to the share."""
_OUTLIER = 8.0
"""Largest log penalty for a single observation: observations may be outliers."""
_HEIGHTS = 12
"""Number of maximum shares tried, from _LEAST of the largest one observed to 1."""
_LEAST = 0.8
_WEEK = 15
"""Half days in the seven days around a day, both ends included."""

NEIGHBOUR_ONSET_SPREAD = 8.0
"""Spread of the onsets of fields of one neighbourhood and season, days: 6 to 9 in the simulator,
whose flowers follow the temperatures of 2016 to 2025 and varieties."""
_MISTAKEN = 0.02
"""Probability that a clear observation misses flowers, or shows some where there are none."""

_DAY = timedelta(days=1)


class OnsetPrior(NamedTuple):
    """Prior of a field's onset of flowering."""

    mean: int
    """Days from the first day of the bloom window."""
    spread: int
    """Standard deviation, days."""


class ClearDays(NamedTuple):
    """Days of the window on which a field was clear, ascending, by verdict."""

    without: tuple[date, ...]
    flowers: tuple[date, ...]


class BloomCurves(NamedTuple):
    """Possible bloom curves with their probabilities."""

    share: NDArray[np.float64]
    """(n, MAX_BLOOM_DAYS): share in flower on each day from the onset on; the maximum is 1."""
    weight: NDArray[np.float64]
    """(n,): probabilities; their sum is 1."""
    height: NDArray[np.float64]
    """(n,): days from the onset to the middle of full bloom."""


@cache
def bloom_curves() -> BloomCurves:
    """The curves of one strip and of two, both equally likely."""
    single = [_strip(0, lasts) for lasts in _ALONE]
    double = [
        first * _strip(0, one) + (1 - first) * _strip(apart, other)
        for one, other, apart, first in product(_TWO, _TWO, _APART, _FIRST)
    ]
    share = np.array([course / course.max() for course in (*single, *double)])
    full = [np.flatnonzero(course >= 0.95) for course in share]
    weight = np.repeat([0.5 / len(single), 0.5 / len(double)], [len(single), len(double)])
    return BloomCurves(share, weight, np.array([(days[0] + days[-1]) / 2 for days in full]))


def estimate_onset(
    patterns: Iterable[ClearDays], season: int, window: tuple[str, str]
) -> OnsetPrior:
    """Prior of the onset for the fields of one neighbourhood and season.

    patterns: of the fields with observed flowers, in any order. Without any, normal about the
    middle of the window, which is six spreads wide. Otherwise Bayes' rule over the mean onset of
    the neighbourhood, with fields about it by NEIGHBOUR_ONSET_SPREAD: each field counts with the
    probability of its observations, given that they met its bloom at all. So days without clear
    observations do not bias the result.
    """
    first, last = _ends(season, window)
    width = (last - first).days + 1
    usual = OnsetPrior(round((width - _ALONE[2]) / 2), round(width / 6))
    between = max(1.0, usual.spread**2 - NEIGHBOUR_ONSET_SPREAD**2)
    means = np.arange(width)
    belief = -((means - usual.mean) ** 2) / (2 * between)
    for pattern, count in sorted(Counter(patterns).items()):
        days = tuple(tuple((day - first).days for day in part) for part in pattern)
        belief = belief + count * _onset_likelihood(days[0], days[1], width)
    weight = np.exp(belief - belief.max())
    weight /= weight.sum()
    mean = float(weight @ means)
    variance = float(weight @ (means - mean) ** 2)
    return OnsetPrior(round(mean), round((NEIGHBOUR_ONSET_SPREAD**2 + variance) ** 0.5))


def detection_probability(
    days: Iterable[date], season: int, window: tuple[str, str], begins: OnsetPrior | None = None
) -> float:
    """Probability that one of the days shows the bloom, if there is one.

    window: first and last month-day of possible blooms; begins: from `estimate_onset`, by
    default without neighbours. Sums the probabilities of all curves and onsets that are visible
    (VISIBLE) on at least one day. 0 without days.
    """
    first, last = _ends(season, window)
    return _detection_probability(
        tuple(sorted({(day - first).days for day in days})),
        (last - first).days + 1,
        begins or estimate_onset([], season, window),
    )


def estimate_peak(
    observations: Sequence[tuple[date, float]],
    season: int,
    window: tuple[str, str],
    begins: OnsetPrior | None = None,
) -> date:
    """The middle of the seven days that most probably contain the peak.

    observations: (day, share in flower in [0, 1]), one a day, at least one with flowers; in any
    order. begins: as in `detection_probability`. Bayes' rule over curves, onsets and maxima: each
    observation is normal about the curve's share on its day, with a spread of _NOISE plus
    _SCALE_NOISE of it, and counts for no more than _OUTLIER. The prior on the maximum bloom
    fraction is uniform up to 1, so few flowers more likely mean a field that was opening, or partly
    cut, than one that never has more. Ties give the middle day.
    """
    first, _ = _ends(season, window)
    observations = sorted(observations)
    day = np.array([(when - first).days for when, _ in observations])
    seen = np.array([share for _, share in observations])
    flowers = day[seen >= MIN_VISIBLE_SHARE * seen.max()]
    onsets = np.arange(flowers[0] - MAX_BLOOM_DAYS + 1, flowers[-1] + 1)
    near = (day >= onsets[0]) & (day < onsets[-1] + MAX_BLOOM_DAYS)
    fits = _fits(seen[near], _shares(day[near, None] - onsets), seen.max())
    known = bloom_curves()
    usual = begins or estimate_onset([], season, window)
    belief = fits * known.weight[:, None] * _normal(onsets, usual)
    half_days = np.rint(2 * (onsets + known.height[:, None] - onsets[0])).astype(int)
    by_half_day = np.bincount(half_days.ravel(), belief.ravel()).astype(np.float64)
    since = int(onsets[0]) + _fullest_week(by_half_day)
    return first + _DAY * since


def _fits(
    seen: NDArray[np.float64], expected: NDArray[np.float64], top: float
) -> NDArray[np.float64]:
    """(curves, onsets): probability of observations (n,), up to a factor, over all maxima.

    expected: (n, curves, onsets), share of the maximum; top: largest share observed. Maxima are
    spaced by a ratio, so each stands for a range proportional to itself.
    """
    fits = np.zeros(expected.shape[1:])
    for height in np.geomspace(_LEAST * top, 1.0, _HEIGHTS):
        fits += height * np.exp(_log_likelihood(seen, height * expected))
    return fits


def _fullest_week(by_half_day: NDArray[np.float64]) -> int:
    """Day whose surrounding seven days have the highest probability.

    by_half_day: (half days,), since the middle of full bloom lies on a day or between two.
    """
    within = np.convolve(by_half_day, np.ones(_WEEK))[_WEEK // 2 :: 2]
    best = np.flatnonzero(within >= within.max() * (1 - 1e-9))
    return int(best[(len(best) - 1) // 2])


@lru_cache(maxsize=65_536)
def _detection_probability(days: tuple[int, ...], width: int, begins: OnsetPrior) -> float:
    if not days:
        return 0.0
    weight = _normal(np.arange(width), begins)
    return float(_met(days, width) @ weight / weight.sum())


@lru_cache(maxsize=65_536)
def _onset_likelihood(
    without: tuple[int, ...], flowers: tuple[int, ...], width: int
) -> NDArray[np.float64]:
    """(width,): log probability of the observations by mean onset, given that they met a bloom."""
    onsets = np.arange(width)
    visible = _shares(np.array([*without, *flowers])[:, None] - onsets) >= MIN_VISIBLE_SHARE
    told = np.arange(len(visible)) >= len(without)
    agrees = np.where(visible == told[:, None, None], 1 - _MISTAKEN, _MISTAKEN).prod(axis=0)
    silent = np.where(visible, _MISTAKEN, 1 - _MISTAKEN).prod(axis=0)
    about = np.exp(-(((onsets - onsets[:, None]) / NEIGHBOUR_ONSET_SPREAD) ** 2) / 2)
    about /= about.sum(axis=1, keepdims=True)
    weight = bloom_curves().weight
    likelihood: NDArray[np.float64] = np.log(about @ (weight @ agrees))
    likelihood -= np.log(1 - about @ (weight @ silent))
    return likelihood


def _met(days: tuple[int, ...], width: int) -> NDArray[np.float64]:
    """(width,): probability that a bloom with each onset is visible on one of the days."""
    visible = _shares(np.array(days)[:, None] - np.arange(width)) >= MIN_VISIBLE_SHARE
    met: NDArray[np.float64] = bloom_curves().weight @ visible.any(axis=0)
    return met


def _shares(since: NDArray[np.intp]) -> NDArray[np.float64]:
    """(n, curves, onsets): share of each curve `since` days, (n, onsets), after onset."""
    inside = (since >= 0) & (since < MAX_BLOOM_DAYS)
    drawn = bloom_curves().share[:, np.clip(since, 0, MAX_BLOOM_DAYS - 1)].transpose(1, 0, 2)
    return np.where(inside[:, None, :], drawn, 0.0)


def _log_likelihood(
    seen: NDArray[np.float64], expected: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(curves, onsets): log likelihood of observations (n,) given the expected shares (n, ...)."""
    spread = _NOISE + _SCALE_NOISE * expected
    off = (seen[:, None, None] - expected) / spread
    likelihood: NDArray[np.float64] = (-np.minimum(off**2 / 2, _OUTLIER) - np.log(spread)).sum(0)
    return likelihood


def _normal(onsets: NDArray[np.intp], begins: OnsetPrior) -> NDArray[np.float64]:
    """Probability of each onset, up to a factor."""
    weight: NDArray[np.float64] = np.exp(-(((onsets - begins.mean) / begins.spread) ** 2) / 2)
    return weight


def _strip(onset: float, lasts: float) -> NDArray[np.float64]:
    """(MAX_BLOOM_DAYS,): a strip opens, flowers and is cut."""
    since = np.arange(MAX_BLOOM_DAYS) + 0.5 - onset
    return np.where(since < lasts, np.clip(since / ONSET_SPREAD_DAYS, 0, 1), 0.0)


def _ends(season: int, window: tuple[str, str]) -> tuple[date, date]:
    first, last = (date.fromisoformat(f"{season}-{end}") for end in window)
    return first, last
