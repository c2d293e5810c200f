"""Drops what is too small to be a field, or a hole in one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import shapely

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry import Polygon

TINY_HOLE = 8
"""Pixels: a smaller hole is network noise, not ground without tulips."""

SLIVER_WIDTH = 1.0
"""Pixels: a piece whose mean width (2 x area / perimeter) is not above this is a mixed edge."""


def without_small_pieces(
    outlines: Sequence[Polygon], *, resolution: float, minimum_area: float
) -> list[Polygon]:
    """Outlines without small pieces, slivers and tiny holes, in input order.

    outlines: polygons that do not overlap, metres. resolution: side of a pixel, metres.
    minimum_area: smaller pieces are dropped, m2. If it is below TINY_HOLE pixels, holes down to
    it remain too, so that no piece lies in a filled one.
    """
    smallest_hole = min(TINY_HOLE * resolution**2, minimum_area)
    filled = _without_small_rings(outlines, minimum_area, smallest_hole)
    width = 2 * shapely.area(filled) / shapely.length(filled)
    kept = (shapely.area(filled) >= minimum_area) & (width > SLIVER_WIDTH * resolution)
    return list(filled[kept])


def _without_small_rings(
    outlines: Sequence[Polygon], smallest_shell: float, smallest_hole: float
) -> NDArray[np.object_]:
    rings, owner = shapely.get_rings(np.asarray(outlines, dtype=object), return_index=True)
    area = shapely.area(shapely.polygons(rings))
    is_shell = np.append(True, owner[1:] != owner[:-1])[: len(owner)]
    large = is_shell & (area >= smallest_shell)
    kept = large | (~is_shell & (area >= smallest_hole) & np.isin(owner, owner[large]))
    renumbered = np.unique(owner[kept], return_inverse=True)[1]
    return np.asarray(shapely.polygons(rings[kept], indices=renumbered), dtype=object)
