"""The input of bench/beam/run.py: a simulated season, or images of one's own, as an archive."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import rasterio
import shapely
from rasterio.errors import NotGeoreferencedWarning
from shapely.geometry import MultiPolygon, box
from shapely.geometry.base import BaseGeometry

from tulip_ops.core.types import BANDS, SIMULATED_PLATFORM, AcquisitionId, Area
from tulip_ops.raster.grid import Grid
from tulip_ops.raster.projection import WGS84, project
from tulip_ops.simulate import Sky, Weather, make_polder, make_scene
from tulip_ops.sources.archive.source import Archive
from tulip_ops.storage import vector_files

CHIP = 256
TILE = "31UFU"
FIRST, DAYS = date(2024, 4, 1), 40
AREAS = "areas.geojson"
"""Beside the archive: one area of interest over it."""


def write_season(place: Path, count: int, side: int, seed: int = 0) -> list[AcquisitionId]:
    """Write `count` acquisitions of `side` x `side` pixels within forty days of one spring.

    Some are clear, some partly cloudy, one in ten is overcast. The area of interest is a little
    smaller than the scenes.
    """
    grid = Grid(32631, 677600.0, 5850240.0, side, side)
    polder = make_polder(seed, side, side, [FIRST.year])
    archive = Archive(place)
    ids = []
    for number in range(count):
        day = FIRST + timedelta(days=number % DAYS)
        cover = (0.0, 1.0, 0.2, 0.0, 0.4, 0.0, 0.0, 0.15, 0.0, 0.0)[number % 10]
        kind = Weather.OVERCAST if cover == 1 else Weather.BROKEN if cover else Weather.CLEAR
        sky = Sky(kind, cover, optical_depth=8.0 if cover else 0.0, height=1000.0,
                  sun_elevation=45.0, sun_azimuth=165.0)  # fmt: skip
        scene = make_scene(polder, day, sky=sky, seed=seed + number)
        one = AcquisitionId(SIMULATED_PLATFORM, TILE, day, number // DAYS, "L2A")
        sensed_at = datetime(day.year, day.month, day.day, 10, 50, number // DAYS, tzinfo=UTC)
        archive.add_scene(one, sensed_at, scene.reflectance, BANDS, grid)
        ids.append(one)
    west, south, east, north = grid.bounds
    ground = box(west + 100, south + 100, east - 100, north - 100)
    _write_area(place, [project(ground, grid.epsg, WGS84)])
    return ids


def write_images(place: Path, images: Sequence[Path]) -> list[AcquisitionId]:
    """An archive of GeoTIFFs, over all ground of which lies the area of interest."""
    ids = Archive(place).add_files(images)
    footprints = (scene.footprint for scene in Archive(place).scenes())
    _write_area(place, footprints)
    return ids


def write_chips(archive: Path, out: Path) -> int:
    """The archive as in the 2018 prototype: PNG chips in true colour; returns how many."""
    warnings.simplefilter("ignore", NotGeoreferencedWarning)
    out.mkdir()
    red, green, blue = (BANDS.index(name) + 1 for name in ("red", "green", "blue"))
    count = 0
    for path in sorted(archive.glob("*/reflectance.tif")):
        with rasterio.open(path) as scene:
            dn = scene.read([red, green, blue])
        colours = np.clip((dn * 1e-4 - 0.1) * 2.5 * 255, 0, 255).astype(np.uint8)
        for row in range(0, dn.shape[1] - CHIP + 1, CHIP):
            for column in range(0, dn.shape[2] - CHIP + 1, CHIP):
                chip = colours[:, row : row + CHIP, column : column + CHIP]
                name = f"{path.parent.name}_wms_{row}_{column}.png"
                with rasterio.open(out / name, "w", driver="PNG", width=CHIP, height=CHIP, count=3,
                                   dtype="uint8") as png:  # fmt: skip
                    png.write(chip)
                count += 1
    return count


def ground(archive: Path) -> float:
    """Chips of 256 x 256 pixels that its scenes hold, in area."""
    pixels = 0
    for path in archive.glob("*/reflectance.tif"):
        with rasterio.open(path) as scene:
            pixels += scene.width * scene.height
    return pixels / CHIP**2


def _write_area(place: Path, footprints: Iterable[BaseGeometry]) -> None:
    together = shapely.get_parts(shapely.normalize(shapely.union_all(list(footprints))))
    vector_files.write_areas(place / AREAS, [Area("polder", MultiPolygon(together.tolist()))])
