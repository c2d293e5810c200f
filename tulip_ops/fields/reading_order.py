"""Reading order of polygons, for an order of results independent of input."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shapely.geometry import Polygon


def reading_order(polygon: Polygon) -> tuple[float, float, bytes]:
    """Sort key: north to south, then west to east, then by bytes, so that no two tie."""
    west, _, _, north = polygon.bounds
    return -north, west, polygon.wkb
