"""Growth: canopy of each crop at a given temperature sum.

Growth follows the temperature sum of the season (`seasons.warmth`, degC days), so that
everything shifts together in an early or a late spring.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tulip_ops.core.types import BANDS
from tulip_ops.simulate import spectra
from tulip_ops.simulate.crops import BULBS, UNCOVERED, Crop, Planting
from tulip_ops.simulate.random_fields import Floats, Reals

_RISE = {
    Crop.WHEAT: (335.0, 120.0, 1.0),
    Crop.POTATO: (1225.0, 60.0, 0.97),
    Crop.BEET: (1160.0, 95.0, 0.95),
    Crop.ONION: (1440.0, 150.0, 0.72),
    Crop.MAIZE: (1430.0, 90.0, 0.97),
    Crop.GRASS: (60.0, 130.0, 0.95),
    Crop.RAPE: (200.0, 90.0, 0.98),
    Crop.SPRING_CEREAL: (800.0, 85.0, 0.96),
    Crop.TULIP: (330.0, 70.0, 1.0),
    Crop.HYACINTH: (300.0, 60.0, 1.0),
    Crop.DAFFODIL: (235.0, 75.0, 1.0),
}
"""Warmth at half cover, how gradually it closes (degC days), and full cover."""
_UNEVEN = {
    Crop.WHEAT: 1.8,
    Crop.BEET: 2.3,
    Crop.ONION: 2.3,
    Crop.POTATO: 1.4,
    Crop.MAIZE: 1.8,
    Crop.SPRING_CEREAL: 1.3,
}
"""How much more than by `Planting.ahead` parcels of a crop differ: spread of NDVI in 2025."""
_BULB_LEAF = {
    Crop.TULIP: (spectra.TULIP_LEAF, 1340.0),
    Crop.HYACINTH: (spectra.HYACINTH_LEAF, 1210.0),
    Crop.DAFFODIL: (spectra.DAFFODIL_LEAF, 1400.0),
}
"""Leaves, and the warmth at which half of them are yellow."""
_LEAF = {
    Crop.POTATO: spectra.BROADLEAF,
    Crop.BEET: spectra.BEET_LEAF,
    Crop.MAIZE: spectra.MAIZE_LEAF,
    Crop.ONION: spectra.GRASS,
    Crop.GRASS: spectra.GRASS,
    Crop.RAPE: spectra.RAPE,
}


def in_flower(planting: Planting, warmth: float) -> Floats:
    """How far each strip's flowers are open, (units,) in 0..1.

    0 before they open and after the heads are cut; opening takes about three days.
    """
    opened = (warmth - planting.opens) / 30
    cut = warmth > planting.opens + planting.lasts
    return np.where(cut, 0, np.clip(opened, 0, 1)).astype(np.float32)


def reflect(
    planting: Planting,
    parcel: NDArray[np.int32],
    soil: Floats,
    warmth: float,
    rng: np.random.Generator,
) -> tuple[Floats, Floats]:
    """Reflectance of every strip at a warmth, and how far it is in flower.

    parcel (units,); soil (parcels, 10), bare and at its usual moisture. `rng` draws what
    changes from day to day: soil moisture and tillage.
    Returns spectra (units, 10) and flowering (units,) in 0..1.
    """
    parcels = len(planting.crop)
    crop = planting.crop[parcel]
    bare = _bare(planting, parcel, soil, warmth, rng)
    uneven = np.array([_UNEVEN.get(kind, 1.0) for kind in Crop])[planting.crop]
    now = warmth + planting.ahead * uneven
    share = np.zeros(parcels, dtype=np.float32)
    leaf = np.zeros((parcels, 10), dtype=np.float32)
    for kind in Crop:
        own = planting.crop == kind
        if own.any():
            share[own], leaf[own] = _grown(kind, now[own], planting.habit[own], rng)
    bulbs = np.isin(crop, BULBS)
    share = (share[parcel] * np.where(bulbs, planting.closed, 1))[:, None]
    leaves = _leaves(planting, leaf[parcel], bulbs)
    # Between leaves the soil lies in shade, and moist.
    result = share * leaves + (1 - share) * bare * (1 - 0.3 * share)
    flowering = in_flower(planting, warmth)
    strength = np.where(bulbs, flowering * planting.density, 0)[:, None].astype(np.float32)
    petals = _leaves(planting, spectra.FLOWERS[planting.colour], bulbs)
    result = (1 - strength) * result + strength * petals
    _cover_up(result, planting, parcel, now[parcel], warmth, rng)
    return result.astype(np.float32), np.where(bulbs, flowering, 0).astype(np.float32)


def _cover_up(
    result: Floats,
    planting: Planting,
    parcel: NDArray[np.int32],
    now: Reals,
    warmth: float,
    rng: np.random.Generator,
) -> None:
    """Lay plastic and straw over the spectra `result` (units, 10); now (units,) degC days."""
    crop = planting.crop[parcel]
    for own, material in (
        ((crop == Crop.COVERED) & (now < 700), spectra.PLASTIC),
        (planting.covered[parcel] & (warmth < UNCOVERED), spectra.PLASTIC),
        ((crop == Crop.STRAW) & (now < 900), spectra.STRAW),
    ):
        through = 0.15 * result[own]
        result[own] = (0.85 * material + through) * rng.uniform(0.75, 1.05)


def _bare(
    planting: Planting,
    parcel: NDArray[np.int32],
    soil: Floats,
    warmth: float,
    rng: np.random.Generator,
) -> Floats:
    """(units, 10): soil on the day, with moisture, tillage and half-worked fields.

    It dries during spring: bare fields of 2025 were a fifth brighter in May than in April.
    """
    parcels = len(planting.crop)
    season = np.clip((780 - warmth) / 330, -0.7, 1)
    wet = 0.7 * season + rng.normal(0, 0.35) + rng.normal(0, 0.5, parcels)
    rough = rng.normal(0, 0.06, parcels)
    slope = rng.normal(0, 0.012, parcels)
    count = np.bincount(parcel, minlength=parcels)
    place = (np.arange(len(parcel)) - (np.cumsum(count) - count)[parcel]) / count[parcel]
    half = (rng.random(parcels) < 0.10) * rng.choice([-0.22, 0.14], parcels)
    worked = np.where(place >= rng.uniform(0.2, 0.8, parcels)[parcel], half[parcel], 0)
    tilt = slope[:, None] * np.linspace(-1, 1, 10) + wet[:, None] * spectra.SOIL_CHANGES[2]
    level = planting.brightness + rough[parcel] + worked
    bare = soil[parcel] * np.exp(level[:, None] + tilt[parcel])
    red = (planting.crop == Crop.RED_SOIL)[parcel, None]
    return np.where(red, spectra.RED_SOIL, bare).astype(np.float32)


def _leaves(planting: Planting, leaf: Floats, bulbs: NDArray[np.bool_]) -> Floats:
    """(units, 10): leaves, or flowers, scaled by brightness and, in bulbs, by cultivar."""
    leaves = leaf * planting.tone[:, None]
    blush = np.where(bulbs, planting.blush, 1)
    leaves[:, BANDS.index("red")] *= blush
    leaves[:, BANDS.index("green")] /= np.sqrt(blush)
    leaves[:, BANDS.index("rededge1")] *= np.where(bulbs, planting.chlorophyll, 1)
    water = np.where(bulbs, planting.water, 1)
    leaves[:, BANDS.index("swir16")] *= water
    leaves[:, BANDS.index("swir22")] *= water**1.5
    return np.asarray(leaves, dtype=np.float32)


def _grown(kind: Crop, now: Reals, habit: Reals, rng: np.random.Generator) -> tuple[Reals, Reals]:
    """Share of the ground under leaves (n,) and the leaves' spectrum (n, 10) of n parcels."""
    count = len(now)
    if kind in BULBS:
        return _bulbs(kind, now)
    if kind in (Crop.WHEAT, Crop.SPRING_CEREAL):
        return _rise(kind, now), _cereal(kind, now)
    if kind == Crop.FALLOW:
        share = _logistic((now - 620) / 260) * (0.1 + 0.6 * habit)
        return share, np.tile(0.6 * spectra.GRASS + 0.4 * spectra.GRASS_CUT, (count, 1))
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
        # A catch crop of the winter stands until it is ploughed in.
        chance = 0.75 if kind == Crop.MAIZE else 0.015
        own = habit / chance
        green = (own < 1) & (now < 650 + 250 * own)
        share = np.where(green, 1.0 - 0.65 * np.clip(own, 0, 1) ** 2, share)
        if kind == Crop.POTATO:
            share = share * (1 - _logistic((now - 2230) / 60))
        leaf = np.where(green[:, None], spectra.GRASS, leaf)
    return share.astype(np.float32), leaf


