"""Crops: what is planted where in a season."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from tulip_ops.simulate import spectra
from tulip_ops.simulate.noise import Floats, Reals


class Crop(IntEnum):
    """What a parcel carries for a season."""

    TULIP = 0
    WHEAT = 1
    POTATO = 2
    BEET = 3
    ONION = 4
    MAIZE = 5
    GRASS = 6
    RAPE = 7
    HYACINTH = 8
    DAFFODIL = 9
    SPRING_CEREAL = 10
    FALLOW = 11
    RED_SOIL = 12
    COVERED = 13
    STRAW = 14


SHARES = {
    Crop.WHEAT: 0.125,
    Crop.POTATO: 0.335,
    Crop.BEET: 0.135,
    Crop.ONION: 0.175,
    Crop.MAIZE: 0.05,
    Crop.GRASS: 0.05,
    Crop.RAPE: 0.005,
    Crop.HYACINTH: 0.008,
    Crop.DAFFODIL: 0.012,
    Crop.SPRING_CEREAL: 0.055,
    Crop.FALLOW: 0.028,
    Crop.RED_SOIL: 0.005,
    Crop.COVERED: 0.007,
    Crop.STRAW: 0.01,
}
"""Crops of parcels without tulips, as shares that sum to 1."""

BULBS = (Crop.TULIP, Crop.HYACINTH, Crop.DAFFODIL)
_OPENS = {Crop.TULIP: 690.0, Crop.HYACINTH: 470.0, Crop.DAFFODIL: 400.0}
_COLOUR_SHARES = {
    Crop.TULIP: (0.23, 0.07, 0.15, 0.31, 0.09, 0.08, 0.07, 0.0),
    Crop.HYACINTH: (0.05, 0.0, 0.3, 0.0, 0.2, 0.1, 0.0, 0.35),
    Crop.DAFFODIL: (0.0, 0.0, 0.0, 0.88, 0.12, 0.0, 0.0, 0.0),
}
_YELLOW = spectra.COLOURS.index("yellow")
_LATER = np.array([-40, -20, 10, 25, 5, 0, -20, 0], dtype=np.float32)
"""How much later than the average a colour opens, degC days (2016: red first, yellow last)."""


@dataclass(frozen=True, slots=True)
class Planting:
    """One season of a polder: crops by parcel, cultivars by strip."""

    crop: NDArray[np.uint8]
    """(parcels,) of `Crop`."""
    ahead: NDArray[np.float32]
    """(parcels,) how far the parcel is ahead of its crop's usual growth, degC days."""
    closed: NDArray[np.float32]
    """(units,) share of the ground that a bulb crop's leaves can cover, 0..1."""
    tone: NDArray[np.float32]
    """(units,) brightness of leaves against the usual, about 1."""
    blush: NDArray[np.float32]
    """(units,) how much redder a bulb cultivar's leaves are than the usual, about 1."""
    brightness: NDArray[np.float32]
    """(units,) logarithm of the soil's brightness against the usual."""
    colour: NDArray[np.uint8]
    """(units,) index into `spectra.COLOURS`; means something in bulb parcels only."""
    opens: NDArray[np.float32]
    """(units,) warmth at which flowers open; infinite in strips kept from flowering."""
    lasts: NDArray[np.float32]
    """(units,) warmth from opening until the heads are cut."""
    density: NDArray[np.float32]
    """(units,) how closed the stand of flowers is, 0..1."""


def plant(crop: NDArray[np.uint8], parcel: NDArray[np.int32], rng: np.random.Generator) -> Planting:
    """Decide cultivars and conditions of a season for given crops.

    crop (parcels,); parcel (units,), the parcel of each strip. Neighbouring strips often
    carry the same cultivar.
    """
    parcels, units = len(crop), len(parcel)
    colour = np.zeros(units, dtype=np.uint8)
    opens = np.full(units, np.inf, dtype=np.float32)
    lasts = rng.uniform(60, 140, units).astype(np.float32)
    density = rng.uniform(0.3, 0.95, units).astype(np.float32)
    shift = rng.normal(0, 35, parcels) - 130 * (rng.random(parcels) < 0.05)
    same = rng.choice([0.3, 0.6, 0.9], parcels, p=[0.5, 0.35, 0.15])
    for kind in BULBS:
        own = np.flatnonzero(crop[parcel] == kind)
        colour[own] = rng.choice(len(spectra.COLOURS), len(own), p=_COLOUR_SHARES[kind])
        start = _OPENS[kind] + shift[parcel[own]] + rng.normal(0, 50, len(own))
        start += _LATER[colour[own]]
        start[rng.random(len(own)) < (0.25 if kind == Crop.TULIP else 0.05)] = np.inf
        opens[own] = start
        lasts[own] *= np.where(colour[own] == _YELLOW, 1.35, 1)
    follow = rng.random(units) < same[parcel]
    for unit in np.flatnonzero(follow[1:] & (parcel[1:] == parcel[:-1])) + 1:
        for values in (colour, opens, lasts, density):
            values[unit] = values[unit - 1]
    thin = np.where(rng.random(units) < 0.09, rng.uniform(0.05, 0.5, units), 1)
    uneven = 0.05 * (rng.random(parcels) < 0.35)
    return Planting(
        crop=crop,
        ahead=_single(rng.normal(0, 45, parcels)),
        closed=_single(rng.uniform(0.48, 0.96, parcels)[parcel] * thin),
        tone=_single(np.exp(rng.normal(0, 0.08, parcels)[parcel] + rng.normal(0, 0.05, units))),
        blush=_single(np.exp(rng.normal(0.04, 0.08, parcels)[parcel] + rng.normal(0, 0.06, units))),
        brightness=_single(
            rng.normal(-0.07, 0.11, parcels)[parcel] + rng.normal(0, uneven[parcel])
        ),
        colour=colour,
        opens=opens,
        lasts=lasts,
        density=_single(density * np.sqrt(thin)),
    )


def _single(values: Reals) -> Floats:
    return np.asarray(values, dtype=np.float32)
