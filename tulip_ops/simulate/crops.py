"""Crops: what is planted where in a season, and how it looks at a given warmth.

Growth follows the temperature sum of the season (`seasons.warmth`, degC days), so that
everything shifts together in an early or a late spring.
"""

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
    Crop.RAPE: 0.008,
    Crop.HYACINTH: 0.008,
    Crop.DAFFODIL: 0.012,
    Crop.SPRING_CEREAL: 0.055,
    Crop.FALLOW: 0.025,
    Crop.RED_SOIL: 0.005,
    Crop.COVERED: 0.007,
    Crop.STRAW: 0.01,
}
"""Crops of parcels without tulips, as shares that sum to 1."""

_RISE = {
    Crop.WHEAT: (285.0, 120.0, 1.0),
    Crop.POTATO: (1225.0, 60.0, 0.97),
    Crop.BEET: (1190.0, 95.0, 0.95),
    Crop.ONION: (1440.0, 150.0, 0.72),
    Crop.MAIZE: (1430.0, 90.0, 0.97),
    Crop.GRASS: (60.0, 130.0, 0.95),
    Crop.RAPE: (200.0, 90.0, 0.98),
    Crop.SPRING_CEREAL: (830.0, 95.0, 0.96),
    Crop.FALLOW: (1500.0, 300.0, 0.4),
}
"""Warmth at half cover, how gradually it closes (degC days), and full cover."""
_LEAF = {
    Crop.POTATO: spectra.BROADLEAF,
    Crop.BEET: spectra.BEET_LEAF,
    Crop.MAIZE: spectra.MAIZE_LEAF,
    Crop.ONION: spectra.GRASS,
    Crop.GRASS: spectra.GRASS,
    Crop.RAPE: spectra.RAPE,
    Crop.FALLOW: spectra.GRASS,
}
_BULBS = (Crop.TULIP, Crop.HYACINTH, Crop.DAFFODIL)
_OPENS = {Crop.TULIP: 690.0, Crop.HYACINTH: 470.0, Crop.DAFFODIL: 400.0}
_COLOUR_SHARES = {
    Crop.TULIP: (0.20, 0.07, 0.15, 0.29, 0.10, 0.11, 0.08, 0.0),
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
    lasts = rng.uniform(55, 130, units).astype(np.float32)
    density = rng.uniform(0.3, 0.95, units).astype(np.float32)
    shift = rng.normal(0, 35, parcels) - 130 * (rng.random(parcels) < 0.05)
    same = rng.choice([0.3, 0.6, 0.9], parcels, p=[0.5, 0.35, 0.15])
    for kind in _BULBS:
        own = np.flatnonzero(crop[parcel] == kind)
        colour[own] = rng.choice(len(spectra.COLOURS), len(own), p=_COLOUR_SHARES[kind])
        start = _OPENS[kind] + shift[parcel[own]] + rng.normal(0, 55, len(own))
        start += _LATER[colour[own]]
        start[rng.random(len(own)) < (0.25 if kind == Crop.TULIP else 0.05)] = np.inf
        opens[own] = start
        lasts[own] *= np.where(colour[own] == _YELLOW, 1.35, 1)
    follow = rng.random(units) < same[parcel]
    for unit in np.flatnonzero(follow[1:] & (parcel[1:] == parcel[:-1])) + 1:
        for values in (colour, opens, lasts, density):
            values[unit] = values[unit - 1]
    uneven = 0.05 * (rng.random(parcels) < 0.35)
    thin = np.where(rng.random(units) < 0.09, rng.uniform(0.05, 0.5, units), 1)
    density = (density * np.sqrt(thin)).astype(np.float32)
    brightness = rng.normal(-0.07, 0.11, parcels)[parcel] + rng.normal(0, uneven[parcel])
    return Planting(
        crop,
        rng.normal(0, 45, parcels).astype(np.float32),
        (rng.uniform(0.45, 0.95, parcels)[parcel] * thin).astype(np.float32),
        np.exp(rng.normal(0, 0.08, parcels)[parcel] + rng.normal(0, 0.05, units)).astype(
            np.float32
        ),
        brightness.astype(np.float32),
        colour,
        opens,
        lasts,
        density,
    )


def _logistic(x: Reals) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -30, 30))), dtype=np.float32)


def in_flower(planting: Planting, warmth: float) -> Floats:
    """How far each strip's flowers are open, (units,) in 0..1.

    0 before they open and after the heads are cut; opening takes about three days.
    """
    opened = (warmth - planting.opens) / 30
    cut = warmth > planting.opens + planting.lasts
    return np.where(cut, 0, np.clip(opened, 0, 1)).astype(np.float32)


