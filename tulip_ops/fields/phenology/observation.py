"""Classifies known fields in one acquisition: in bloom, not in bloom, or not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely
from shapely.geometry import Polygon, box

from tulip_ops.core.types import Verdict
from tulip_ops.raster.grid import Grid

if TYPE_CHECKING:
    from numpy.typing import NDArray

MIN_BLOOM_FRACTION = 0.05
"""Share of the clear pixels in flower from which a field is in bloom. A field has strips of
several varieties that do not flower on the same day, beside paths and green: in real fields
at the height of the season only 6-11 % of the pixels are visibly coloured, 1-2 % two weeks
before it, and at most 0.3 % outside tulip fields."""

MIN_CLEAR_FRACTION = 0.5
"""Share of a field that must be clear before its bloom can be judged."""


@dataclass(frozen=True, slots=True)
class FieldObservation:
    """Observation of one field in one acquisition."""

    verdict: Verdict
    clear_fraction: float
    """Share of the field's pixels that were measured and clear, in [0, 1]."""
    tulip_probability: float | None
    """Mean over the clear pixels; None where none was clear."""
    bloom_fraction: float | None
    """Share of the clear pixels in flower; None where none was clear."""


def observe(
    labels: NDArray[np.int32],
    count: int,
    tulip: NDArray[np.float32],
    bloom: NDArray[np.float32],
    *,
    in_flower: float,
    inside: NDArray[np.float64] | None = None,
) -> list[FieldObservation]:
    """Observations of `count` fields in one acquisition, in label order.

    labels: (height, width), index of the field at each pixel centre, -1 where none; every
    pixel has one label, so burn fields that overlap in separate layers (`non_overlapping_groups`).
    tulip, bloom: (height, width), probabilities; NaN where not seen.
    in_flower: bloom probability from which a pixel counts as in flower.
    inside: (count,), share of each field that lies on the raster (`share_inside`); default:
    all of it. Parts outside count as not clear.
    A field is not seen when less than MIN_CLEAR_FRACTION of it is clear, or no pixel centre lies in
    it; else in bloom from a share of MIN_BLOOM_FRACTION of its clear pixels in flower.
    """
    known = labels >= 0
    clear = known & np.isfinite(tulip)
    label = labels[clear]
    pixels = np.bincount(labels[known], minlength=count)
    clear_pixels = np.bincount(label, minlength=count)
    clear_fraction = clear_pixels / np.maximum(pixels, 1) * (1 if inside is None else inside)
    divisor = np.maximum(clear_pixels, 1)
    probability = np.bincount(label, tulip[clear], count) / divisor
    flowering = np.bincount(label, bloom[clear] >= in_flower, count) / divisor
    return [
        _observation(float(clear_fraction[i]), float(probability[i]), float(flowering[i]))
        if clear_pixels[i]
        else FieldObservation(Verdict.NOT_SEEN, 0.0, None, None)
        for i in range(count)
    ]


def share_inside(fields: Sequence[Polygon], grid: Grid) -> NDArray[np.float64]:
    """(len(fields),) share of each field's area that lies on the grid; fields in its CRS."""
    geometries = np.asarray(fields, dtype=object)
    shown = shapely.area(shapely.intersection(geometries, box(*grid.bounds)))
    share: NDArray[np.float64] = np.minimum(shown / shapely.area(geometries), 1)
    return share


def non_overlapping_groups(fields: Sequence[Polygon]) -> list[list[int]]:
    """Partition the fields into few groups without overlaps, greedily; indices.

    Fields of different seasons may overlap; burned together, one would hide the other. Fields
    that only touch stay together: a pixel centre lies in one of them.
    """
    geometries = np.asarray(fields, dtype=object)
    tree = shapely.STRtree(geometries)
    overlaps: list[set[int]] = [set() for _ in fields]
    for one, other in tree.query(geometries, predicate="intersects").T:
        if one < other and geometries[one].intersection(geometries[other]).area > 0:
            overlaps[other].add(int(one))
    layer: list[int] = []
    groups: list[list[int]] = []
    for index, earlier in enumerate(overlaps):
        taken = {layer[other] for other in earlier}
        layer.append(next(n for n in range(len(fields)) if n not in taken))
        if layer[index] == len(groups):
            groups.append([])
        groups[layer[index]].append(index)
    return groups


def _observation(
    clear_fraction: float, tulip_probability: float, bloom_fraction: float
) -> FieldObservation:
    if clear_fraction < MIN_CLEAR_FRACTION:
        verdict = Verdict.NOT_SEEN
    elif bloom_fraction >= MIN_BLOOM_FRACTION:
        verdict = Verdict.BLOOM
    else:
        verdict = Verdict.NO_BLOOM
    return FieldObservation(verdict, clear_fraction, min(tulip_probability, 1.0), bloom_fraction)
