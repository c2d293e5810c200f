"""Transforms geometries between CRS, and computes areas on the ellipsoid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import shapely
from pyproj import Geod, Transformer
from shapely.geometry import GeometryCollection, box
from shapely.geometry.base import BaseGeometry

from tulip_ops.core import concurrency
from tulip_ops.core.errors import BadArea
from tulip_ops.raster.grid import Grid

if TYPE_CHECKING:
    from numpy.typing import NDArray

WGS84 = 4326

_EDGE = 0.02
"""Degrees of an edge that is projected: it then bends by less than a metre."""
_NEAR = 1.0
"""Degrees around a grid: more than what is read around an area."""
_WIDE = 180.0
"""Degrees of a grid that only seems so wide: it crosses the 180th meridian."""
_ELLIPSOID = Geod(ellps="WGS84")

Geometry = TypeVar("Geometry", bound=BaseGeometry)


def project(geometry: Geometry, from_epsg: int, to_epsg: int) -> Geometry:
    """The same vertices in another CRS, always (x, y) or (longitude, latitude).

    Edges are not densified. `BadArea` if a vertex cannot be transformed.
    """
    if from_epsg == to_epsg:
        return geometry
    transformer = transformer_of(from_epsg, to_epsg)

    def turn(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(transformer.transform(points[:, 0], points[:, 1]))

    projected: Geometry = shapely.transform(geometry, turn)
    if not shapely.is_empty(projected) and not math.isfinite(sum(projected.bounds)):
        raise BadArea(
            f"the geometry {' '.join(f'{edge:.4f}' for edge in geometry.bounds)} (EPSG:{from_epsg})"
            f" has no place in EPSG:{to_epsg}; check its CRS"
        )
    return projected


def project_outline(geometry: BaseGeometry, grid: Grid) -> BaseGeometry:
    """An area in EPSG:4326 in the CRS of a grid, where its edges are as in longitude and latitude.

    Straight edges of one are not straight in the other: vertices are added. Only what lies near
    the grid is projected, as UTM has no place for what is far from its zone; it may be empty.
    """
    tile = project(box(*grid.bounds), grid.epsg, WGS84)
    west, south, east, north = tile.bounds
    if east - west < _WIDE:
        geometry = shapely.intersection(
            geometry, box(west - _NEAR, south - _NEAR, east + _NEAR, north + _NEAR)
        )
    return project(shapely.segmentize(geometry, _EDGE), WGS84, grid.epsg)


def project_all(
    geometries: Sequence[BaseGeometry], from_epsg: int, to_epsg: int
) -> NDArray[np.object_]:
    """As `project`, for many geometries at once: (len(geometries),) of the same types."""
    together = GeometryCollection(list(geometries))
    return np.asarray(shapely.get_parts(project(together, from_epsg, to_epsg)))


def geodesic_areas(polygons: NDArray[np.object_]) -> NDArray[np.float64]:
    """As `geodesic_area`, for many polygons at once; (n,)."""
    rings, owner = shapely.get_rings(shapely.orient_polygons(polygons), return_index=True)
    points, ring = shapely.get_coordinates(rings, return_index=True)
    parts = np.split(points, np.flatnonzero(ring[1:] != ring[:-1]) + 1) if len(ring) else []
    areas = [_ELLIPSOID.polygon_area_perimeter(*part[:-1].T)[0] for part in parts]
    return np.abs(np.bincount(owner, areas, len(polygons)))


def geodesic_area(geometry: BaseGeometry) -> float:
    """Square metres on the WGS84 ellipsoid, without holes; edges are geodesics.

    geometry: polygon or multipolygon in EPSG:4326, rings in any orientation.
    """
    # geometry_area_perimeter adds ring areas signed by orientation
    area, _ = _ELLIPSOID.geometry_area_perimeter(shapely.orient_polygons(geometry))
    return abs(float(area))


@lru_cache(maxsize=32)
def transformer_of(from_epsg: int, to_epsg: int) -> Transformer:
    return Transformer.from_crs(from_epsg, to_epsg, always_xy=True)


@concurrency.before_threads
def _use_proj() -> None:
    """Open PROJ's database."""
    transformer_of(WGS84, 32631).transform(3.0, 52.0)
