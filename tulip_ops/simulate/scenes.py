"""Simulated scenes with ground truth, from a polder, a day, a sky and a sensor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from tulip_ops.simulate.bloom import FieldBloom
from tulip_ops.simulate.crops import Crop
from tulip_ops.simulate.growth import reflect
from tulip_ops.simulate.polder import Polder, make_polder
from tulip_ops.simulate.random_fields import Floats, blur, fractal
from tulip_ops.simulate.seasons import KNOWN_SEASONS, warmth
from tulip_ops.simulate.sky import Sky, form, through_atmosphere
from tulip_ops.simulate.spectra import COVERS, LEAFED_TREES, Cover

VERSION = "e2b9a6c30b0a"
"""Version of simulated scenes, part of their cache key: raise it with every change of pixels or
truth. The first value is the digest of the sources of simulate/, the former key of cached scenes
and checkpoints; the next one is "2".
"""
STEP = 1e-4
"""Reflectance per digital number."""

_PATH = np.array(
    [0.078, 0.048, 0.033, 0.027, 0.022, 0.018, 0.014, 0.013, 0.003, 0.002], dtype=np.float32
)
_THROUGH = np.array([0.80, 0.88, 0.92, 0.92, 0.93, 0.94, 0.95, 0.95, 0.93, 0.90], dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Truth:
    """Ground truth, including what clouds hide."""

    tulip: NDArray[np.bool_]
    """(H, W): whether the pixel's centre lies in a tulip parcel, in flower or not."""
    bloom: Floats
    """(H, W) share of the pixel in flower, 0..1; 0 outside tulip."""
    cloud: Floats
    """(H, W) share of the ground hidden by cloud, cirrus and haze, 0..1. Exactly 0 where there
    is none: edges of clouds thinner than 0.02 are left out."""
    shadow: Floats
    """(H, W) share of direct sunlight blocked by clouds, 0..1."""
    fields: NDArray[np.int32]
    """(H, W): parcel of the pixel where tulip, -1 elsewhere."""
    blooms: Mapping[int, FieldBloom]
    """By parcel as in `fields`: flowering this season; fields that never flower are absent."""


@dataclass(frozen=True, slots=True)
class SimulatedScene:
    """A simulated acquisition of a polder."""

    reflectance: Floats
    """(10, H, W) in the order of `BANDS`, integer multiples of 1e-4; NaN outside the
    swath, in all bands alike."""
    truth: Truth
    sensed_at: date


@dataclass(frozen=True, slots=True)
class Atmosphere:
    """Atmospheric effects that remain in the product.

    strength 0: surface reflectance (L2A). 1: top of atmosphere (L1C) as in the real images
    of 2016, where dense wheat reads 0.093, 0.077 and 0.047 in blue, green and red.
    """

    strength: float = 0.0
    offset: float = 0.0
    """Error of a correction that removed too much or too little, reflectance at 490 nm; falls
    with wavelength as scattering does."""

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Atmosphere:
        """Surface reflectance or top of atmosphere, about equally often, with random error."""
        kind = rng.random()
        if kind < 0.42:
            return cls(0.0, float(rng.normal(0, 0.006)))
        if kind < 0.88:
            return cls(float(np.clip(rng.normal(1, 0.15), 0.6, 1.5)), float(rng.normal(0, 0.003)))
        return cls(float(rng.uniform(0, 1.3)))

    @property
    def path(self) -> Floats:
        """(10,) path reflectance."""
        return np.asarray(self.strength * _PATH + self.offset * _PATH / _PATH[0], dtype=np.float32)

    @property
    def through(self) -> Floats:
        """(10,) share of the ground's reflectance that is transmitted."""
        return np.asarray(1 - self.strength * (1 - _THROUGH), dtype=np.float32)


SURFACE = Atmosphere()
TOP = Atmosphere(1.0)


