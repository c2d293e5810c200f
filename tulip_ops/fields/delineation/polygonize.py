"""Polygonizes labelled regions along pixel edges, and rasterizes them back; vectorized.

Every side of a pixel beyond which another region begins is a directed edge with its region on the
left. Linked edges form rings: counter-clockwise around a region, clockwise around its holes. Small
rings are dropped before geometries are built.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import shapely

from tulip_ops.fields.delineation import label_edges
from tulip_ops.fields.delineation.runs import next_on_ring, place_in_run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from shapely.geometry import Polygon

    from tulip_ops.raster.grid import Grid

_WEST, _SOUTH, _EAST, _NORTH = range(4)
"""Each is followed by its left turn: counter-clockwise with north up."""


class _Edges(NamedTuple):
    """(n,) edges one pixel long, ordered by start."""

    start: NDArray[np.int64]
    """Pixel corner at which the edge begins: row * (width + 1) + column."""
    direction: NDArray[np.int8]
    label: NDArray[np.int32]


def polygonize(
    labels: NDArray[np.int32], grid: Grid, *, smallest: float = 0, smallest_hole: float = 0
) -> list[Polygon]:
    """Polygons of labelled regions, along pixel edges, in the CRS of `grid`.

    labels: (height, width), -1 where none; labels count from 0 without gaps, and the pixels of
    each are 4-connected. smallest, smallest_hole: pixels; regions whose outline encloses less
    are dropped, and so are smaller holes.
    Returns one polygon per label, in order, with holes, without overlaps: if none is dropped,
    `burn(polygonize(l, grid), grid)` equals l. ValueError if a region is not connected.
    """
    edges = _edges(labels, smallest)
    if not len(edges.start):
        return []
    corner, ring, label = _rings(edges, labels.shape[1] + 1)
    first = np.flatnonzero(np.append(True, ring[1:] != ring[:-1]))
    area = _areas(corner, ring, first)
    is_shell = area > 0
    shells = label[first][is_shell]
    if len(np.unique(shells)) < len(shells):
        raise ValueError(f"region {np.bincount(shells).argmax()} is in pieces")
    large = np.isin(label[first], shells[area[is_shell] >= smallest])
    kept = large & (is_shell | (-area >= smallest_hole))
    if not kept.any():
        return []
    chosen = np.repeat(kept, np.diff(np.append(first, len(ring))))
    points = np.array([grid.left, grid.top]) + corner[chosen] * np.array(
        [grid.resolution, -grid.resolution]
    )
    lines = shapely.linearrings(points, indices=_counted(ring[chosen]))
    order = np.lexsort((~is_shell[kept], label[first][kept]))
    owner = _counted(label[first][kept][order])
    return list(shapely.polygons(lines[order], indices=owner))


def rasterize_coverage(polygons: Sequence[Polygon], grid: Grid) -> NDArray[np.int32]:
    """Index of the polygon at each pixel's centre: the inverse of `polygonize`.

    polygons: in the CRS of `grid`, within it, without overlaps. A centre on a border belongs to
    the polygon on its east, or south.
    Returns (height, width) int32: position in `polygons`, -1 where there is none.
    """
    outlines = shapely.orient_polygons(np.asarray(polygons, dtype=object))
    rings, owner = shapely.get_rings(outlines, return_index=True)
    points, ring = shapely.get_coordinates(rings, return_index=True)
    x = (points[:, 0] - grid.left) / grid.resolution
    y = (grid.top - points[:, 1]) / grid.resolution
    edge = np.flatnonzero(ring[1:] == ring[:-1])
    down = y[edge + 1] > y[edge]
    upper, lower = np.where(down, edge, edge + 1), np.where(down, edge + 1, edge)
    first, last = np.ceil(y[upper] - 0.5), np.ceil(y[lower] - 0.5)  # rows whose centre lies between
    count = (last - first).astype(np.int64)
    row = np.repeat(first, count) + place_in_run(count)
    slope = (x[lower] - x[upper]) / np.maximum(y[lower] - y[upper], 1e-9)
    crossing = np.repeat(x[upper], count)
    crossing += (row + 0.5 - np.repeat(y[upper], count)) * np.repeat(slope, count)
    entered = np.repeat(np.where(down, 1, -1) * (owner[ring[edge]] + 1), count)
    place = row.astype(np.int64) * grid.width + np.ceil(crossing - 0.5).astype(np.int64)
    order = np.argsort(place)
    # a polygon entered in a row is left in that row, at the latest where the next one begins
    inside = np.append(0, np.cumsum(entered[order]))
    lengths = np.diff(place[order], prepend=0, append=grid.height * grid.width)
    return np.repeat((inside - 1).astype(np.int32), lengths).reshape(grid.shape)


def _edges(labels: NDArray[np.int32], smallest: float) -> _Edges:
    """All edges between different labels, one for each labelled side.

    Drops regions with too few pixels to enclose `smallest` pixels.
    """
    width, flat = labels.shape[1], labels.ravel()
    pixels = label_edges.labelled_pixels(labels)
    size = np.bincount(flat[pixels])
    is_speck = (size + 1) ** 2 / 4 < smallest  # the largest square that this perimeter can enclose
    sides = label_edges.label_edges(labels, pixels)
    starts = {_WEST: 1, _SOUTH: 0, _EAST: width + 1, _NORTH: width + 2}
    pixel = np.concatenate([side.pixel for side in sides])
    count = [len(side.pixel) for side in sides]
    start = pixel + pixel // width + np.repeat(list(starts.values()), count)
    direction = np.repeat(np.array(list(starts), np.int8), count)
    label = flat[pixel]
    kept = np.flatnonzero(~is_speck[label])
    order = kept[np.argsort(start[kept] * 4 + direction[kept])]
    return _Edges(start[order], direction[order], label[order])


def _rings(
    edges: _Edges, stride: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32]]:
    """The corners of all rings, ring by ring: (n, 2) column and row, ring, label.

    A ring begins at its northernmost, then westernmost, corner; rings are ordered by first corner.
    """
    after = _followers(edges, stride)
    turns = np.empty(len(after), dtype=bool)
    turns[after] = edges.direction[after] != edges.direction
    number = np.cumsum(turns) - 1
    kept = np.flatnonzero(turns)
    after = number[_next_turn(after, turns)[kept]]
    root, steps = _ranked(after)
    order = np.lexsort((steps, root))
    row, column = np.divmod(edges.start[kept][order], stride)
    return np.stack([column, row], axis=1), root[order], edges.label[kept][order]


def _followers(edges: _Edges, stride: int) -> NDArray[np.int64]:
    """The edge that continues each edge, with the same region on its left.

    Where a region touches itself at a corner, the right turn is taken: so neither holes nor
    regions connect across corners, and no ring meets itself.
    """
    step = np.array([-1, stride, 1, -stride])
    end = edges.start + step[edges.direction]
    key = edges.start * 4 + edges.direction
    after = np.full(len(key), -1)
    for turn in (3, 0, 1):  # right, straight on, left
        open_ = np.flatnonzero(after < 0)
        wanted = end[open_] * 4 + (edges.direction[open_] + turn) % 4
        found = np.searchsorted(key, wanted).clip(max=len(key) - 1)
        fits = (key[found] == wanted) & (edges.label[found] == edges.label[open_])
        after[open_[fits]] = found[fits]
    return after


def _next_turn(after: NDArray[np.int64], turns: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For each edge the next one on its ring at which the direction changes."""
    ahead = after.copy()
    going = np.flatnonzero(~turns[ahead])
    while len(going):
        ahead[going] = ahead[ahead[going]]
        going = going[~turns[ahead[going]]]
    return ahead


