"""A polder over several seasons: land, rotation and cultivars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tulip_ops.simulate.crops import SHARES, Crop, Planting, plant
from tulip_ops.simulate.layout import FINE, Layout, lay_out
from tulip_ops.simulate.noise import Floats, fractal, line
from tulip_ops.simulate.settlements import settle
from tulip_ops.simulate.spectra import Cover

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
    """(FINE * FINE, H, W): cultivar strip under each spot, also where cover hides it."""
    cover: NDArray[np.uint8]
    """(FINE * FINE, H, W) of `Cover`."""
    parcel: NDArray[np.int32]
    """(units,): parcel of each strip."""
    texture: Floats
    """(H, W): brightness of the soil against its parcel's mean, standard deviation about 1:
    streaks along the rows, and patches."""
    plantings: Mapping[int, Planting]
    """Crops and cultivars by season."""

    @property
    def parcels(self) -> NDArray[np.int32]:
        """(H, W): parcel at each pixel's centre, -1 where its centre is no field."""
        middle = FINE * FINE // 2
        here = self.parcel[self.unit[middle]]
        return np.where(self.cover[middle] == Cover.FIELD, here, -1).astype(np.int32)


def make_polder(seed: int, height: int, width: int, seasons: Sequence[int]) -> Polder:
    """A random polder of (height, width) pixels, planted for each of `seasons`.

    Land and the crops of a season depend on the seed and the season alone, not on which
    other seasons are asked for. About one parcel in seven carries tulips; most wait six
    seasons for the next tulips, a few two, and a few carry them again the year after.
    """
    rng = np.random.default_rng([seed, 0])
    layout = lay_out(rng, height, width)
    settle(rng, layout)
    other = layout.other[layout.parcel[layout.unit]]
    np.copyto(layout.cover, other, where=(other > 0) & (layout.cover == Cover.FIELD))
    tulips = _tulip_years(layout, rng)
    plantings = {}
    for season in seasons:
        own = np.random.default_rng([seed, 1, season])
        crop = own.choice(list(SHARES), layout.parcel[-1] + 1, p=list(SHARES.values()))
        crop = np.where(tulips[:, season % tulips.shape[1]], Crop.TULIP, crop).astype(np.uint8)
        plantings[season] = plant(crop, layout.parcel, own)
    return Polder(
        seed,
        height,
        width,
        _layers(layout.unit),
        _layers(layout.cover),
        layout.parcel,
        _texture(rng, layout, height, width),
        plantings,
    )


def _tulip_years(layout: Layout, rng: np.random.Generator) -> NDArray[np.bool_]:
    """(parcels, 12): whether a parcel carries tulips in season s, at column s % 12."""
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


def _texture(rng: np.random.Generator, layout: Layout, height: int, width: int) -> Floats:
    """Streaks along the rows of each parcel, patches of soil, and grain."""
    middle = FINE // 2
    unit = layout.unit[middle::FINE, middle::FINE]
    across = layout.across[middle::FINE, middle::FINE]
    parcel = layout.parcel[unit]
    streaks = line(rng, _LINE, (0.8, 3.0, 10.0))
    place = ((across / 5).astype(np.int64) + parcel * 977) % _LINE
    striped = rng.uniform(0.2, 1.0, int(layout.parcel[-1]) + 1).astype(np.float32)[parcel]
    patches = fractal(rng, height, width, 2.7, coarsest=90)
    grain = fractal(rng, height, width, 1.0)
    return np.asarray(0.6 * striped * streaks[place] + 0.85 * patches + 0.3 * grain)
