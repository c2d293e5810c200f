"""Sentinel-2's pixel grids, and the passage between them and the Earth."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import shapely
from affine import Affine
from pyproj import Geod, Transformer
from shapely.geometry import GeometryCollection, box
from shapely.geometry.base import BaseGeometry

from tulip_ops.core import concurrency
from tulip_ops.core.errors import BadArea, BadScene, NothingValid

if TYPE_CHECKING:
    from numpy.typing import NDArray

WGS84 = 4326
TILE_SIZE = 10980
"""Pixels of 10 m along each side of a Sentinel-2 tile."""

STRIP_ROWS = 512
"""Rows in which large grids are read and written."""

_SNAP = 60
"""Tile corners are multiples of the coarsest band's pixel, counted from the equator, metres."""
_SQUARE = 100_000
_CYCLE = 2_000_000
_REACH = 0.25
"""Degrees: more than tiles overlap up to 65 degrees north, less than their squares measure."""
_SOUTHERN_EQUATOR = 10_000_000
_EDGE = 1e-6
"""Pixels: a bound this close to a pixel edge lies on it, rounding aside."""
_BANDS = "CDEFGHJKLMNPQRSTUVWX"
"""MGRS latitude bands from 80 degrees south, 8 degrees each; X reaches 84 north."""
_COLUMNS = ("STUVWXYZ", "ABCDEFGH", "JKLMNPQR")
"""MGRS column letters from 100 km east, by zone modulo 3."""
_ROWS = "ABCDEFGHJKLMNPQRSTUV"
"""MGRS row letters from the equator; even zones begin at F."""
_TILE = re.compile(
    rf"(?P<zone>0[1-9]|[1-5]\d|60)(?P<band>[{_BANDS}])(?P<column>[A-Z])(?P<row>[{_ROWS}])"
)
_ELLIPSOID = Geod(ellps="WGS84")

