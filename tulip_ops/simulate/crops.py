"""Crops: what is planted where in a season."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from tulip_ops.simulate import spectra
from tulip_ops.simulate.random_fields import Floats, Reals


class Crop(IntEnum):
    """What grows on a parcel for a season."""

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
    Crop.WHEAT: 0.112,
    Crop.POTATO: 0.383,
    Crop.BEET: 0.145,
    Crop.ONION: 0.195,
    Crop.MAIZE: 0.045,
    Crop.GRASS: 0.043,
    Crop.RAPE: 0.004,
    Crop.HYACINTH: 0.004,
    Crop.DAFFODIL: 0.004,
    Crop.SPRING_CEREAL: 0.022,
    Crop.FALLOW: 0.03,
    Crop.RED_SOIL: 0.003,
    Crop.COVERED: 0.004,
    Crop.STRAW: 0.006,
}
"""Crops of parcels without tulips, as shares that sum to 1. Hyacinths and daffodils grow in
other regions: here they have a few parcels for every hundred of tulips."""

UNCOVERED = 430.0
"""Warmth at which the plastic comes off the early tulips: about the first of April."""
BULBS = (Crop.TULIP, Crop.HYACINTH, Crop.DAFFODIL)
_OPENS = {Crop.TULIP: 690.0, Crop.HYACINTH: 470.0, Crop.DAFFODIL: 400.0}
_COLOUR_SHARES = {
    Crop.TULIP: (0.23, 0.08, 0.15, 0.34, 0.11, 0.05, 0.04, 0.0),
    Crop.HYACINTH: (0.05, 0.0, 0.3, 0.0, 0.2, 0.1, 0.0, 0.35),
    Crop.DAFFODIL: (0.0, 0.0, 0.0, 0.88, 0.12, 0.0, 0.0, 0.0),
}
_CLOSED = {
    Crop.TULIP: (0.60, 0.88),
    Crop.HYACINTH: (0.50, 0.78),
    Crop.DAFFODIL: (0.80, 0.97),
}
"""Range of the share of ground under fully grown leaves, by parcel."""
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
    """(units,) brightness of leaves relative to the average, about 1."""
    blush: NDArray[np.float32]
    """(units,) redness of a bulb cultivar's leaves relative to the average, about 1."""
    chlorophyll: NDArray[np.float32]
    """(units,) leaf reflectance of a bulb cultivar at 705 nm relative to the average, about 1."""
    water: NDArray[np.float32]
    """(units,) the same in the shortwave infrared, about 1."""
    habit: NDArray[np.float32]
    """(parcels,) the grower's habits, 0..1: whether a catch crop precedes maize, how much grows
    on fallow."""
    covered: NDArray[np.bool_]
    """(parcels,) forced under plastic until the end of March, to flower early."""
    brightness: NDArray[np.float32]
    """(units,) logarithm of the soil's brightness relative to the average."""
    colour: NDArray[np.uint8]
    """(units,) index into `spectra.COLOURS`; valid in bulb parcels only."""
    opens: NDArray[np.float32]
    """(units,) warmth at which flowers open; infinite in strips kept from flowering."""
    lasts: NDArray[np.float32]
    """(units,) warmth from opening until the heads are cut."""
    density: NDArray[np.float32]
    """(units,) density of the flowers, 0..1."""


def plant(crop: NDArray[np.uint8], parcel: NDArray[np.int32], rng: np.random.Generator) -> Planting:
    """Decide cultivars and conditions of a season for given crops.

    crop (parcels,); parcel (units,), the parcel of each strip. Neighbouring strips often
    have the same cultivar.
    """
    parcels, units = len(crop), len(parcel)
    early = rng.random(parcels) < 0.04
    covered = early & (rng.random(parcels) < 0.4) & (crop == Crop.TULIP)
    shift = rng.normal(0, 35, parcels) - 130 * early
    colour, opens, lasts, density = _flowers(crop, parcel, shift, rng)
    opens = np.where(covered[parcel], np.maximum(opens, UNCOVERED), opens)
    # Failed strips are rare: hardly any pixel inside the real masks of May resembles bare soil.
    thin = np.where(rng.random(units) < 0.02, rng.uniform(0.3, 0.75, units), 1)
    closed = np.ones(parcels)
    for kind, span in _CLOSED.items():
        closed = np.where(crop == kind, rng.uniform(*span, parcels), closed)
    closed = np.clip(closed[parcel] + rng.normal(0, 0.03, units), 0, 0.98) * thin
    uneven = 0.05 * (rng.random(parcels) < 0.35)
    return Planting(
        crop=crop,
        ahead=_single(rng.normal(0, 45, parcels)),
        closed=_single(closed),
        tone=_single(np.exp(rng.normal(0, 0.08, parcels)[parcel] + rng.normal(0, 0.05, units))),
        blush=_single(np.exp(rng.normal(0.04, 0.08, parcels)[parcel] + rng.normal(0, 0.06, units))),
        chlorophyll=_single(np.exp(rng.normal(0, 0.10, units))),
        water=_single(np.exp(rng.normal(0, 0.08, parcels)[parcel] + rng.normal(0, 0.05, units))),
        habit=_single(rng.random(parcels)),
        covered=covered,
        brightness=_single(
            rng.normal(-0.04, 0.095, parcels)[parcel] + rng.normal(0, uneven[parcel])
        ),
        colour=colour,
        opens=_single(opens),
        lasts=lasts,
        density=_single(density * np.sqrt(thin)),
    )


def _flowers(
    crop: NDArray[np.uint8], parcel: NDArray[np.int32], shift: Reals, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], Floats, Floats, Floats]:
    """Colour, warmth at opening, warmth until cutting and density of every strip.

    shift (parcels,): how much later than usual a parcel flowers, degC days.
    """
    units = len(parcel)
    colour = np.zeros(units, dtype=np.uint8)
    opens = np.full(units, np.inf, dtype=np.float32)
    lasts = rng.uniform(60, 140, units).astype(np.float32)
    density = rng.uniform(0.3, 0.95, units).astype(np.float32)
    for kind in BULBS:
        own = np.flatnonzero(crop[parcel] == kind)
        colour[own] = rng.choice(len(spectra.COLOURS), len(own), p=_COLOUR_SHARES[kind])
        start = _OPENS[kind] + shift[parcel[own]] + rng.normal(0, 50, len(own))
        start += _LATER[colour[own]]
        start[rng.random(len(own)) < (0.28 if kind == Crop.TULIP else 0.05)] = np.inf
        opens[own] = start
        lasts[own] *= np.where(colour[own] == _YELLOW, 1.35, 1)
    same = rng.choice([0.3, 0.6, 0.9], len(crop), p=[0.5, 0.35, 0.15])
    follow = rng.random(units) < same[parcel]
    for unit in np.flatnonzero(follow[1:] & (parcel[1:] == parcel[:-1])) + 1:
        for values in (colour, opens, lasts, density):
            values[unit] = values[unit - 1]
    return colour, opens, lasts, density


def _single(values: Reals) -> Floats:
    return np.asarray(values, dtype=np.float32)
