"""Which pixels are one field: fields side by side are parted where probability dips between them.

Two neighbouring fields with a ditch or a track between them touch in the probability of tulips,
and so do the strips of several varieties within one field. They differ in one thing: between
fields runs a valley, lower than both sides; between strips there is a step at most. So the pixels
are gathered around the summits of probability, and two gatherings become one wherever their
common border is no valley.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

SHALLOW = 0.04
"""Probability, smoothed over 3 x 3 pixels: a border that lies no deeper below the means of both
regions is no valley. `bench/field_separation.py` counts 1,542 tulip parcels of twelve simulated
scenes: 82 % are found with unet-multispectral/2 (90 % of the fields right), 70 % with unet-rgb/2
(74 %), 86 % in the truth made noisy (88 %). What hangs together, taken for a field, gives 66 %
(90 %), 50 % (69 %) and 71 % (94 %). Half the depth finds one parcel in a hundred more, and makes
fewer of the fields right; 0.06 does the reverse."""

NOISY = 2.2
"""Standard deviations of the noise from pixel to pixel that a valley must be deeper than."""

CONVINCING = 0.25
"""Share of the way from the threshold to certainty that the mean of a field must reach. What
stays below it all over is rarely a field; the threshold itself only draws the outline."""

_KERNEL = (0.25, 0.5, 0.25)
_STEP = 0.001
"""A quarter of the steps in which probabilities are stored: the mean of four is a multiple."""
_NOISE_OF_MEDIAN = 1.4826 / 1.25**0.5
"""From the median distance between a pixel and the mean of its four neighbours to the standard
deviation of the noise: 1.4826 for a normal distribution, 1.25 for the variance of the mean."""


class _Links(NamedTuple):
    """Each present pixel's neighbours, as positions among the present pixels; -1 where none."""

    right: NDArray[np.int64]
    below: NDArray[np.int64]
    left: NDArray[np.int64]
    above: NDArray[np.int64]


class _Regions(NamedTuple):
    """Regions and the borders between them, the first of each pair with the lower number."""

    size: NDArray[np.float64]
    """(n,) pixels; 0 for a number that is free."""
    total: NDArray[np.float64]
    """(n,) sum of the probability over the pixels."""
    one: NDArray[np.int64]
    other: NDArray[np.int64]
    """(m,) the regions on both sides, each pair once."""
    height: NDArray[np.float64]
    """(m,) sum over the border's pixel edges of the lower probability at each."""
    length: NDArray[np.float64]
    """(m,) pixel edges of the border."""


def part(
    tulip: NDArray[np.float32],
    *,
    threshold: float,
    smallest: float,
    noise: float | None = None,
    among: NDArray[np.bool_] | None = None,
) -> NDArray[np.int32]:
    """Which field each pixel belongs to: (height, width), counted from 0, -1 where none.

    tulip: (height, width), probability; NaN where not seen. threshold: from which a pixel can
    be of a field. smallest: pixels; what is smaller joins the neighbour from which it is parted
    least. A field is connected by pixel edges, and its mean is CONVINCING. Fields are counted
    by their first pixels, row by row. Memory goes with the pixels from the threshold on.
    noise: of `noise`, of the raster that this is a part of; None: this is all of it. among: the
    pixels that can be of a field, others only lie beside them; None: all.
    """
    possible = tulip >= threshold
    pixels = np.flatnonzero(possible if among is None else possible & among)
    if noise is None:
        noise = _noise_of([tulip], threshold)
    labels = np.full(tulip.size, -1, dtype=np.int32)
    if len(pixels):
        smooth = _smoothed(tulip, pixels)
        links = _links(pixels, tulip.shape[1])
        depth = max(SHALLOW, NOISY * noise)
        region = _merged(_summits(smooth, links), smooth, links, depth, smallest)
        mean = np.bincount(region, tulip.ravel()[pixels]) / np.bincount(region)
        convincing = mean >= threshold + CONVINCING * (1 - threshold)
        number = np.where(convincing, np.cumsum(convincing) - 1, -1)
        labels[pixels] = number[region]
    return labels.reshape(tulip.shape)


