"""Corners of straight runs: where the lines of two runs meet, and those of chains at a junction."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tulip_ops.fields.delineation.straight_runs import UNIT, Points, Runs, scatter

if TYPE_CHECKING:
    from numpy.typing import NDArray

REACH = 1.4
"""Pixels by which corners and edges may move: outlines three pixels apart cannot meet."""
_STEP = 0.75
"""Pixels: of two lines that run side by side, further apart than this, both ends stay."""
_SURE = 10
"""Points from which on a line counts no more for a junction."""
_STAY = 0.3
"""Weight, in points, of the pixel corner for a junction: it alone decides along parallel lines."""


class Lines(NamedTuple):
    """(n,) lines that fit runs best, in pixels from the first corner of their chains."""

    centre: NDArray[np.float64]
    """(n, 2)"""
    direction: NDArray[np.float64]
    """(n, 2), of length 1."""
    weight: NDArray[np.int64]
    """Points."""

    def foot(self, index: NDArray[np.int64], point: NDArray[np.float64]) -> NDArray[np.float64]:
        """The place on lines nearest to points, (n, 2)."""
        direction = self.direction[index]
        along = ((point - self.centre[index]) * direction).sum(axis=1)
        return np.asarray(self.centre[index] + along[:, np.newaxis] * direction)

    def distance(self, index: NDArray[np.int64], point: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n,) distance of points, (n, 2), from lines."""
        apart, (x, y) = point - self.centre[index], self.direction[index].T
        return np.asarray(np.abs(apart[:, 1] * x - apart[:, 0] * y))


class Corners(NamedTuple):
    """(n,) corners along chains, in no order."""

    point: NDArray[np.float64]
    """(n, 2), pixels from the first corner of the chain."""
    chain: NDArray[np.int64]
    place: NDArray[np.float64]
    """Ascending along the chain."""


def lines(points: Points, runs: Runs, chord: NDArray[np.int64]) -> Lines:
    """The line of each run by total least squares.

    chord: (n, 2), from the first to the last corner of the run: the direction of lone points.
    """
    moments = points.moments(*runs, points.ends(runs))
    xx, xy, yy = scatter(moments)
    half = (xx - yy) / 2
    root = np.sqrt(half * half + xy * xy)
    is_flat = half >= 0
    direction = np.stack([np.where(is_flat, half + root, xy), np.where(is_flat, xy, root - half)])
    direction = np.where(root < 1e-9, chord.T, direction)
    direction[0, ~direction.any(axis=0)] = 1
    direction /= np.sqrt((direction * direction).sum(axis=0))
    return Lines((moments[1:3] / moments[0]).T / UNIT, direction.T, moments[0])


def corners(
    found: Lines, after: NDArray[np.int64], runs: Runs, corner: NDArray[np.int64]
) -> Corners:
    """The corners between each run and the next one.

    corner: (n, 2) pixel corner at the end of each run. Lines that meet far from it run side by
    side: then the corner lies between both, or there are two, with a step between them.
    """
    here = np.flatnonzero(after >= 0)
    there = after[here]
    parting = corner[here].astype(np.float64)
    meeting = _meeting(found, here, there)
    meets = np.hypot(*(meeting - parting).T) <= REACH
    one, other = found.foot(here, parting), found.foot(there, parting)
    is_step = ~meets & (np.hypot(*(one - other).T) > _STEP)
    first = np.where(meets[:, np.newaxis], meeting, (one + other) / 2)
    first[is_step] = one[is_step]
    place = here.astype(np.float64)
    return Corners(
        np.concatenate([first, other[is_step]]),
        np.concatenate([runs.chain[here], runs.chain[here][is_step]]),
        np.concatenate([place, place[is_step] + 0.5]),
    )


def _meeting(found: Lines, one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.float64]:
    """(n, 2), where two lines meet; far away if they are parallel."""
    (ux, uy), (vx, vy) = found.direction[one].T, found.direction[other].T
    x, y = (found.centre[other] - found.centre[one]).T
    cross = ux * vy - uy * vx
    along = (x * vy - y * vx) / np.where(np.abs(cross) < 1e-6, 1e-6, cross)
    return np.asarray(found.centre[one] + along[:, np.newaxis] * found.direction[one])


def junctions(
    found: Lines, run: NDArray[np.int64], apart: NDArray[np.int64], node: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The place nearest to all lines that meet at each junction, (n, 2), pixels from its corner.

    run: (m,) run at each end of a chain. apart: (m, 2), from the junction to the chain's first
    corner. node: (m,) junction, from 0 without gaps. At most `REACH` away.
    """
    centre, (x, y) = found.centre[run] + apart, found.direction[run].T
    weight = np.minimum(found.weight[run], _SURE).astype(np.float64)
    distance = x * centre[:, 1] - y * centre[:, 0]  # of the line, along its normal (-y, x)
    xx = np.bincount(node, weight * y * y) + _STAY
    xy = np.bincount(node, -weight * x * y)
    yy = np.bincount(node, weight * x * x) + _STAY
    right_x = np.bincount(node, -weight * y * distance)
    right_y = np.bincount(node, weight * x * distance)
    place = np.stack([yy * right_x - xy * right_y, xx * right_y - xy * right_x], axis=1)
    place /= (xx * yy - xy * xy)[:, np.newaxis]
    far = np.hypot(*place.T)
    return np.asarray(place * np.minimum(1, REACH / np.maximum(far, REACH))[:, np.newaxis])
