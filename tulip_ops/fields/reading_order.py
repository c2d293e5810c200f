"""The order of polygons on a page, which gives results an order of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shapely.geometry import Polygon


def reading_order(polygon: Polygon) -> tuple[float, float, bytes]:
    """Sorts from north to south, then from west to east, then by bytes, so that no two tie."""
    west, _, _, north = polygon.bounds
    return -north, west, polygon.wkb
