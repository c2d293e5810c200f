"""Watershed segmentation: separates adjacent fields where the probability dips between them.

Two neighbouring fields with a ditch or a track between them touch in the probability of tulips,
and so do the strips of several varieties within one field. They differ in one thing: between
fields runs a valley, lower than both sides; between strips there is a step at most. So pixels
are assigned to basins of local maxima, and two basins merge wherever their common border is no
valley.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tulip_ops.fields.delineation import basins, label_edges, region_merging
from tulip_ops.fields.delineation.noise import noise as noise_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tulip_ops.raster.probability import ProbabilityRaster

MIN_VALLEY_DEPTH = 0.04
"""Probability, smoothed over 3 x 3 pixels: a border no deeper than this below the means of both
regions is no valley. `bench/networks/field_separation.py` counts 1,542 tulip parcels of twelve
simulated scenes: 82 % are found with unet-multispectral/2 (90 % of the fields right), 70 % with
unet-rgb/2 (74 %), 86 % in the truth made noisy (88 %). Plain connected components find
66 % (90 %), 50 % (69 %) and 71 % (94 %). Half the depth finds one parcel in a hundred more,
and makes fewer of the fields right; 0.06 does the reverse."""

MIN_DEPTH_IN_SIGMAS = 2.2
"""Minimum depth of a valley, in standard deviations of the pixel-to-pixel noise."""

MIN_MEAN_MARGIN = 0.25
"""Share of the way from the threshold to certainty that a field's mean must reach. Regions
below it are rarely fields; the threshold itself only sets the outline."""

_KERNEL = (0.25, 0.5, 0.25)


def segment_fields(
    tulip: ProbabilityRaster,
    *,
    threshold: float,
    smallest: float,
    noise: float | None = None,
    relief: ProbabilityRaster | None = None,
    candidates: NDArray[np.bool_] | None = None,
) -> NDArray[np.int32]:
    """Label of the field of each pixel: (height, width), from 0, -1 where there is none.

    tulip: (height, width). threshold: minimum of a field pixel. smallest: pixels; smaller regions
    join the neighbour with the shallowest border. A field is 4-connected, and its mean reaches
    MIN_MEAN_MARGIN. Fields are numbered by their first pixels, row by row. Memory is proportional
    to the pixels at or above the threshold.
    noise: deviation of the `Noise` of the complete relief; None: of this one.
    relief: (height, width), the probability in which valleys are looked for; None: `tulip`.
    candidates: pixels at or above the threshold that can belong to a field, the others are only
    neighbours; None: all.
    """
    present = tulip.at_least(threshold) if candidates is None else candidates
    pixels = np.flatnonzero(present)
    if noise is None:
        noise = noise_of(relief or tulip, threshold)
    labels = np.full(present.size, -1, dtype=np.int32)
    if len(pixels):
        smooth = _smoothed(relief or tulip, pixels)
        labels[pixels] = np.arange(len(pixels))
        links = basins.neighbours(pixels, labels.reshape(tulip.shape))
        depth = max(MIN_VALLEY_DEPTH, MIN_DEPTH_IN_SIGMAS * noise)
        region = region_merging.merge_regions(
            basins.basin_of(smooth, links), smooth, links, depth, smallest
        )
        probability = tulip.values(pixels)
        mean = np.bincount(region, probability) / np.bincount(region)
        convincing = mean >= threshold + MIN_MEAN_MARGIN * (1 - threshold)
        number = np.where(convincing, np.cumsum(convincing) - 1, -1)
        labels[pixels] = number[region]
    return labels.reshape(tulip.shape)


def _smoothed(tulip: ProbabilityRaster, pixels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Weighted mean over the 3 x 3 pixels around each of `pixels`, of valid pixels only.

    pixels: (n,), at least one, ascending. The raster's edge pixels are repeated beyond it.
    """
    height, width = tulip.shape
    wider, place = _with_sides(pixels, width)
    above, below = wider - width, wider + width
    above[: np.searchsorted(wider, width)] += width
    below[np.searchsorted(wider, (height - 1) * width) :] -= width
    total, weight = np.zeros(len(wider)), np.zeros(len(wider), dtype=np.float32)
    for row, share in zip((above, wider, below), _KERNEL, strict=True):
        value = tulip.values(row)
        seen = np.isfinite(value)
        total += np.where(seen, value, np.float32(0)) * np.float32(share)
        weight += seen * np.float32(share)
    return np.asarray((_across(total) / _across(weight))[place - 1])


def _with_sides(
    pixels: NDArray[np.int64], width: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The pixels plus the west and east neighbours of each run, and their indices in the result.

    The first and last columns are repeated beyond the edge.
    """
    last = np.flatnonzero(~label_edges.east_follows(pixels, width))
    first = np.append(0, last[:-1] + 1)
    run = np.repeat(np.arange(len(first)), last - first + 1)
    place = np.arange(len(pixels)) + 2 * run + 1
    wider = np.empty(len(pixels) + 2 * len(first), dtype=np.int64)
    wider[place] = pixels
    wider[place[first] - 1] = pixels[first] - (pixels[first] % width > 0)
    wider[place[last] + 1] = pixels[last] + (pixels[last] % width < width - 1)
    return wider, place


def _across(values: NDArray[Any]) -> NDArray[Any]:
    """Weighted mean of each value and its neighbours, without the first and the last."""
    west, middle, east = _KERNEL
    return np.asarray(values[:-2] * west + values[1:-1] * middle + values[2:] * east)
