"""Which pixels are one field: fields side by side are parted where probability dips between them.

Two neighbouring fields with a ditch or a track between them touch in the probability of tulips,
and so do the strips of several varieties within one field. They differ in one thing: between
fields runs a valley, lower than both sides; between strips there is a step at most. So the pixels
are gathered around the summits of probability, and two gatherings become one wherever their
common border is no valley.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tulip_ops import borders, levels

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from tulip_ops.levels import Decode

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
    """(n,) each present pixel's neighbours, as positions among the present pixels."""

    east: NDArray[np.bool_]
    """Whether there is one; it is the next."""
    south: NDArray[np.int64]
    north: NDArray[np.int64]
    """-1 where there is none."""


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
    tulip: NDArray[Any],
    *,
    threshold: float,
    smallest: float,
    noise: float | None = None,
    among: NDArray[np.bool_] | None = None,
    decode: Decode = levels.as_it_is,
) -> NDArray[np.int32]:
    """Which field each pixel belongs to: (height, width), counted from 0, -1 where none.

    tulip: (height, width), of which `decode` makes probability; NaN where not seen. threshold:
    from which a pixel can be of a field. smallest: pixels; what is smaller joins the neighbour
    from which it is parted least. A field is connected by pixel edges, and its mean is
    CONVINCING. Fields are counted by their first pixels, row by row. Memory goes with the
    pixels from the threshold on.
    noise: of `noise`, of the raster that this is a part of; None: this is all of it. among: which
    of the pixels from the threshold on can be of a field, others only lie beside them; None: all.
    """
    present = levels.reached(tulip, threshold, decode) if among is None else among
    pixels = np.flatnonzero(present)
    if noise is None:
        noise = _noise_of([tulip], threshold, decode)
    labels = np.full(tulip.size, -1, dtype=np.int32)
    if len(pixels):
        smooth = _smoothed(tulip, pixels, decode)
        labels[pixels] = np.arange(len(pixels))
        links = _links(pixels, labels.reshape(tulip.shape))
        depth = max(SHALLOW, NOISY * noise)
        region = _merged(_summits(smooth, links), smooth, links, depth, smallest)
        probability = decode(tulip.ravel()[pixels])
        mean = np.bincount(region, probability) / np.bincount(region)
        convincing = mean >= threshold + CONVINCING * (1 - threshold)
        number = np.where(convincing, np.cumsum(convincing) - 1, -1)
        labels[pixels] = number[region]
    return labels.reshape(tulip.shape)


def _smoothed(
    tulip: NDArray[Any], pixels: NDArray[np.int64], decode: Decode
) -> NDArray[np.float64]:
    """Weighted mean over the 3 x 3 pixels around each of `pixels`, of those that were seen.

    pixels: (n,), ascending. Beyond an edge of the raster lies what lies on it.
    """
    width, flat = tulip.shape[1], tulip.ravel()
    wider, place = _with_sides(pixels, width)
    above, below = wider - width, wider + width
    above[: np.searchsorted(wider, width)] += width
    below[np.searchsorted(wider, tulip.size - width) :] -= width
    total, weight = np.zeros(len(wider)), np.zeros(len(wider), dtype=np.float32)
    for row, share in zip((above, wider, below), _KERNEL, strict=True):
        value = decode(flat[row])
        seen = np.isfinite(value)
        total += np.where(seen, value, np.float32(0)) * np.float32(share)
        weight += seen * np.float32(share)
    return np.asarray((_across(total) / _across(weight))[place - 1])