def make_scene(
    polder: Polder,
    day: date,
    *,
    sky: Sky,
    seed: int,
    atmosphere: Atmosphere = SURFACE,
    spread: float = 0.55,
) -> SimulatedScene:
    """Simulate a Sentinel-2 image of `polder` on `day`.

    seed: for the day's clouds, tillage and noise. spread: sigma of the sensor's point spread,
    pixels. KeyError if the polder was not planted for the season of `day`.
    """
    rng = np.random.default_rng([polder.seed, 2, seed, day.toordinal()])
    planting = polder.plantings[day.year]
    warm = warmth(day)
    strips, flowering = reflect(planting, polder.parcel, polder.soil, warm, rng)
    ground = _ground(polder, strips, _covers(warm))
    ground *= _mottle(polder, rng)
    overhead = form(sky, rng, polder.height, polder.width)
    seen = through_atmosphere(ground, overhead, atmosphere.path, atmosphere.through)
    seen = _sense(blur(seen, spread), rng)
    seen[:, _outside(polder, sky, rng)] = np.nan
    fields = polder.parcels
    tulip = (fields >= 0) & (planting.crop[fields] == Crop.TULIP)
    layers = np.where(polder.cover == Cover.FIELD, flowering[polder.unit], 0)
    truth = Truth(
        tulip,
        np.where(tulip, layers.mean(axis=0), 0).astype(np.float32),
        overhead.opacity,
        overhead.shadow,
        np.where(tulip, fields, -1).astype(np.int32),
        polder.blooms[day.year],
    )
    return SimulatedScene(seen, truth, day)


def training_scene(
    seed: int, *, height: int = 256, width: int = 256, sky: Sky | None = None
) -> SimulatedScene:
    """A random polder on a random day under a random sky (or the given one).

    Days lie between mid March and mid June, most of them around the bloom of their season.
    Air and point spread vary, so that a network learns neither.
    """
    rng = np.random.default_rng([seed, 3])
    season = int(rng.choice(KNOWN_SEASONS))
    day = date(season, 3, 15) + timedelta(days=int(rng.integers(0, 93)))
    while rng.random() < 0.8 and not 580 < warmth(day) < 920:
        day = date(season, 3, 15) + timedelta(days=int(rng.integers(0, 93)))
    polder = make_polder(int(rng.integers(2**31)), height, width, [season])
    return make_scene(
        polder,
        day,
        sky=sky or Sky.draw(rng),
        seed=int(rng.integers(2**31)),
        atmosphere=Atmosphere.draw(rng),
        spread=float(rng.uniform(0.5, 1.0)),
    )


def _covers(warm: float) -> Floats:
    """(13, 10) reflectance by `Cover`: trees come into leaf between 400 and 800 degC days."""
    leafed = np.clip((warm - 400) / 400, 0, 1)
    covers = COVERS.copy()
    for kind in (Cover.TREES, Cover.WOOD):
        covers[kind] = (1 - leafed) * COVERS[kind] + leafed * LEAFED_TREES
    return covers


def _ground(polder: Polder, strips: Floats, covers: Floats) -> Floats:
    """(10, H, W): mean over the spots of each pixel."""
    table = np.concatenate([strips, covers]).T.copy()
    total = np.zeros((10, polder.height, polder.width), dtype=np.float32)
    for unit, cover in zip(polder.unit, polder.cover, strict=True):
        index = np.where(cover == Cover.FIELD, unit, len(strips) + cover.astype(np.int32))
        total += table[:, index]
    return np.asarray(total / len(polder.unit), dtype=np.float32)


def _mottle(polder: Polder, rng: np.random.Generator) -> Floats:
    """(1, H, W) random brightness around 1: weak in fields, strong in trees and houses."""
    rough = np.isin(polder.cover, (Cover.FIELD, Cover.WATER, Cover.GLASS, Cover.SOLAR), invert=True)
    built = rough.mean(axis=0, dtype=np.float32)
    grain = fractal(rng, polder.height, polder.width, 0.6)
    fields = 0.017 * polder.texture + 0.006 * grain
    glass = (polder.cover == Cover.GLASS).mean(axis=0, dtype=np.float32)
    houses = 0.06 * glass * (polder.texture + 0.3 * grain)
    return np.asarray(1 + (1 - built) * fields + 0.14 * built * grain + houses)[None]


def _sense(seen: Floats, rng: np.random.Generator) -> Floats:
    """Add noise and quantization of the sensor."""
    noise = rng.standard_normal(seen.shape, dtype=np.float32)
    noisy = seen + noise * (0.0006 + 0.004 * np.maximum(seen, 0))
    return np.asarray(np.round(noisy / STEP) * STEP, dtype=np.float32)


def _outside(polder: Polder, sky: Sky, rng: np.random.Generator) -> NDArray[np.bool_]:
    """(H, W) pixels outside the swath, whose edge runs from north-north-east."""
    x = np.arange(polder.width)[None, :] / polder.width
    y = np.arange(polder.height)[:, None] / polder.height
    slant = x + 0.2 * y
    if rng.random() < 0.5:
        slant = 1.2 - slant
    return np.asarray(slant * np.ones_like(y) < sky.swath_edge * 1.2)
