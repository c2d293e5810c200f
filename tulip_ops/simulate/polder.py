"""A polder over several seasons: land, rotation and cultivars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tulip_ops.simulate.bloom import FieldBloom, bloom_dates
from tulip_ops.simulate.crops import SHARES, Crop, Planting, plant
from tulip_ops.simulate.land import FINE, Layout, lay_out
from tulip_ops.simulate.random_fields import Floats, fractal, line
from tulip_ops.simulate.settlements import settle
from tulip_ops.simulate.spectra import SOIL, SOIL_CHANGES, Cover

_LINE = 4096
_Kind = TypeVar("_Kind", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Polder:
    """Simulated land on an (H, W) grid of 10 m pixels, each of FINE * FINE spots.

    Spots are stored as (FINE * FINE, H, W): every layer is one spot of each pixel, the
    middle layer the pixel's centre. Invariant: make_polder of the same arguments gives the
    same bytes.
    """

    seed: int
    height: int
    width: int
    unit: NDArray[np.int32]
    """(FINE * FINE, H, W): cultivar strip under each spot, also under cover."""
    cover: NDArray[np.uint8]
    """(FINE * FINE, H, W) of `Cover`."""
    parcel: NDArray[np.int32]
    """(units,): parcel of each strip."""
    soil: Floats
    """(parcels, 10): reflectance of each parcel's soil, bare and at its usual moisture."""
    texture: Floats
    """(H, W): brightness relative to the parcel's mean, standard deviation about 1: streaks and
    tramlines along the rows, headlands, old borders and patches."""
    plantings: Mapping[int, Planting]
    """Crops and cultivars by season."""
    blooms: Mapping[int, Mapping[int, FieldBloom]]
    """By season and parcel, of the tulip parcels that flower in it."""

    @property
    def parcels(self) -> NDArray[np.int32]:
        """(H, W): parcel at each pixel's centre, -1 outside fields."""
        middle = FINE * FINE // 2
        here = self.parcel[self.unit[middle]]
        return np.where(self.cover[middle] == Cover.FIELD, here, -1).astype(np.int32)


def make_polder(seed: int, height: int, width: int, seasons: Sequence[int]) -> Polder:
    """A random polder of (height, width) pixels, planted for each of `seasons`.

    Land and the crops of a season depend only on the seed and the season, not on the other
    requested seasons. About one parcel in seven has tulips; most wait six
    seasons for the next tulips, a few two, and a few have them again the year after.
    """
    rng = np.random.default_rng([seed, 0])
    layout = lay_out(rng, height, width)
    settle(rng, layout)
    other = layout.other[layout.parcel[layout.unit]]
    np.copyto(layout.cover, other, where=(other > 0) & (layout.cover == Cover.FIELD))
    tulips = _tulip_years(layout, rng)
    unit, cover = _layers(layout.unit), _layers(layout.cover)
    size = np.bincount(unit[cover == Cover.FIELD], minlength=len(layout.parcel)).astype(np.float32)
    plantings, blooms = {}, {}
    for season in seasons:
        own = np.random.default_rng([seed, 1, season])
        crop = own.choice(list(SHARES), layout.parcel[-1] + 1, p=list(SHARES.values()))
        crop = np.where(tulips[:, season % tulips.shape[1]], Crop.TULIP, crop).astype(np.uint8)
        plantings[season] = plant(crop, layout.parcel, own)
        blooms[season] = bloom_dates(plantings[season], layout.parcel, size, season)
    return Polder(
        seed,
        height,
        width,
        unit,
        cover,
        layout.parcel,
        _soil(rng, int(layout.parcel[-1]) + 1),
        _texture(rng, layout, height, width),
        plantings,
        blooms,
    )


def _tulip_years(layout: Layout, rng: np.random.Generator) -> NDArray[np.bool_]:
    """(parcels, 12): whether a parcel has tulips in season s, at column s % 12."""
    count = int(layout.parcel[-1]) + 1
    wait = rng.choice([6, 4, 3, 2, 1000], count, p=[0.49, 0.11, 0.04, 0.07, 0.29])
    phase = rng.integers(0, 12, count)
    years = (np.arange(12) + phase[:, None]) % wait[:, None].clip(max=12) == 0
    years[wait == 1000] = False
    again = np.roll(years, 1, axis=1) & (rng.random((count, 12)) < 0.12)
    wide = np.bincount(layout.parcel, weights=layout.width, minlength=count) > 30
    return np.asarray((years | again) & wide[:, None])


def _layers(spots: NDArray[_Kind]) -> NDArray[_Kind]:
    """(FINE*H, FINE*W) spots as (FINE*FINE, H, W)."""
    rows, columns = (size // FINE for size in spots.shape)
    split = spots.reshape(rows, FINE, columns, FINE).transpose(1, 3, 0, 2)
    return np.ascontiguousarray(split.reshape(FINE * FINE, rows, columns))


def _soil(rng: np.random.Generator, parcels: int) -> Floats:
    """Peat and sand content of the place, varied by parcel."""
    peat = rng.normal(0, 0.25) + rng.normal(0, 0.22, parcels)
    sand = rng.normal(0.1, 0.25) + rng.normal(0, 0.22, parcels)
    change = np.stack([peat, sand], axis=1) @ SOIL_CHANGES[:2]
    return np.asarray(SOIL * np.exp(change), dtype=np.float32)


def _texture(rng: np.random.Generator, layout: Layout, height: int, width: int) -> Floats:
    """Brightness patterns of rows, tractors, former parcels and soil in each parcel."""
    middle = FINE // 2
    unit = layout.unit[middle::FINE, middle::FINE]
    across = layout.across[middle::FINE, middle::FINE]
    parcel = layout.parcel[unit]
    count = int(layout.parcel[-1]) + 1
    streaks = line(rng, _LINE, (0.8, 3.0, 10.0))
    place = ((across / 5).astype(np.int64) + parcel * 977) % _LINE
    striped = rng.uniform(0.2, 0.9, count).astype(np.float32)[parcel]
    tramlines = _tramlines(rng, across, parcel, count)
    headland = rng.uniform(6, 26, count).astype(np.float32)
    turned = (rng.normal(0, 1.3, count) * (rng.random(count) < 0.6)).astype(np.float32)
    turning = turned[parcel] * np.clip(
        (headland[parcel] - layout.end[middle::FINE, middle::FINE]) / 8 + 0.5, 0, 1
    )
    former = rng.normal(0, 1, _LINE).astype(np.float32)
    shift, wide = rng.uniform(0, 400), rng.uniform(70, 170)
    old = former[((across + shift) / wide).astype(np.int64) % _LINE]
    patches = fractal(rng, height, width, 2.7, coarsest=90)
    grain = fractal(rng, height, width, 1.0)
    total = 0.5 * striped * streaks[place] + tramlines + turning + 0.45 * old
    return np.asarray(total + 0.75 * patches + 0.3 * grain, dtype=np.float32)


def _tramlines(
    rng: np.random.Generator, across: Floats, parcel: NDArray[np.int32], count: int
) -> Floats:
    """Wheel tracks, lighter or darker, at the working width of the parcel's sprayer."""
    apart = rng.choice([24.0, 27.0, 36.0, 39.0], count).astype(np.float32)[parcel]
    depth = (rng.normal(0, 1.2, count) * (rng.random(count) < 0.5)).astype(np.float32)[parcel]
    phase = rng.uniform(0, 40, count).astype(np.float32)[parcel]
    off = np.abs((across + phase) % apart - apart / 2)
    return np.asarray(depth * np.clip(1 - off / 8, 0, 1), dtype=np.float32)
