"""What reading the areas through Sentinel Hub costs, before any request."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from tulip_ops.core.types import BANDS, Area
from tulip_ops.pipeline import area_masks
from tulip_ops.raster.mgrs import tile_at, tile_grid
from tulip_ops.raster.projection import WGS84, project
from tulip_ops.sources.sentinel_hub import processing_units

_COLOURS = 3


@dataclass(frozen=True, slots=True)
class Cost:
    """Processing units of one area."""

    area: str
    width: int
    height: int
    """Pixels of 10 m that each acquisition reads, the surroundings included."""
    look: float
    """Of one acquisition, ten bands: sentinel-hub."""
    look_true_color: float
    """Of one acquisition, true colour: sentinel-hub-wms."""
    looks: int
    """Acquisitions in the season."""

    @property
    def season(self) -> float:
        return self.look * self.looks

    @property
    def season_true_color(self) -> float:
        return self.look_true_color * self.looks


def season_costs(areas: Sequence[Area], window: tuple[str, str], every: float) -> list[Cost]:
    """What each area costs in a season.

    window: first and last month-day, as TULIP_BLOOM_WINDOW. every: days from one acquisition to
    the next. Areas over several tiles are read from each: they cost up to that much more.
    """
    first, last = (date.fromisoformat(f"2024-{day}") for day in window)
    looks = math.ceil(((last - first).days + 1) / every)
    return [_cost(area, looks) for area in areas]


def _cost(area: Area, looks: int) -> Cost:
    middle = area.geometry.representative_point()
    tile = tile_grid(tile_at(middle.x, middle.y))
    around = project(area.geometry, WGS84, tile.epsg).buffer(area_masks.CONTEXT)
    left, bottom, right, top = around.bounds
    width = math.ceil((right - left) / tile.resolution)
    height = math.ceil((top - bottom) / tile.resolution)
    return Cost(
        area=area.name,
        width=width,
        height=height,
        look=processing_units.of_image(width, height, len(BANDS)),
        look_true_color=processing_units.of_image(width, height, _COLOURS),
        looks=looks,
    )
