"""Simulated scenes with the outlines of their tulip parcels, and probabilities for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import shapes
from shapely.geometry import Polygon, shape

from tulip_ops.raster.grid import Grid
from tulip_ops.simulate import Polder, SimulatedScene, Sky, Weather, make_polder, make_scene
from tulip_ops.simulate.crops import Crop
from tulip_ops.simulate.land import FINE, SPOT
from tulip_ops.simulate.random_fields import blur
from tulip_ops.simulate.seasons import warmth
from tulip_ops.simulate.spectra import Cover

SIZE = 512
MINIMUM_AREA = 3000.0
"""m2: smaller parcels and fields do not count."""
SEEDS, WARMTHS = (101, 102, 103, 104), (640, 720, 800)
GRID = Grid(32631, 600_000.0, 5_900_000.0, SIZE, SIZE)

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Scene:
    """A simulated image under a clear sky, and the outlines of its tulip parcels."""

    number: int
    image: SimulatedScene
    parcels: list[Polygon]
    """Parts of parcels of at least `MINIMUM_AREA`, in the CRS of `GRID`."""


def scenes() -> Iterator[Scene]:
    """Twelve scenes: four polders on three days."""
    for place, seed in enumerate(SEEDS):
        season = 2020 + seed % 4
        polder = make_polder(seed, SIZE, SIZE, [season])
        parcels = tulip_parcels(polder, season)
        for number, warm in enumerate(WARMTHS):
            days = (date(season, 3, 1) + timedelta(days=n) for n in range(120))
            day = next(day for day in days if warmth(day) >= warm)
            image = make_scene(polder, day, sky=Sky(Weather.CLEAR), seed=warm)
            yield Scene(place * len(WARMTHS) + number, image, parcels)


def tulip_parcels(polder: Polder, season: int) -> list[Polygon]:
    """Outlines of the parcels with tulips, from spots of 3.3 m.

    Spots are scattered by half their size; opening and closing takes that off the outlines.
    """
    unit, cover = (_spots(layers) for layers in (polder.unit, polder.cover))
    parcel = polder.parcel[unit]
    is_tulip = (cover == Cover.FIELD) & (polder.plantings[season].crop[parcel] == Crop.TULIP)
    grid = Grid(GRID.epsg, GRID.left, GRID.top, SIZE * FINE, SIZE * FINE, SPOT)
    pieces: dict[float, list[Polygon]] = {}
    for piece, number in shapes(parcel, mask=is_tulip, connectivity=4, transform=grid.transform):
        pieces.setdefault(number, []).append(shape(piece))
    joined = [shapely.union_all(pieces[number]) for number in sorted(pieces)]
    closed = shapely.buffer(joined, SPOT, join_style="mitre")
    opened = shapely.buffer(closed, -2 * SPOT, join_style="mitre")
    parts = shapely.get_parts(shapely.buffer(opened, SPOT, join_style="mitre"))
    return [part for part in parts.tolist() if part.area >= MINIMUM_AREA]


def _spots(layers: NDArray[np.integer]) -> NDArray[np.int32]:
    """(FINE*FINE, H, W) layers as (FINE*H, FINE*W) spots."""
    split = layers.reshape(FINE, FINE, *layers.shape[1:]).transpose(2, 0, 3, 1)
    return split.reshape(FINE * layers.shape[1], -1).astype(np.int32)


def noisy(scene: Scene) -> Floats:
    """The truth, blurred, with patches and with noise from pixel to pixel."""
    rng = np.random.default_rng(scene.number)
    truth = scene.image.truth.tulip.astype(np.float32)
    patches = blur(rng.normal(0, 1, truth.shape).astype(np.float32)[None], 1.4)[0]
    inside = blur(truth[None], 0.7)[0]
    grain = rng.normal(0, 0.06, truth.shape).astype(np.float32)
    said = 0.95 * inside + 0.02 + 0.12 * patches / patches.std() * inside + grain
    return np.asarray(np.clip(said, 0, 1), dtype=np.float32)
