"""Polygons to the pixels of a grid, and pixels to polygons, as GDAL does it."""

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

    present: (height, width) bool. Pixels that share an edge are one polygon, those that share
    a corner only are two; holes are kept. With them as p,
    `polygons_to_labels(p, grid) >= 0` equals `present`.
    """
    found = shapes(present.astype(np.uint8), mask=present, connectivity=4, transform=grid.transform)
    return [cast("Polygon", shape(outline)) for outline, _ in found]


def polygons_to_labels(geometries: Sequence[BaseGeometry], grid: Grid) -> NDArray[np.int32]:
    """Index of the geometry that covers each pixel's centre.

    geometries: polygons in the CRS of `grid`.
    Returns (height, width) int32: position in `geometries`, the last one where several
    overlap, -1 where there is none.
    """
    numbered = [
        (geometry, number) for number, geometry in enumerate(geometries) if not geometry.is_empty
    ]
    nowhere = np.full(grid.shape, -1, dtype=np.int32)
    if numbered:
        rasterize(numbered, out=nowhere, transform=grid.transform)
    return nowhere
