"""Assigns each foreground pixel to its local maximum by steepest ascent."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tulip_ops.fields.delineation import label_edges

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Neighbours(NamedTuple):
    """Neighbours of each foreground pixel, as indices into the foreground pixels, (n,)."""

    east: NDArray[np.bool_]
    """Whether there is an east neighbour; it is the next pixel."""
    south: NDArray[np.int64]
    north: NDArray[np.int64]
    """-1 where there is none."""


def neighbours(pixels: NDArray[np.int64], place: NDArray[np.int32]) -> Neighbours:
    """The neighbours of `pixels`, (n,), ascending.

    place: (height, width), each pixel's index in `pixels`, -1 elsewhere.
    """
    width = place.shape[1]
    south, north = np.full((2, len(pixels)), -1)
    upper = pixels[: np.searchsorted(pixels, place.size - width)]
    south[: len(upper)] = place.ravel()[upper + width]
    starts = np.flatnonzero(south >= 0)
    north[south[starts]] = starts
    return Neighbours(label_edges.east_follows(pixels, width), south, north)


def basin_of(height: NDArray[np.float64], neighbours: Neighbours) -> NDArray[np.int64]:
    """Assign each foreground pixel, (n,), to its local maximum by steepest ascent.

    height: (n,). A pixel higher than its neighbours is its own maximum.
    """
    place: NDArray[np.int64] = np.arange(len(height))
    way, highest = place.copy(), height.copy()

    def climb(
        here: slice, there: NDArray[np.int64], linked: NDArray[np.bool_], *, is_later: bool
    ) -> None:
        above, known = height[there], highest[here]
        is_way = linked & (above >= known if is_later else above > known)
        np.copyto(highest[here], above, where=is_way)
        np.copyto(way[here], there, where=is_way)

    # of equals the last one wins: so later ones are asked in their order, earlier ones reversed
    every, first, last = slice(None), slice(1, None), slice(None, -1)
    climb(first, place[:-1], neighbours.east[:-1], is_later=False)
    climb(every, neighbours.north, neighbours.north >= 0, is_later=False)
    climb(last, place[1:], neighbours.east[:-1], is_later=True)
    climb(every, neighbours.south, neighbours.south >= 0, is_later=True)
    further = way[way]
    while (further != way).any():
        way, further = further, further[further]
    return way