def _smoothed(tulip: NDArray[np.float32], pixels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Weighted mean over the 3 x 3 pixels around each of `pixels`, of those that were seen."""
    around = np.pad(tulip, 1, mode="edge")
    row, column = np.divmod(pixels, tulip.shape[1])
    corner = row * around.shape[1] + column
    total, weight = np.zeros(len(pixels)), np.zeros(len(pixels))
    for down, vertical in enumerate(_KERNEL):
        for right, horizontal in enumerate(_KERNEL):
            value = around.ravel()[corner + down * around.shape[1] + right].astype(np.float64)
            seen = np.isfinite(value)
            total += np.where(seen, value, 0) * (vertical * horizontal)
            weight += seen * (vertical * horizontal)
    return np.asarray(total / weight)


def _links(pixels: NDArray[np.int64], width: int) -> _Links:
    place = np.arange(len(pixels))
    follower = np.append(pixels[1:], -1)
    right = np.where((follower == pixels + 1) & (follower % width > 0), place + 1, -1)
    there = np.searchsorted(pixels, pixels + width).clip(max=len(pixels) - 1)
    below = np.where(pixels[there] == pixels + width, there, -1)
    return _Links(right, below, _reversed(right), _reversed(below))


def _reversed(link: NDArray[np.int64]) -> NDArray[np.int64]:
    back = np.full_like(link, -1)
    starts = np.flatnonzero(link >= 0)
    back[link[starts]] = starts
    return back


def noise(parts: Iterable[NDArray[np.float32]], threshold: float) -> float:
    """Standard deviation of the probability from pixel to pixel, about its local level.

    parts: (rows, width) of one raster from north to south, each with one row of its neighbours
    above and below. Only pixels between four that are tulips from `threshold` on say something.
    Counted in steps of `_STEP`.
    """
    counts = np.zeros(round(1 / _STEP) + 1, dtype=np.int64)
    for tulip in parts:
        tulips = tulip >= threshold
        inner = tulips[1:-1, 1:-1] & tulips[:-2, 1:-1] & tulips[2:, 1:-1]
        inner &= tulips[1:-1, :-2] & tulips[1:-1, 2:]
        place = np.flatnonzero(inner)
        row, column = np.divmod(place, inner.shape[1])
        middle = (row + 1) * tulip.shape[1] + column + 1
        flat = tulip.ravel()
        level = flat[middle - tulip.shape[1]] + flat[middle + tulip.shape[1]]
        level += flat[middle - 1] + flat[middle + 1]
        away = np.abs(flat[middle] - level / 4)
        counts += np.bincount(np.rint(away / _STEP).astype(np.intp), minlength=len(counts))
    return float(_NOISE_OF_MEDIAN * _median(counts) * _STEP)


_noise_of = noise
"""Where an argument has the same name."""


def _median(counts: NDArray[np.int64]) -> float:
    """Of things counted by their number; 0 of none."""
    total = int(counts.sum())
    upto = np.cumsum(counts)
    middle = np.searchsorted(upto, [(total + 1) // 2, total // 2 + 1])
    return float(middle.mean()) if total else 0.0


def _summits(smooth: NDArray[np.float64], links: _Links) -> NDArray[np.int64]:
    """The summit to which the steepest way up leads from each pixel; among equals, the last."""
    order = np.argsort(smooth, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    highest = rank.copy()
    for link in links:
        np.maximum(highest, np.where(link >= 0, rank[link], -1), out=highest)
    way = order[highest]
    while (way[way] != way).any():
        way = way[way]
    return way


def _merged(
    summit: NDArray[np.int64],
    smooth: NDArray[np.float64],
    links: _Links,
    depth: float,
    smallest: float,
) -> NDArray[np.int64]:
    """The region of each pixel once those that no valley parts, and small ones, are merged.

    Regions that are each other's least parted neighbour merge first, round by round, so that
    the outcome depends on no order.
    """
    _, region = np.unique(summit, return_inverse=True)
    regions = _measured(region, smooth, links)
    while len(regions.one):
        merged_into = _next_mergers(regions, depth, smallest)
        if merged_into is None:
            break
        region = merged_into[region]
        regions = _gathered(regions, merged_into)
    first = np.unique(region, return_index=True)[1]
    number = np.empty(int(region.max()) + 1, dtype=np.int64)
    number[region[np.sort(first)]] = np.arange(len(first))
    return number[region]


def _measured(region: NDArray[np.int64], smooth: NDArray[np.float64], links: _Links) -> _Regions:
    """The regions that pixels are gathered in; every pixel is first a region of its own."""
    starts = [np.flatnonzero(link >= 0) for link in (links.right, links.below)]
    here = np.concatenate(starts)
    there = np.concatenate([links.right[starts[0]], links.below[starts[1]]])
    lower = np.minimum(smooth[here], smooth[there])
    alone = _Regions(np.ones(len(region)), smooth, here, there, lower, np.ones(len(here)))
    return _gathered(alone, region)


def _gathered(regions: _Regions, into: NDArray[np.int64]) -> _Regions:
    """The regions as parts of others: `into` is (n,), the number of the whole for each."""
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
    """For each region the neighbour with the shallowest border (-1 if none), and its depth."""
    here = np.concatenate([regions.one, regions.other])
    there = np.concatenate([regions.other, regions.one])
    both = np.concatenate([below, below])
    order = np.lexsort((there, both, here))
    found, first = np.unique(here[order], return_index=True)
    nearest = np.full(len(regions.size), -1)
    parted = np.full(len(regions.size), np.inf)
    nearest[found], parted[found] = there[order][first], both[order][first]
    return nearest, parted
