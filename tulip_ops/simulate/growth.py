"""Growth: how what is planted looks at a given warmth.

Growth follows the temperature sum of the season (`seasons.warmth`, degC days), so that
everything shifts together in an early or a late spring.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tulip_ops.domain import BANDS
from tulip_ops.simulate import spectra
from tulip_ops.simulate.crops import BULBS, Crop, Planting
from tulip_ops.simulate.noise import Floats, Reals

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
    bulbs = np.isin(crop, BULBS)
    share = (share[parcel] * np.where(bulbs, planting.closed, 1))[:, None]
    leaves = leaf[parcel] * planting.tone[:, None]
    blush = np.where(bulbs, planting.blush, 1)
    leaves[:, BANDS.index("red")] *= blush
    leaves[:, BANDS.index("green")] /= np.sqrt(blush)
    # Between leaves the soil lies in shade, and moist.
    soil = soil * (1 - 0.3 * share)
    result = share * leaves + (1 - share) * soil
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
    if kind in BULBS:
        spent = _logistic((now - 1340) / 90)[:, None]
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


def _logistic(x: Reals) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -30, 30))), dtype=np.float32)
