"""Detects fields in probabilities, in blocks of rows.

Fields that touch, or nearly, are processed together: groups that may continue below a block wait
for the next one. So the polygons equal those of the raster processed at once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any, Literal

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import Polygon, box

from tulip_ops.core import concurrency
from tulip_ops.core.types import Area, Detection
from tulip_ops.fields.delineation import (
    connected_components,
    polygonize,
    regularize,
    ribbons,
    small_pieces,
    watershed,
    zonal_stats,
)
from tulip_ops.fields.delineation.noise import noise
from tulip_ops.raster.grid import Grid
from tulip_ops.raster.probability import ProbabilityRaster
from tulip_ops.raster.projection import project_outline

Read = Callable[[slice], NDArray[Any]]
"""From rows of the raster to (2, rows, width), probability of tulip and bloom, valid for
`ProbabilityRaster`; or (3, rows, width), followed by the relief in which neighbours are parted."""

log = logging.getLogger(__name__)

Outlines = Literal["regular", "traced"]
"""How outlines are drawn: with straight edges and corners, or along pixel edges."""

ROWS = 1024
"""Rows per block."""
_AROUND = 3
"""Rows around a field that its polygon and its statistics may depend on."""
_TAKEN = 25
"""Bytes per pixel of each block in progress, and of two more being read or waiting, with a margin:
a complete tile was measured to need 0.6 GB with one thread, 0.8 with two, 1.1 with five."""


def threads_that_fit(width: int, memory_gb: float, threads: int) -> int:
    """How many of `threads` `detect_rows` can use on a raster of this width in this memory.

    At least one. Components that span more than `ROWS` rows need more memory.
    """
    fitting = int(memory_gb * 1e9 / (_TAKEN * ROWS * width)) - 2
    return max(1, min(threads, fitting))


def detect(
    probability: NDArray[np.float32],
    grid: Grid,
    areas: Sequence[Area],
    *,
    threshold: float,
    in_flower: float,
    minimum_area: float,
    outlines: Outlines = "regular",
) -> list[Detection]:
    """The tulip fields in `probability`, (2, height, width), as `detect_rows` finds them."""
    return detect_rows(
        lambda rows: probability[:, rows],
        grid,
        areas,
        threshold=threshold,
        in_flower=in_flower,
        noise=noise(ProbabilityRaster(probability[0]), threshold),
        minimum_area=minimum_area,
        outlines=outlines,
        rows=grid.height,
    )


def detect_rows(
    read: Read,
    grid: Grid,
    areas: Sequence[Area] | None,
    *,
    threshold: float,
    in_flower: float,
    noise: float,
    minimum_area: float,
    outlines: Outlines = "regular",
    rows: int = ROWS,
    threads: int = 1,
) -> list[Detection]:
    """The tulip fields in the probabilities on `grid` that reach into an area; None: everywhere.

    threshold, in_flower: minimum probability of a tulip pixel, and of one in flower. noise:
    deviation of the `Noise` of the relief. minimum_area: smaller fields are dropped, m2. outlines:
    with straight edges and corners, or along pixel edges. rows: per block; threads: blocks
    processed at the same time. The result does not depend on either. `read` is called from one
    thread at a time. Shapes too narrow for a field (`ribbons`) are left out and counted in the log.
    """
    grounds = [project_outline(area.geometry, grid) for area in areas or ()]
    reach = box(*grid.bounds) if areas is None else shapely.union_all(grounds)
    shapely.prepare(reach)

    ribbons_found: list[int] = []

    def found(block: _Block) -> list[zonal_stats.SortableDetection]:
        here, whole, stored = block
        part = grid.rows(here)
        tulip, bloom, *relief = (ProbabilityRaster(band) for band in stored)
        labels = watershed.segment_fields(
            tulip,
            relief=relief[0] if relief else None,
            threshold=threshold,
            smallest=minimum_area / grid.resolution**2,
            noise=noise,
            candidates=whole,
        )
        fields = _traced(labels, part, minimum_area)
        if outlines == "regular":
            fields = regularize.regularize(fields, part, tulip, threshold=threshold)
        fields = [
            one for one, near in zip(fields, shapely.intersects(reach, fields), strict=True) if near
        ]
        fields, narrow = ribbons.without_ribbons(fields)
        ribbons_found.append(len(narrow))
        labels = polygonize.rasterize_coverage(fields, part)
        return zonal_stats.zonal_detections(fields, labels, tulip, bloom, part, in_flower=in_flower)

    blocks = _blocks(read, grid, threshold, rows)
    detections = list(chain.from_iterable(concurrency.ordered_map(found, blocks, threads)))
    if total := sum(ribbons_found):
        log.info("%d ribbons narrower than %.0f m left out", total, ribbons.MINIMUM_WIDTH)
    return zonal_stats.in_reading_order(detections)


def _traced(labels: NDArray[np.int32], grid: Grid, minimum_area: float) -> list[Polygon]:
    pixel = grid.resolution**2
    traced = polygonize.polygonize(
        labels,
        grid,
        smallest=minimum_area / pixel,
        smallest_hole=min(small_pieces.TINY_HOLE, minimum_area / pixel),
    )
    return small_pieces.without_small_pieces(
        traced, resolution=grid.resolution, minimum_area=minimum_area
    )


_Block = tuple[slice, NDArray[np.bool_], NDArray[Any]]
"""Rows of the raster, the tulip pixels of newly completed groups, and the values read."""


def _blocks(read: Read, grid: Grid, threshold: float, rows: int) -> Iterator[_Block]:
    """Blocks of the raster, from north to south.

    Every tulip pixel is in exactly one block, with its complete group and `_AROUND` rows around
    it. A group is a set of connected components less than three pixels apart: regular outlines
    move by up to `corners.REACH`, so only outlines within a group can meet.
    """
    first, bottom = 0, 0
    waiting = np.zeros((0, grid.width), dtype=bool)
    while bottom < grid.height:
        bottom = min(bottom + rows, grid.height)
        stored = read(slice(first, bottom))
        tulips = ProbabilityRaster(stored[0]).at_least(threshold)
        tulips[: len(waiting)] = waiting
        open_ = np.zeros_like(tulips)
        if bottom < grid.height:
            near = connected_components.widened(tulips)
            open_ = tulips & connected_components.components_touching_bottom(near, _AROUND)
        yield slice(first, bottom), tulips & ~open_, stored
        held = np.flatnonzero(open_.any(axis=1))
        top = min(int(held[0]) if len(held) else bottom - first, bottom - first) - _AROUND
        waiting = open_[max(top, 0) :]
        first += max(top, 0)
