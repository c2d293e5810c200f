"""Which connected components lie completely within some rows of a raster."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tulip_ops.fields.delineation.runs import place_in_run

if TYPE_CHECKING:
    from numpy.typing import NDArray


def widened(present: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels that are present or have a present one among their eight neighbours.

    present: (height, width). Components less than three pixels apart become one.
    """
    across = present.copy()
    across[:, 1:] |= present[:, :-1]
    across[:, :-1] |= present[:, 1:]
    wide = across.copy()
    wide[1:] |= across[:-1]
    wide[:-1] |= across[1:]
    return wide


class _Runs(NamedTuple):
    """(n,) runs of present pixels along rows, row by row."""

    row: NDArray[np.int64]
    start: NDArray[np.int64]
    """First column."""
    end: NDArray[np.int64]
    """One past the last column."""


def components_touching_bottom(present: NDArray[np.bool_], rows: int) -> NDArray[np.bool_]:
    """Pixels of the 8-connected components that touch the last `rows` rows.

    present: (height, width). Returns the same shape, True in those components only. The others
    are complete, whatever follows below, and end at least `rows` rows above it.
    """
    runs = _runs(present)
    piece = _pieces(len(runs.row), *_touching(runs, present.shape[1]))
    last = np.unique(piece[runs.row >= present.shape[0] - rows])
    return _painted(runs, np.isin(piece, last), present.shape)


def _runs(present: NDArray[np.bool_]) -> _Runs:
    width = present.shape[1]
    apart = np.pad(present, ((0, 0), (1, 1)))  # no run continues in the next row
    changes = np.flatnonzero(apart.ravel()[1:] != apart.ravel()[:-1])
    row, start = np.divmod(changes[::2], width + 2)
    return _Runs(row, start, changes[1::2] - row * (width + 2))


def _touching(runs: _Runs, width: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All pairs of a run and one in the next row that it touches."""
    stride = width + 2
    first = np.searchsorted(runs.row * stride + runs.end, (runs.row + 1) * stride + runs.start)
    last = np.searchsorted(
        runs.row * stride + runs.start, (runs.row + 1) * stride + runs.end, side="right"
    )
    count = np.maximum(last - first, 0)
    above = np.repeat(np.arange(len(count)), count)
    return above, np.repeat(first, count) + place_in_run(count)


def _pieces(count: int, one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each of `count` nodes, the lowest node of its connected component."""
    lowest = np.arange(count)
    while True:
        lower = lowest.copy()
        both = np.minimum(lowest[one], lowest[other])
        np.minimum.at(lower, lowest[one], both)
        np.minimum.at(lower, lowest[other], both)
        while (lower[lower] != lower).any():
            lower = lower[lower]
        if (lower == lowest).all():
            return lowest
        lowest = lower


def _painted(runs: _Runs, chosen: NDArray[np.bool_], shape: tuple[int, int]) -> NDArray[np.bool_]:
    painted = np.zeros(shape, dtype=bool)
    start = (runs.row * shape[1] + runs.start)[chosen]
    length = (runs.end - runs.start)[chosen]
    painted.ravel()[np.repeat(start, length) + place_in_run(length)] = True
    return painted
