"""Cuts chains of points into straight runs.

Runs grow from single points: neighbours that one line fits best merge first, until no line fits
two neighbours well enough. Coordinates and their sums are integers, so that the result is exact
and does not depend on where in a raster, or in which block of it, a chain lies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNIT = 64
"""Coordinates count in this part of a pixel."""
_REACH = 3
"""Points by which the end of a run may move in one round of `_settled`."""


class Runs(NamedTuple):
    """(n,) straight runs, chain by chain."""

    chain: NDArray[np.int64]
    first: NDArray[np.int64]
    """Place in the chain of the run's first point. The last run of a closed chain may continue
    at its beginning."""

    def select(self, chosen: NDArray[np.bool_]) -> Runs:
        """The chosen runs alone."""
        return Runs(self.chain[chosen], self.first[chosen])


class Points:
    """Points along chains, with running sums from which the moments of each run follow."""

    def __init__(
        self, point: NDArray[np.int64], length: NDArray[np.int64], is_closed: NDArray[np.bool_]
    ) -> None:
        """point: (n, 2) in `UNIT`, chain by chain. length: (chains,) points of each."""
        x, y = point.T
        self.length, self.is_closed = length, is_closed
        self._base = np.cumsum(length) - length
        self._sums = np.zeros((len(x) + 1, 6), dtype=np.int64)
        for column, term in enumerate((np.ones_like(x), x, y, x * x, x * y, y * y)):
            np.cumsum(term, out=self._sums[1:, column])
        self._total = self._sums[self._base + length] - self._sums[self._base]

    def moments(
        self, chain: NDArray[np.int64], first: NDArray[np.int64], end: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """(6, n): count and sums of x, y, xx, xy, yy over the points from `first` to before `end`.

        Both may lie beyond the ends of a closed chain, which repeats.
        """
        return np.ascontiguousarray((self._before(chain, end) - self._before(chain, first)).T)

    def _before(self, chain: NDArray[np.int64], place: NDArray[np.int64]) -> NDArray[np.int64]:
        lap, along = np.divmod(place, self.length[chain])
        sums = self._sums[self._base[chain] + along]
        turned = np.flatnonzero(lap)
        sums[turned] += lap[turned, np.newaxis] * self._total[chain[turned]]
        return np.asarray(sums)

    def following(self, runs: Runs) -> NDArray[np.int64]:
        """(n,) index of the next run; -1 at the end of an open chain and for a lone run."""
        index = np.arange(len(runs.chain))
        is_last = np.append(runs.chain[1:] != runs.chain[:-1], True)
        after = index + 1
        first = np.flatnonzero(np.append(True, is_last[:-1]))
        after[is_last] = np.where(self.is_closed[runs.chain[is_last]], first, -1)
        after[after == index] = -1
        return after

    def ends(self, runs: Runs) -> NDArray[np.int64]:
        """(n,) place one past the last point of each run, greater than its first."""
        after = self.following(runs)
        length = self.length[runs.chain]
        end = np.where(after >= 0, runs.first[after], length)
        end = np.where(self.is_closed[runs.chain] & (after < 0), runs.first + length, end)
        return np.where(end <= runs.first, end + length, end)

    def run_of_points(self, runs: Runs) -> NDArray[np.int64]:
        """(n,) index of the run that each point belongs to."""
        base, length = self._base, self.length
        mark = base[runs.chain] + runs.first % length[runs.chain]
        run = np.full(length.sum(), -1)
        run[mark] = np.arange(len(mark))
        last = np.maximum.accumulate(np.where(run >= 0, np.arange(len(run)), -1))
        # what lies before the first run of a closed chain belongs to its last one
        is_before = last < np.repeat(base, length)
        last[is_before] = np.repeat(last[base + length - 1], length)[is_before]
        return np.asarray(run[last])


def straight_runs(points: Points, pieces: Runs, tolerance: float) -> Runs:
    """The straight runs of all chains, made of `pieces` that are straight.

    tolerance: pixels; two runs merge while the mean squared distance from the line of both, over
    as many points as the shorter one has, rises by less than its square. So a bend that is
    longer than a few pixels stays, and stairs and noise of less than about a pixel do not.
    """
    runs, moments = pieces, points.moments(*pieces, points.ends(pieces))
    misfit = _misfit(moments)
    while True:
        after = points.following(runs)
        is_triangle = points.is_closed & (np.bincount(runs.chain) <= 3)
        after[is_triangle[runs.chain]] = -1  # no closed chain becomes a line
        chosen = _mergers(runs, after, moments, misfit, tolerance**2)
        if not len(chosen):
            return _settled(points, _settled(points, runs))
        moments[:, chosen] += moments[:, after[chosen]]
        misfit[chosen] = _misfit(moments[:, chosen])
        stays = np.ones(len(after), dtype=bool)
        stays[after[chosen]] = False
        runs, moments, misfit = runs.select(stays), moments[:, stays], misfit[stays]


def scatter(
    moments: NDArray[np.int64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Sums of xx, xy and yy about the mean, pixels2."""
    count, x, y, xx, xy, yy = moments.astype(np.float64)
    x_mean, y_mean, scale = x / count, y / count, 1 / UNIT**2
    return (xx - x * x_mean) * scale, (xy - x * y_mean) * scale, (yy - y * y_mean) * scale