Geometry = TypeVar("Geometry", bound=BaseGeometry)
Bounds = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Grid:
    """A north-up grid of square pixels in a projected CRS."""

    epsg: int
    left: float
    """Western edge of the first column, units of the CRS."""
    top: float
    """Northern edge of the first row."""
    width: int
    height: int
    resolution: float = 10.0
    """Side of a pixel, units of the CRS (metres in UTM)."""

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1 or not self.resolution > 0:
            raise ValueError(f"a grid needs pixels: {self}")

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width), as arrays have it."""
        return self.height, self.width

    @property
    def transform(self) -> Affine:
        """From (column, row) to (x, y); whole numbers are pixel corners."""
        return Affine(self.resolution, 0, self.left, 0, -self.resolution, self.top)

    @property
    def bounds(self) -> Bounds:
        """(left, bottom, right, top)."""
        return (
            self.left,
            self.top - self.height * self.resolution,
            self.left + self.width * self.resolution,
            self.top,
        )

    def window(self, bounds: Bounds) -> Grid:
        """The smallest part of this grid that covers what `bounds` share with it.

        bounds: (left, bottom, right, top) in the grid's CRS.
        Every pixel of the part is a pixel of this grid. `NothingValid` if they share no area.
        """
        left, bottom, right, top = bounds
        first_column = max(0, math.floor((left - self.left) / self.resolution + _EDGE))
        first_row = max(0, math.floor((self.top - top) / self.resolution + _EDGE))
        columns = min(self.width, math.ceil((right - self.left) / self.resolution - _EDGE))
        rows = min(self.height, math.ceil((self.top - bottom) / self.resolution - _EDGE))
        if first_column >= columns or first_row >= rows:
            raise NothingValid(
                f"the bounds {left:.0f} {bottom:.0f} {right:.0f} {top:.0f} lie outside the grid"
                f" {' '.join(f'{edge:.0f}' for edge in self.bounds)} (EPSG:{self.epsg})"
            )
        return replace(
            self,
            left=self.left + first_column * self.resolution,
            top=self.top - first_row * self.resolution,
            width=columns - first_column,
            height=rows - first_row,
        )

    def rows(self, rows: slice) -> Grid:
        """The rows from `rows.start` to before `rows.stop`, in their whole width."""
        top = self.top - rows.start * self.resolution
        return replace(self, top=top, height=rows.stop - rows.start)

    def strips(self, most_pixels: int) -> Iterator[Grid]:
        """This grid from north to south in parts of its whole width.

        A part has at most `most_pixels`, and rows in multiples of `STRIP_ROWS`, which blocks of
        files divide; so one multiple at least. Together they are the grid, without overlap.
        """
        rows = max(1, most_pixels // self.width // STRIP_ROWS) * STRIP_ROWS
        for row in range(0, self.height, rows):
            yield self.rows(slice(row, min(row + rows, self.height)))


def tile_grid(tile: str) -> Grid:
    """The 10 m grid of a Sentinel-2 tile: 10980 x 10980 pixels in the UTM zone of its name.

    A tile is the 100 km MGRS square of its name with its north-western corner moved outward
    to multiples of 60 m counted from the equator (Sentinel-2's tiling grid), and reaches
    109.8 km to the east and south. `BadScene` if there is no such square.
    """
    match = _TILE.fullmatch(tile)
    west = -1 if match is None else _COLUMNS[int(match["zone"]) % 3].find(match["column"]) + 1
    if match is None or west < 1:
        raise BadScene(f"{tile!r} is not an MGRS tile; one looks like 31UFU")
    zone, southern = int(match["zone"]), match["band"] < "N"
    band_south = -80 + 8 * _BANDS.index(match["band"])
    # rows repeat every 2000 km: the first one that reaches into the latitude band
    _, lowest = _transformer(WGS84, 32600 + zone).transform(6 * zone - 183, band_south)
    row = (_ROWS.index(match["row"]) - 5 * (zone % 2 == 0)) * _SQUARE
    row += math.ceil((lowest - _SQUARE - row) / _CYCLE) * _CYCLE
    left = math.floor(west * _SQUARE / _SNAP) * _SNAP
    top = math.ceil((row + _SQUARE) / _SNAP) * _SNAP + southern * _SOUTHERN_EQUATOR
    return Grid(32600 + 100 * southern + zone, float(left), float(top), TILE_SIZE, TILE_SIZE)


def tile_at(longitude: float, latitude: float) -> str:
    """The MGRS tile whose 100 km square holds the place, such as 31UFU.

    Sentinel-2's tiles overlap: a neighbour may show the place as well.
    `BadScene` beyond 84 degrees north and 80 south, where MGRS has no UTM squares.
    """
    if not (-80 <= latitude < 84 and -180 <= longitude <= 180):
        raise BadScene(
            f"no Sentinel-2 tile lies at longitude {longitude:.4f}, latitude {latitude:.4f}"
        )
    return _square_in(_zone_at(longitude, latitude), longitude, latitude)


def _square_in(zone: int, longitude: float, latitude: float) -> str:
    """The square of a place in the numbering of a zone that may be its neighbour."""
    band = _BANDS[min(int(latitude + 80) // 8, len(_BANDS) - 1)]
    easting, northing = _transformer(WGS84, 32600 + zone).transform(longitude, latitude)
    column = _COLUMNS[zone % 3][min(max(int(easting // _SQUARE), 1), 8) - 1]
    row = _ROWS[int(northing // _SQUARE + 5 * (zone % 2 == 0)) % len(_ROWS)]
    return f"{zone:02d}{band}{column}{row}"


def tiles_over(ground: BaseGeometry) -> list[str]:
    """The tiles that reach into `ground`, sorted; neighbours overlap by 10 km.

    ground: polygons in EPSG:4326. Near the border of two UTM zones both have tiles. Not every
    one has images: Sentinel-2 leaves out the sea, and most of those far outside their zone.
    """
    found = set()
    for part in shapely.get_parts(ground):
        west, south, east, north = part.buffer(_REACH).bounds
        columns = np.linspace(west, east, math.ceil((east - west) / _REACH) + 1)
        rows = np.linspace(south, north, math.ceil((north - south) / _REACH) + 1)
        places = [(float(x), float(y)) for x in columns for y in rows]
        squares = {
            _square_in((_zone_at(x, y) + side - 1) % 60 + 1, x, y)
            for x, y in places
            for side in (-1, 0, 1)
        }
        for tile in squares:
            grid = tile_grid(tile)
            if project(box(*grid.bounds), grid.epsg, WGS84).intersects(part):
                found.add(tile)
    return sorted(found)


def _zone_at(longitude: float, latitude: float) -> int:
    """UTM zone, with MGRS's exceptions for south-western Norway and Svalbard."""
    if 56 <= latitude < 64 and 3 <= longitude < 12:
        return 32
    if latitude >= 72 and 0 <= longitude < 42:
        return 31 + 2 * int((longitude + 3) // 12)
    return int((longitude + 180) // 6) % 60 + 1


def project(geometry: Geometry, from_epsg: int, to_epsg: int) -> Geometry:
    """The same vertices in another CRS, always (x, y) or (longitude, latitude).

    Lines between vertices are not densified. `BadArea` if a vertex has no place there.
    """
    if from_epsg == to_epsg:
        return geometry
    transformer = _transformer(from_epsg, to_epsg)

    def turn(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(transformer.transform(points[:, 0], points[:, 1]))

    projected: Geometry = shapely.transform(geometry, turn)
    if not shapely.is_empty(projected) and not math.isfinite(sum(projected.bounds)):
        raise BadArea(
            f"the geometry {' '.join(f'{edge:.4f}' for edge in geometry.bounds)} (EPSG:{from_epsg})"
            f" has no place in EPSG:{to_epsg}; check its CRS"
        )
    return projected


def project_all(
    geometries: Sequence[BaseGeometry], from_epsg: int, to_epsg: int
) -> NDArray[np.object_]:
    """As `project`, of many at once: (len(geometries),) of the same kinds."""
    together = GeometryCollection(list(geometries))
    return np.asarray(shapely.get_parts(project(together, from_epsg, to_epsg)))


def geodesic_areas(polygons: NDArray[np.object_]) -> NDArray[np.float64]:
    """As `geodesic_area`, of many polygons at once; (n,)."""
    rings, owner = shapely.get_rings(shapely.orient_polygons(polygons), return_index=True)
    points, ring = shapely.get_coordinates(rings, return_index=True)
    parts = np.split(points, np.flatnonzero(ring[1:] != ring[:-1]) + 1) if len(ring) else []
    areas = [_ELLIPSOID.polygon_area_perimeter(*part[:-1].T)[0] for part in parts]
    return np.abs(np.bincount(owner, areas, len(polygons)))


def geodesic_area(geometry: BaseGeometry) -> float:
    """Square metres on the WGS84 ellipsoid, holes left out; edges are geodesics.

    geometry: polygon or multipolygon in EPSG:4326, rings in any orientation.
    """
    # geometry_area_perimeter adds ring areas signed by orientation
    area, _ = _ELLIPSOID.geometry_area_perimeter(shapely.orient_polygons(geometry))
    return abs(float(area))


@lru_cache(maxsize=32)
def _transformer(from_epsg: int, to_epsg: int) -> Transformer:
    return Transformer.from_crs(from_epsg, to_epsg, always_xy=True)


@concurrency.before_threads
def _use_proj() -> None:
    """Opens PROJ's database."""
    _transformer(WGS84, 32631).transform(3.0, 52.0)