def _with_sides(
    pixels: NDArray[np.int64], width: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The pixels with those on the west and east of each run of them, and where they are there.

    Beyond the first and last column lies that column.
    """
    last = np.flatnonzero(~borders.east_follows(pixels, width))
    first = np.append(0, last[:-1] + 1)
    run = np.repeat(np.arange(len(first)), last - first + 1)
    place = np.arange(len(pixels)) + 2 * run + 1
    wider = np.empty(len(pixels) + 2 * len(first), dtype=np.int64)
    wider[place] = pixels
    wider[place[first] - 1] = pixels[first] - (pixels[first] % width > 0)
    wider[place[last] + 1] = pixels[last] + (pixels[last] % width < width - 1)
    return wider, place


def _across(values: NDArray[Any]) -> NDArray[Any]:
    """Each value but the first and the last, weighted with its neighbours."""
    west, middle, east = _KERNEL
    return np.asarray(values[:-2] * west + values[1:-1] * middle + values[2:] * east)


def _links(pixels: NDArray[np.int64], place: NDArray[np.int32]) -> _Links:
    """The neighbours of `pixels`, (n,), ascending.

    place: (height, width), the position among them, -1 elsewhere.
    """
    width = place.shape[1]
    south, north = np.full((2, len(pixels)), -1)
    upper = pixels[: np.searchsorted(pixels, place.size - width)]
    south[: len(upper)] = place.ravel()[upper + width]
    starts = np.flatnonzero(south >= 0)
    north[south[starts]] = starts
    return _Links(borders.east_follows(pixels, width), south, north)


def noise(
    parts: Iterable[NDArray[Any]], threshold: float, decode: Decode = levels.as_it_is
) -> float:
    """Standard deviation of the probability from pixel to pixel, about its local level.

    parts: (rows, width) of one raster from north to south, each with one row of its neighbours
    above and below, of which `decode` makes probability. Only pixels between four that are
    tulips from `threshold` on say something. Counted in steps of `_STEP`.
    """
    counts = np.zeros(round(1 / _STEP) + 1, dtype=np.int64)
    for tulip in parts:
        width = tulip.shape[1]
        middle = np.flatnonzero(_between_four(levels.reached(tulip, threshold, decode)))
        flat = tulip.ravel()
        level = decode(flat[middle - width]) + decode(flat[middle + width])
        level += decode(flat[middle - 1]) + decode(flat[middle + 1])
        away = np.abs(decode(flat[middle]) - level / 4)
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


def _between_four(present: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What is present with its four neighbours; nothing on the raster's edge."""
    inner = np.zeros_like(present)
    middle = inner[1:-1, 1:-1]
    np.logical_and(present[1:-1, :-2], present[1:-1, 2:], out=middle)
    middle &= present[1:-1, 1:-1]
    middle &= present[:-2, 1:-1]
    middle &= present[2:, 1:-1]
    return inner


def _summits(smooth: NDArray[np.float64], links: _Links) -> NDArray[np.int64]:
    """The summit to which the steepest way up leads from each pixel; among equals, the last."""
    place: NDArray[np.int64] = np.arange(len(smooth))
    way, highest = place.copy(), smooth.copy()

    def climb(
        here: slice, there: NDArray[np.int64] | slice, linked: NDArray[np.bool_], *, is_later: bool
    ) -> None:
        above = smooth[there]
        linked &= above >= highest[here] if is_later else above > highest[here]
        np.copyto(highest[here], above, where=linked)
        np.copyto(way[here], place[there] if isinstance(there, slice) else there, where=linked)

    west, east, everywhere = slice(None, -1), slice(1, None), slice(None)
    # of equals the last one wins: so in the order of their positions, those before self reversed
    climb(east, west, links.east[:-1].copy(), is_later=False)
    climb(everywhere, links.north, links.north >= 0, is_later=False)
    climb(west, east, links.east[:-1].copy(), is_later=True)
    climb(everywhere, links.south, links.south >= 0, is_later=True)
    further = way[way]
    while (further != way).any():
        way, further = further, further[further]
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
    place = np.arange(len(summit))
    region = (np.cumsum(summit == place) - 1)[summit]
    regions = _measured(region, smooth, links)
    into = np.arange(len(regions.size))
    while len(regions.one):
        merged_into = _next_mergers(regions, depth, smallest)
        if merged_into is None:
            break
        into = merged_into[into]
        regions = _gathered(regions, merged_into)
    first = np.empty(len(into), dtype=np.int64)
    first[region[::-1]] = place[::-1]  # of several the last one stays
    first_of_all = np.full(len(into), len(place))
    np.minimum.at(first_of_all, into, first)
    number = np.empty(len(into), dtype=np.int64)
    number[np.argsort(first_of_all)] = np.arange(len(into))
    return np.asarray(number[into][region])


def _measured(region: NDArray[np.int64], smooth: NDArray[np.float64], links: _Links) -> _Regions:
    """The regions that pixels are gathered in, and the borders between them."""
    count = int(region.max()) + 1
    west = np.flatnonzero(links.east[:-1] & (region[1:] != region[:-1]))
    north = np.flatnonzero((links.south >= 0) & (region[links.south] != region))
    here, there = np.append(west, north), np.append(west + 1, links.south[north])
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
    """For each region the neighbour with the shallowest border (-1 if none), and its depth.

    Of borders that are equally shallow it is the one with the lowest number.
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
