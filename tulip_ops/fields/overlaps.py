"""Pairs of outlines that overlap, and by how much.

Overlaps are ratios of areas, computed in longitude and latitude: within one field the
scale of a degree changes by less than a thousandth, and cancels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import shapely

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry import Polygon

MIN_OVERLAP_SHARE = 1e-9
"""Share of the smaller of two outlines below which they touch, and do not overlap."""

DIGITS = 9
"""Decimals to which ratios are rounded for comparison, so that float noise decides nothing."""


def overlapping(
    outlines: Sequence[Polygon], candidates: Sequence[Polygon], share: float
) -> list[int]:
    """Indices of the candidates that share more than `share` of the smaller with an outline."""
    ones, others = np.array(outlines, dtype=object), np.array(candidates, dtype=object)
    pairs, shared = overlaps(ones, others)
    smaller = np.minimum(shapely.area(ones)[pairs[0]], shapely.area(others)[pairs[1]])
    reached: list[int] = np.unique(pairs[1, shared > share * smaller]).tolist()
    return reached


def overlaps_within(
    outlines: NDArray[np.object_],
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """`overlaps` of the outlines with each other: each pair in both orders, none with itself."""
    pairs = shapely.STRtree(outlines).query(outlines)
    pairs = pairs[:, pairs[0] < pairs[1]]
    shared = shapely.area(shapely.intersection(outlines[pairs[0]], outlines[pairs[1]]))
    area = shapely.area(outlines)
    overlap = shared > MIN_OVERLAP_SHARE * np.minimum(area[pairs[0]], area[pairs[1]])
    pairs, shared = pairs[:, overlap], shared[overlap]
    return np.concatenate([pairs, pairs[::-1]], axis=1), np.concatenate([shared, shared])


def overlaps(
    ones: NDArray[np.object_], others: NDArray[np.object_]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """(2, n) indices of the pairs that intersect, and the (n,) areas of intersection."""
    pairs = shapely.STRtree(others).query(ones)
    shared = shapely.area(shapely.intersection(ones[pairs[0]], others[pairs[1]]))
    return pairs[:, shared > 0], shared[shared > 0]