def _misfit(moments: NDArray[np.int64]) -> NDArray[np.float64]:
    """Sum of squared distances from the line that fits best (total least squares), pixels2."""
    xx, xy, yy = scatter(moments)
    return np.maximum((xx + yy - np.sqrt((xx - yy) ** 2 + 4 * xy * xy)) / 2, 0)


def _mergers(
    runs: Runs,
    after: NDArray[np.int64],
    moments: NDArray[np.int64],
    misfit: NDArray[np.float64],
    tolerance: float,
) -> NDArray[np.int64]:
    """Runs that merge with the one after them: each fits it better than any neighbour fits."""
    here = np.flatnonzero(after >= 0)
    there = after[here]
    both = _misfit(moments[:, here] + moments[:, there])
    shorter = np.minimum(moments[0, here], moments[0, there])
    rise = both - misfit[here] - misfit[there]
    cost = np.full(len(after), np.inf)
    cost[here] = np.where(rise <= tolerance * shorter, rise, np.inf)
    tie = _scrambled(runs.first)
    is_best = np.isfinite(cost)
    for one, other in ((here, there), (there, here)):
        is_less = (cost[one] < cost[other]) | ((cost[one] == cost[other]) & (tie[one] < tie[other]))
        is_best[one] &= is_less
    return np.flatnonzero(is_best)


def _scrambled(place: NDArray[np.int64]) -> NDArray[np.uint64]:
    """A number for each place without order: ties, as on long stairs, are settled all at once."""
    product = place.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return (product ^ (product >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)


def _settled(points: Points, runs: Runs) -> Runs:
    """The runs with their common ends moved by a few points to where both lines fit best."""
    after, end = points.following(runs), points.ends(runs)
    here = np.flatnonzero(after >= 0)
    there = after[here]
    chain, first, middle = runs.chain[here], runs.first[here], end[here]
    last = middle + (end - runs.first)[there]
    room = (np.minimum(middle - first, last - middle) - 1) // 2
    best, shift = np.full(len(here), np.inf), np.zeros(len(here), dtype=np.int64)
    for distance in sorted(range(-_REACH, _REACH + 1), key=abs):
        moved = np.clip(distance, -room, room)
        one = points.moments(chain, first, middle + moved)
        misfit = _misfit(one) + _misfit(points.moments(chain, middle + moved, last))
        better = misfit < best - 1e-9
        best[better], shift[better] = misfit[better], moved[better]
    moved_first = runs.first.copy()
    moved_first[there] += shift
    return Runs(runs.chain, moved_first)