def reflect(
    planting: Planting, parcel: NDArray[np.int32], warmth: float, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Reflectance of every strip at a warmth, and how far it is in flower.

    parcel (units,). `rng` decides what changes from day to day: soil moisture and tillage.
    Returns spectra (units, 10) and flowering (units,) in 0..1.
    """
    parcels = len(planting.crop)
    crop = planting.crop[parcel]
    today = rng.normal(0, 0.08) + rng.normal(0, 0.11, parcels)
    slope = rng.normal(0, 0.02, parcels)[parcel, None] * np.linspace(-1, 1, 10)
    soil = spectra.SOIL * np.exp((planting.brightness + today[parcel])[:, None] + slope)
    soil = np.where((crop == Crop.RED_SOIL)[:, None], spectra.RED_SOIL, soil).astype(np.float32)
    now = warmth + planting.ahead
    share = np.zeros(parcels, dtype=np.float32)
    leaf = np.zeros((parcels, 10), dtype=np.float32)
    for kind in Crop:
        own = planting.crop == kind
        if own.any():
            share[own], leaf[own] = _grown(kind, now[own], rng)
    bulbs = np.isin(crop, _BULBS)
    share = (share[parcel] * np.where(bulbs, planting.closed, 1))[:, None]
    # Between leaves the soil lies in shade, and moist.
    soil = soil * (1 - 0.3 * share)
    result = share * leaf[parcel] * planting.tone[:, None] + (1 - share) * soil
    flowering = in_flower(planting, warmth)
    strength = np.where(bulbs, flowering * planting.density, 0)[:, None].astype(np.float32)
    result = (1 - strength) * result + strength * spectra.FLOWERS[planting.colour]
    for kind, material in ((Crop.COVERED, spectra.PLASTIC), (Crop.STRAW, spectra.STRAW)):
        own = (crop == kind) & (now[parcel] < (700 if kind == Crop.COVERED else 900))
        result[own] = (0.85 * material + 0.15 * result[own]) * rng.uniform(0.75, 1.05)
    return result.astype(np.float32), np.where(bulbs, flowering, 0).astype(np.float32)


def _grown(kind: Crop, now: Reals, rng: np.random.Generator) -> tuple[Reals, Reals]:
    """Share of the ground under leaves (n,) and the leaves' spectrum (n, 10) of n parcels."""
    count = len(now)
    if kind in _BULBS:
        spent = _logistic((now - 1250) / 110)[:, None]
        lifted = (now > 1680)[:, None]
        share = np.where(now > 1680, _logistic((now - 2130) / 90), _logistic((now - 330) / 70))
        standing = (1 - spent) * spectra.BULB_LEAF + spent * spectra.BULB_SPENT
        return share, np.where(lifted, spectra.GRASS, standing)
    if kind in (Crop.WHEAT, Crop.SPRING_CEREAL):
        share = _rise(kind, now)
        headed = _logistic((now - 1150) / 60)[:, None]
        ripe = _logistic((now - 1850) / 60)[:, None]
        green = (1 - headed) * spectra.CEREAL + headed * spectra.HEADING
        return share, (1 - ripe) * green + ripe * spectra.CEREAL_RIPE
    if kind == Crop.GRASS:
        cut = np.where(rng.random(count) < 0.2, rng.uniform(0.3, 1, count), 0)[:, None]
        lush = rng.normal(1, 0.12, (count, 1))
        return _rise(kind, now), ((1 - cut) * spectra.GRASS + cut * spectra.GRASS_CUT) * lush
    if kind == Crop.RAPE:
        flower = np.exp(-0.5 * ((now - 760) / 95) ** 2)[:, None]
        return _rise(kind, now), (1 - flower) * spectra.RAPE + flower * spectra.RAPE_FLOWER
    share = np.asarray(_rise(kind, now) if kind in _RISE else np.zeros(count))
    leaf = np.tile(_LEAF.get(kind, spectra.GRASS), (count, 1))
    if kind in (Crop.MAIZE, Crop.BEET, Crop.POTATO):
        chance = 0.75 if kind == Crop.MAIZE else 0.04
        ploughed = 650 + 250 * rng.random(count)
        green = (now < ploughed) & (rng.random(count) < chance)
        share = np.where(green, 0.88, share)
        if kind == Crop.POTATO:
            share = share * (1 - _logistic((now - 2230) / 60))
        leaf = np.where(green[:, None], spectra.GRASS, leaf)
    return share.astype(np.float32), leaf


def _rise(kind: Crop, now: Reals) -> Floats:
    centre, width, full = _RISE[kind]
    return np.asarray(full * _logistic((now - centre) / width), dtype=np.float32)
