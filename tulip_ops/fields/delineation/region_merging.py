"""Merges regions of pixels that no valley separates."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tulip_ops.fields.delineation.basins import Neighbours


class _Regions(NamedTuple):
    """Regions and the borders between them; the first region of a pair has the lower number."""

    size: NDArray[np.float64]
    """(n,) pixels; 0 for an unused number."""
    total: NDArray[np.float64]
    """(n,) sum of the probability over the pixels."""
    one: NDArray[np.int64]
    other: NDArray[np.int64]
    """(m,) the regions on both sides, each pair once."""
    height: NDArray[np.float64]
    """(m,) sum over the border's pixel edges of the lower probability at each."""
    length: NDArray[np.float64]
    """(m,) pixel edges of the border."""


def merge_regions(
    basin: NDArray[np.int64],
    smooth: NDArray[np.float64],
    neighbours: Neighbours,
    depth: float,
    smallest: float,
) -> NDArray[np.int64]:
    """Merge basins that no valley separates, and small ones; (n,) the region of each pixel.

    basin: (n,), the local maximum of each pixel. smooth: (n,), probability. depth: minimum of a
    valley. smallest: pixels. Returns (n,), numbered from 0 by first pixel.
    Regions that are each other's least separated neighbour merge first, round by round, so that
    the result does not depend on order.
    """
    place = np.arange(len(basin))
    region = (np.cumsum(basin == place) - 1)[basin]
    regions = _measured(region, smooth, neighbours)
    into = np.arange(len(regions.size))
    while len(regions.one):
        merged_into = _next_mergers(regions, depth, smallest)
        if merged_into is None:
            break
        into = merged_into[into]
        regions = _gathered(regions, merged_into)
    first = np.empty(len(into), dtype=np.int64)
    first[region[::-1]] = place[::-1]  # of several, the last assignment wins
    first_of_all = np.full(len(into), len(place))
    np.minimum.at(first_of_all, into, first)
    number = np.empty(len(into), dtype=np.int64)
    number[np.argsort(first_of_all)] = np.arange(len(into))
    return np.asarray(number[into][region])


def _measured(
    region: NDArray[np.int64], smooth: NDArray[np.float64], neighbours: Neighbours
) -> _Regions:
    """The regions of the pixels, and the borders between them."""
    count = int(region.max()) + 1
    west = np.flatnonzero(neighbours.east[:-1] & (region[1:] != region[:-1]))
    north = np.flatnonzero((neighbours.south >= 0) & (region[neighbours.south] != region))
    here, there = np.append(west, north), np.append(west + 1, neighbours.south[north])
    edges = _Regions(
        _sums(region, np.ones(len(region)), count),
        _sums(region, smooth, count),
        region[here],
        region[there],
        np.minimum(smooth[here], smooth[there]),
        np.ones(len(here)),
    )
    return _gathered(edges, np.arange(count))


def _gathered(regions: _Regions, into: NDArray[np.int64]) -> _Regions:
    """The regions after merging: `into` is (n,), the region that each becomes part of."""
    count = int(into.max()) + 1
    one, other = into[regions.one], into[regions.other]
    apart = one != other
    pair = np.minimum(one, other) * count + np.maximum(one, other)
    pair, place = np.unique(pair[apart], return_inverse=True)
    return _Regions(
        _sums(into, regions.size, count),
        _sums(into, regions.total, count),
        *np.divmod(pair, count),
        _sums(place, regions.height[apart], len(pair)),
        _sums(place, regions.length[apart], len(pair)),
    )


def _sums(group: NDArray[np.int64], values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    return np.bincount(group, values, count).astype(np.float64)


def _next_mergers(regions: _Regions, depth: float, smallest: float) -> NDArray[np.int64] | None:
    """(n,) the region that each becomes part of, mostly itself; None where no two merge."""
    mean = regions.total / np.maximum(regions.size, 1)
    level = np.minimum(mean[regions.one], mean[regions.other])
    below = level - regions.height / regions.length
    number = np.arange(len(regions.size))
    nearest, parted = _least_parted(regions, below)
    mutual = (nearest >= 0) & (nearest[nearest] == number)
    merging = mutual & (parted < depth) & (number > nearest)
    if not merging.any():
        small = (nearest >= 0) & (regions.size < smallest)
        merging = small & (~small[nearest] | (mutual & (number > nearest)))
    return np.where(merging, nearest, number) if merging.any() else None


def _least_parted(
    regions: _Regions, below: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """For each region the neighbour with the shallowest border (-1 if none), and its depth.

    Ties go to the lowest number.
    """
    count = len(regions.size)
    both_ways = ((regions.one, regions.other), (regions.other, regions.one))
    parted, nearest = np.full(count, np.inf), np.full(count, count)
    for here, _ in both_ways:
        np.minimum.at(parted, here, below)
    for here, there in both_ways:
        shallowest = below == parted[here]
        np.minimum.at(nearest, here[shallowest], there[shallowest])
    return np.where(nearest < count, nearest, -1), parted
