"""Rasterizes polygons and polygonizes masks, with GDAL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray
from rasterio.features import rasterize, shapes
from shapely.geometry import Polygon, shape

from tulip_ops.raster.grid import Grid

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry


def mask_to_polygons(present: NDArray[np.bool_], grid: Grid) -> list[Polygon]:
    """Polygons of the True pixels, along pixel edges, in the CRS of `grid`.

    present: (height, width) bool. Pixels that share an edge belong to one polygon, pixels that
    share only a corner do not; polygons have holes.
    Invariant: `polygons_to_labels(mask_to_polygons(m, grid), grid) >= 0` equals m.
    """
    found = shapes(present.astype(np.uint8), mask=present, connectivity=4, transform=grid.transform)
    return [cast("Polygon", shape(outline)) for outline, _ in found]


def polygons_to_labels(geometries: Sequence[BaseGeometry], grid: Grid) -> NDArray[np.int32]:
    """Index of the geometry that covers each pixel's centre.

    geometries: polygons in the CRS of `grid`.
    Returns (height, width) int32: position in `geometries`, the last one where several overlap,
    -1 outside all of them.
    """
    numbered = [
        (geometry, number) for number, geometry in enumerate(geometries) if not geometry.is_empty
    ]
    nowhere = np.full(grid.shape, -1, dtype=np.int32)
    if numbered:
        rasterize(numbered, out=nowhere, transform=grid.transform)
    return nowhere
