"""The demo archive: two simulated areas in the Noordoostpolder over a few springs.

The places are real, the images are simulated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

import numpy as np
from shapely.geometry import MultiPolygon, box

from tulip_ops.core.types import SIMULATED_PLATFORM, AcquisitionId, Area
from tulip_ops.raster.grid import Grid
from tulip_ops.raster.projection import WGS84, project
from tulip_ops.simulate.polder import make_polder
from tulip_ops.simulate.scenes import SimulatedScene, make_scene
from tulip_ops.simulate.seasons import warmth
from tulip_ops.simulate.sky import Sky, Weather, sun

DEMO_SEASONS = (2024, 2025, 2026)
DEMO_TILE = "31UFU"
DEMO_GRID = Grid(32631, 677600.0, 5850240.0, 290, 638)
"""Covers both areas and a margin, 2.9 x 6.4 km."""
_AREAS = {
    "creil": (677900.0, 5847630.0, 680400.0, 5850130.0),
    "espel": (677700.0, 5843970.0, 680200.0, 5846470.0),
}
"""West, south, east, north in the CRS of the grid; 2.5 x 2.5 km each."""
_FIRST_LOOK = 630.0
"""degC days at the first overpass: the first tulips are in flower."""
_CLEAR = (Weather.CLEAR, 0.0)
_FEW = (Weather.SCATTERED, 0.04)
_MANY = (Weather.BROKEN, 0.4)
_CLOSED = (Weather.OVERCAST, 1.0)
_LOOKS = (
    ((0, _CLEAR), (8, _FEW), (13, _CLOSED), (15, _CLEAR), (23, _CLEAR)),
    ((0, _CLEAR), (8, _CLEAR), (13, _MANY), (15, _FEW), (23, _CLEAR)),
    ((0, _CLEAR), (5, _CLOSED), (8, _CLEAR), (15, _FEW), (23, _CLEAR)),
)
"""By season (cyclic) and overpass: days since the first one, kind of sky, and its cloud cover.
Two orbits pass, each every five days, three days apart. The clear days hardly miss a bloom; where
clouds cover a field on the day between, a bloom could go unobserved."""


class SimulatedOverpass(NamedTuple):
    """One simulated acquisition of the demo archive, with its grid."""

    id: AcquisitionId
    sensed_at: datetime
    """UTC."""
    scene: SimulatedScene
    grid: Grid
    """Of the scene's pixels."""


def demo_areas() -> list[Area]:
    """The two areas of interest of the demo, slightly inside its scenes."""
    areas = []
    for name, bounds in _AREAS.items():
        outline = project(MultiPolygon([box(*bounds)]), DEMO_GRID.epsg, WGS84)
        areas.append(Area(name, outline))
    return areas


def demo_dates(seasons: Sequence[int] = DEMO_SEASONS) -> list[date]:
    """The overpasses of the demo archive, oldest first: five a season, through its bloom."""
    return [day for day, _, _ in _looks(seasons)]


def _looks(seasons: Sequence[int]) -> Iterator[tuple[date, Weather, float]]:
    """Day, kind of sky and cloud cover of each overpass, oldest first."""
    for number, season in enumerate(sorted(seasons)):
        days = (date(season, 3, 1) + timedelta(days=count) for count in range(90))
        first = next(day for day in days if warmth(day) >= _FIRST_LOOK)
        for later, (kind, cover) in _LOOKS[number % len(_LOOKS)]:
            yield first + timedelta(days=later), kind, cover


def demo_archive(
    seasons: Sequence[int] = DEMO_SEASONS, seed: int = 0
) -> Iterator[SimulatedOverpass]:
    """The overpasses of the demo archive, oldest first.

    Each season has five: three clear, one partly cloudy, one overcast or with many clouds.
    Tulips move between the seasons as rotation has it: most parcels wait for years, some
    have them again. The same arguments give the same bytes.
    """
    polder = make_polder(seed, DEMO_GRID.height, DEMO_GRID.width, sorted(seasons))
    for day, kind, cover in _looks(seasons):
        rng = np.random.default_rng([seed, 4, day.toordinal()])
        elevation, azimuth = sun(day)
        sky = Sky(
            kind,
            cover,
            optical_depth=float(rng.uniform(4, 14)) if cover else 0.0,
            height=float(rng.uniform(700, 1600)),
            sun_elevation=elevation,
            sun_azimuth=azimuth,
        )
        scene = make_scene(polder, day, sky=sky, seed=int(rng.integers(2**31)))
        sensed_at = datetime(day.year, day.month, day.day, 10, 50, tzinfo=UTC)
        sensed_at += timedelta(seconds=int(rng.integers(-600, 600)))
        identity = AcquisitionId(SIMULATED_PLATFORM, DEMO_TILE, day, 0, "L2A")
        yield SimulatedOverpass(identity, sensed_at, scene, DEMO_GRID)