def _bulbs(kind: Crop, now: Reals) -> tuple[Reals, Reals]:
    """As `_grown`: emergence, yellowing, lifting, and later some green on the bare field."""
    fresh, wilted = _BULB_LEAF[kind]
    spent = _logistic((now - wilted) / 90)[:, None]
    lifted = now > wilted + 340
    share = np.where(lifted, _logistic((now - wilted - 790) / 90), _rise(kind, now))
    standing = (1 - spent) * fresh + spent * spectra.BULB_SPENT
    return share, np.where(lifted[:, None], spectra.GRASS, standing)


def _cereal(kind: Crop, now: Reals) -> Reals:
    """(n, 10): leaves, ears, ripe; spring-sown cereals are lighter green at first."""
    headed = _logistic((now - 1150) / 60)[:, None]
    ripe = _logistic((now - 1850) / 60)[:, None]
    young = _logistic((860 - now) / 60)[:, None] if kind == Crop.SPRING_CEREAL else 0
    tillered = (1 - young) * spectra.CEREAL + young * spectra.GRASS
    green = (1 - headed) * tillered + headed * spectra.HEADING
    return np.asarray((1 - ripe) * green + ripe * spectra.CEREAL_RIPE)


def _rise(kind: Crop, now: Reals) -> Floats:
    centre, width, full = _RISE[kind]
    return np.asarray(full * _logistic((now - centre) / width), dtype=np.float32)


def _logistic(x: Reals) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -30, 30))), dtype=np.float32)