def _ranked(after: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each entry, the first entry of its ring and its distance from it in steps.

    Pointer doubling: after n rounds every entry covers the 2**n entries ahead.
    """
    count = len(after)
    lowest, jump = np.arange(count), after.copy()
    while True:
        lower = np.minimum(lowest, lowest[jump])
        if (lower == lowest).all():
            break
        lowest, jump = lower, jump[jump]
    own = np.arange(count)
    is_root = lowest == own
    steps = np.where(is_root, 0, 1)
    back = np.empty_like(after)
    back[after] = own
    back[is_root] = own[is_root]
    while not is_root[back].all():
        steps += steps[back]
        back = back[back]
    return lowest, steps


def _counted(numbers: NDArray[np.int64] | NDArray[np.int32]) -> NDArray[np.int64]:
    """Ascending numbers renumbered from 0 without gaps."""
    return np.cumsum(np.append(False, numbers[1:] != numbers[:-1]))


def _areas(
    corner: NDArray[np.int64], ring: NDArray[np.int64], first: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Pixels that each ring encloses, negative where it turns clockwise (north up)."""
    follower = next_on_ring(ring)
    x, y = corner.T
    cross = x[follower] * y - x * y[follower]
    return np.asarray(np.add.reduceat(cross, first) / 2, dtype=np.float64)
