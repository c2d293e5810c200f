"""Sentinel-2's tiling grid: MGRS tiles by name and by location."""

from __future__ import annotations

import math
import re

import numpy as np
import shapely
from shapely.geometry import box
from shapely.geometry.base import BaseGeometry

from tulip_ops.core.errors import BadScene
from tulip_ops.raster.grid import Grid
from tulip_ops.raster.projection import WGS84, project, transformer_of

TILE_SIZE = 10980
"""Pixels of 10 m along each side of a Sentinel-2 tile."""

_SNAP = 60
"""Tile corners are multiples of the coarsest band's pixel, counted from the equator, metres."""
_SQUARE = 100_000
_CYCLE = 2_000_000
_REACH = 0.25
"""Degrees: more than the overlap of tiles up to 65 degrees north, less than a square's size."""
_SOUTHERN_EQUATOR = 10_000_000

_BANDS = "CDEFGHJKLMNPQRSTUVWX"
"""MGRS latitude bands from 80 degrees south, 8 degrees each; X reaches 84 north."""
_COLUMNS = ("STUVWXYZ", "ABCDEFGH", "JKLMNPQR")
"""MGRS column letters from 100 km east, by zone modulo 3."""
_ROWS = "ABCDEFGHJKLMNPQRSTUV"
"""MGRS row letters from the equator; even zones begin at F."""
_TILE = re.compile(
    rf"(?P<zone>0[1-9]|[1-5]\d|60)(?P<band>[{_BANDS}])(?P<column>[A-Z])(?P<row>[{_ROWS}])"
)


def tile_grid(tile: str) -> Grid:
    """The 10 m grid of a Sentinel-2 tile: 10980 x 10980 pixels in the UTM zone of its name.

    A tile is the 100 km MGRS square of its name with its north-western corner moved outward
    to multiples of 60 m counted from the equator (Sentinel-2's tiling grid), and reaches
    109.8 km to the east and south. `BadScene` if the square does not exist.
    """
    match = _TILE.fullmatch(tile)
    west = -1 if match is None else _COLUMNS[int(match["zone"]) % 3].find(match["column"]) + 1
    if match is None or west < 1:
        raise BadScene(f"{tile!r} is not an MGRS tile; one looks like 31UFU")
    zone, southern = int(match["zone"]), match["band"] < "N"
    band_south = -80 + 8 * _BANDS.index(match["band"])
    # row letters repeat every 2000 km: take the first row that intersects the latitude band
    _, lowest = transformer_of(WGS84, 32600 + zone).transform(6 * zone - 183, band_south)
    row = (_ROWS.index(match["row"]) - 5 * (zone % 2 == 0)) * _SQUARE
    row += math.ceil((lowest - _SQUARE - row) / _CYCLE) * _CYCLE
    left = math.floor(west * _SQUARE / _SNAP) * _SNAP
    top = math.ceil((row + _SQUARE) / _SNAP) * _SNAP + southern * _SOUTHERN_EQUATOR
    return Grid(32600 + 100 * southern + zone, float(left), float(top), TILE_SIZE, TILE_SIZE)


def tile_at(longitude: float, latitude: float) -> str:
    """The MGRS tile whose 100 km square contains a location, such as 31UFU.

    Sentinel-2's tiles overlap: a neighbour may contain the location as well.
    `BadScene` beyond 84 degrees north and 80 south, where MGRS has no UTM squares.
    """
    if not (-80 <= latitude < 84 and -180 <= longitude <= 180):
        raise BadScene(
            f"no Sentinel-2 tile lies at longitude {longitude:.4f}, latitude {latitude:.4f}"
        )
    return _square_in(_zone_at(longitude, latitude), longitude, latitude)


def _square_in(zone: int, longitude: float, latitude: float) -> str:
    """The square of a location in a UTM zone, its own or a neighbouring one."""
    band = _BANDS[min(int(latitude + 80) // 8, len(_BANDS) - 1)]
    easting, northing = transformer_of(WGS84, 32600 + zone).transform(longitude, latitude)
    column = _COLUMNS[zone % 3][min(max(int(easting // _SQUARE), 1), 8) - 1]
    row = _ROWS[int(northing // _SQUARE + 5 * (zone % 2 == 0)) % len(_ROWS)]
    return f"{zone:02d}{band}{column}{row}"


def tiles_over(ground: BaseGeometry) -> list[str]:
    """The tiles that intersect `ground`, sorted; neighbours overlap by 10 km.

    ground: polygons in EPSG:4326. Near the border of two UTM zones, tiles of both are included.
    Not every tile has images: Sentinel-2 omits open sea and most tiles far outside their zone.
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
