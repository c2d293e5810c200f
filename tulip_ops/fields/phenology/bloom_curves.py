"""How the bloom of a field goes over the days, and what a few looks at it allow to say.

A field is strips of several varieties. Each opens within RAMP days, stands in flower for one to
two and a half weeks, and is cut; so the share in flower of a field is a sum of such strips. The
courses here are those of one strip, and of two that open up to two weeks apart, with no more
said: the durations are those of tulips for bulbs, which flower for 7 to 14 days and up to 17 when
it is cold, before the heads are cut. When fields begin to flower is known beforehand from the
bloom window alone, and to a week or two as soon as a neighbourhood shows flowers
(`estimate_onset`): within a season neighbours differ less than seasons do.
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
"""Days from the onset on that a course is drawn for; none lasts longer."""

MIN_VISIBLE_SHARE = 0.1
"""Share of its largest share in flower from which a field is seen to be in bloom: half of a field
in flower at the height, and `observation.MIN_BLOOM_FRACTION` of it to be noticed."""

_ALONE = (7, 10, 13, 17)
"""Days that the only strip is in flower."""
_TWO, _APART, _FIRST = (8, 12), (4, 8, 13), (0.35, 0.65)
"""Days that each of two strips is in flower, days between their onsets, share of the first."""

_NOISE, _SCALE_NOISE = 0.02, 0.12
"""How far a look errs in the share in flower: so much anywhere, and so much of the share itself."""
_OUTLIER = 8.0
"""Largest penalty for a single look, as a logarithm: looks may be wrong altogether."""
_HEIGHTS = 12
"""Largest shares in flower of a field that are tried, from _LEAST of the largest one seen to 1."""
_LEAST = 0.8
_WEEK = 15
"""Half days of the seven days about a day, both ends counted."""

NEIGHBOUR_ONSET_SPREAD = 8.0
"""Spread of the onsets of fields of one neighbourhood and season, days: 6 to 9 in the simulator,
whose flowers follow the temperatures of 2016 to 2025 and varieties."""
_MISTAKEN = 0.02
"""Probability that a clear look misses flowers, or sees some where there are none."""

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

    patterns: of the fields on which flowers were seen; in any order. Without any it is normal
    about the middle of the window, which is six spreads wide. Otherwise Bayes' rule over the mean
    onset of the neighbourhood, with fields about it by NEIGHBOUR_ONSET_SPREAD: each field counts
    with the probability of its looks, given that they met its bloom at all. So days on which nobody
    could look do not shift the outcome.
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

    window: first and last month-day of possible blooms; begins: as from `estimate_onset`, by
    default without neighbours. Over all courses and onsets, the sum of the probabilities of those
    that are visible (VISIBLE) on at least one day. 0 without days.
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

    observations: (day, share in flower in [0, 1]), one a day, of a field of which at least one look
    saw flowers; in any order. begins: as in `detection_probability`. Bayes' rule over courses,
    onsets and heights: each look is taken for normally distributed about the share that a course
    has on its day, with a spread of _NOISE plus _SCALE_NOISE of it, and counts for no more than
    _OUTLIER. Any largest share up to 1 is as likely beforehand, so a look at few flowers more
    likely met a field that was opening, or of which a part was cut, than one that never has more.
    Of days that are as good, the middle one.
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
    """(courses, onsets): probability of looks (looks,), up to a factor, over all heights.

    expected: (looks, courses, onsets), share of the height; top: largest share seen. Heights are
    spaced by a ratio, so each stands for a range as wide as itself.
    """
    fits = np.zeros(expected.shape[1:])
    for height in np.geomspace(_LEAST * top, 1.0, _HEIGHTS):
        fits += height * np.exp(_log_likelihood(seen, height * expected))
    return fits


def _fullest_week(by_half_day: NDArray[np.float64]) -> int:
    """Day about which seven days have most of the probability.

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
    """(width,): log probability of the looks for each mean onset, given that they met a bloom."""
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
    """(looks, courses, onsets): what each course has `since` days (looks, onsets) from onset."""
    inside = (since >= 0) & (since < MAX_BLOOM_DAYS)
    drawn = bloom_curves().share[:, np.clip(since, 0, MAX_BLOOM_DAYS - 1)].transpose(1, 0, 2)
    return np.where(inside[:, None, :], drawn, 0.0)


def _log_likelihood(
    seen: NDArray[np.float64], expected: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(courses, onsets): of looks (looks,) given what they should have shown (looks, ...)."""
    spread = _NOISE + _SCALE_NOISE * expected
    off = (seen[:, None, None] - expected) / spread
    likelihood: NDArray[np.float64] = (-np.minimum(off**2 / 2, _OUTLIER) - np.log(spread)).sum(0)
    return likelihood


def _normal(onsets: NDArray[np.intp], begins: OnsetPrior) -> NDArray[np.float64]:
    """How likely each onset is, up to a factor."""
    weight: NDArray[np.float64] = np.exp(-(((onsets - begins.mean) / begins.spread) ** 2) / 2)
    return weight


def _strip(onset: float, lasts: float) -> NDArray[np.float64]:
    """(LONGEST,): a strip opens, stands and is cut."""
    since = np.arange(MAX_BLOOM_DAYS) + 0.5 - onset
    return np.where(since < lasts, np.clip(since / ONSET_SPREAD_DAYS, 0, 1), 0.0)


def _ends(season: int, window: tuple[str, str]) -> tuple[date, date]:
    first, last = (date.fromisoformat(f"{season}-{end}") for end in window)
    return first, last
