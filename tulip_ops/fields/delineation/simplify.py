"""Simplifies pixel outlines to clean field polygons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import shapely

from tulip_ops.fields.delineation.runs import next_on_ring, place_in_run

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry import Polygon

TINY_HOLE = 8
"""Pixels: a smaller hole is network noise, not ground without tulips."""

SLIVER_WIDTH = 1.0
"""Pixels: a piece whose mean width (2 x area / perimeter) is not above this is a mixed edge."""

CORNER_RUN = 3
"""Pixels: where two straight runs of at least this length meet, the field has a true corner;
shorter runs are the stairs of a slanted edge."""

TOLERANCE = 0.7
"""Pixels: square root of the triangle that simplification may remove. Measured on rectangles at
any angle, 10 m pixels, stairs softened before: the area changes by less than 0.5 % for 80-300 m
x 200-800 m and less than 1 % for 80-150 m x 200-300 m, a third of the vertices remain, straight
edges scatter by 1.4 m about their line (2.9 m as traced), and the overlap with the truth (IoU)
rises from 0.962 to 0.980. A tolerance of 1 makes edges no straighter and saves another third of
the vertices, but moves single areas by up to 5 %."""


def simplify(
    outlines: Sequence[Polygon], *, resolution: float, minimum_area: float
) -> list[Polygon]:
    """Field polygons without stair steps, small pieces, slivers and tiny holes.

    outlines: polygons along pixel edges that do not overlap, metres; neighbours share edges.
    resolution: side of a pixel, metres. minimum_area: smaller pieces are dropped, m2.
    Returns them in input order, valid, without overlaps; neighbours still share their
    border. If minimum_area is below TINY_HOLE pixels, holes down to it remain too.
    """
    smallest_hole = min(TINY_HOLE * resolution**2, minimum_area)  # so no piece lies in one
    filled = _without_small_rings(outlines, minimum_area, smallest_hole)
    width = 2 * shapely.area(filled) / shapely.length(filled)
    kept = filled[(shapely.area(filled) >= minimum_area) & (width > SLIVER_WIDTH * resolution)]
    if not len(kept):
        return []
    return list(shapely.coverage_simplify(_soften(kept, resolution), TOLERANCE * resolution))


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


def _soften(outlines: NDArray[np.object_], resolution: float) -> NDArray[np.object_]:
    """The outlines with stairs replaced by slopes, vertices still shared.

    A slanted straight edge is a stair of runs with steps of one pixel between them. Each step
    becomes a slope that reaches half of the shorter adjacent run to both sides: it cuts off as
    much as it fills, and the slopes of a straight edge meet in one line. Other corners are cut
    by half a pixel edge, as in marching squares; vertices stay where outlines meet and at true
    corners (CORNER_RUN). The border moves by at most half a pixel, within which no two outlines
    can cross; everything depends on undirected runs, so both neighbours of a shared border get
    the same result.
    """
    rings, polygon_of_ring = shapely.get_rings(outlines, return_index=True)
    origin = shapely.get_coordinates(rings[0])[0]
    corner, ring, is_node, after = _breaks(rings, origin, resolution)
    before = np.empty_like(after)
    before[after] = np.arange(len(after))
    run = corner[after] - corner
    length = np.abs(run).sum(axis=1)
    heading = run / length[:, np.newaxis]
    turn = heading[before, 0] * heading[:, 1] - heading[before, 1] * heading[:, 0]
    is_step = (length == 1) & (turn * turn[after] < 0) & ~is_node & ~is_node[after]
    reach = np.minimum(length[before], length[after]) / 2  # of the slope, if the run is a step
    back = np.where(is_step, reach, 0.5)
    ahead = np.where(is_step[before], reach[before], 0.5)
    stays = is_node | (np.minimum(length[before], length) >= CORNER_RUN)
    back[stays] = ahead[stays] = 0
    points = np.stack(
        [corner - back[:, np.newaxis] * heading[before], corner + ahead[:, np.newaxis] * heading],
        axis=1,
    ).reshape(-1, 2)
    ring, is_node = np.repeat(ring, 2), np.repeat(is_node, 2)
    is_last = (points != points[next_on_ring(ring)]).any(axis=1)
    points, ring, is_node = points[is_last], ring[is_last], is_node[is_last]
    kept = is_node | _turns(points, ring)
    softened = shapely.linearrings(origin + points[kept] * resolution, indices=ring[kept])
    return np.asarray(shapely.polygons(softened, indices=polygon_of_ring), dtype=object)


def _turns(points: NDArray[np.float64], ring: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Where rings change direction.

    Collinear points, half of all on slanted edges, are the first that simplification removes:
    without them it gives the same result in half the time.
    """
    after = next_on_ring(ring)
    x, y = (points[after] - points).T
    turns = np.empty(len(ring), dtype=bool)
    turns[after] = x * y[after] != x[after] * y
    return turns


def _breaks(
    rings: NDArray[np.object_], origin: NDArray[np.float64], resolution: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_], NDArray[np.int64]]:
    """Where rings turn or meet: corner, ring, whether rings meet there, index of the next.

    Corners are (n, 2), in integer pixels from `origin`.
    """
    corner, ring = _unit_steps(rings, origin, resolution)
    after = next_on_ring(ring)
    step = corner[after] - corner
    turns = np.empty(len(ring), dtype=bool)
    turns[after] = (step[after] != step).any(axis=1)
    is_node = _nodes(corner, after)
    kept = turns | is_node
    return corner[kept], ring[kept], is_node[kept], next_on_ring(ring[kept])


def _unit_steps(
    rings: NDArray[np.object_], origin: NDArray[np.float64], resolution: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Every pixel corner along the rings, and its ring."""
    coordinates, ring = shapely.get_coordinates(rings, return_index=True)
    vertex = np.rint((coordinates - origin) / resolution).astype(np.int64)
    starts = np.flatnonzero(ring[1:] == ring[:-1])  # the last vertex of a ring repeats its first
    side = vertex[starts + 1] - vertex[starts]
    length = np.abs(side).sum(axis=1)
    along = place_in_run(length)
    corner = np.repeat(vertex[starts], length, axis=0)
    corner += np.repeat(np.sign(side), length, axis=0) * along[:, np.newaxis]
    return corner, np.repeat(ring[starts], length)


def _nodes(corner: NDArray[np.int64], follower: NDArray[np.int64]) -> NDArray[np.bool_]:
    """True at corners where more than two pixel edges meet and one of them is shared.

    Without a shared edge two outlines only touch at the corner, and may separate.
    """
    vertex = np.unique(_key(corner), return_inverse=True)[1]
    _, first, uses = np.unique(
        _key(corner + corner[follower]), return_index=True, return_counts=True
    )
    ends = np.concatenate([vertex[first], vertex[follower][first]])
    degree = np.bincount(ends)
    is_shared = np.bincount(ends, np.tile(uses > 1, 2)) > 0
    node: NDArray[np.bool_] = ((degree > 2) & is_shared)[vertex]
    return node


def _key(points: NDArray[np.int64]) -> NDArray[np.int64]:
    """One number for each pair of coordinates below 2**31."""
    key: NDArray[np.int64] = points[:, 0] * 2**32 + points[:, 1]
    return key
