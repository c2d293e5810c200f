"""Weather: clouds, haze, cirrus and their shadows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from statistics import NormalDist

import numpy as np

from tulip_ops.simulate.random_fields import Floats, Reals, blur, blur_coarse, fractal

WAVELENGTHS = np.array([490, 560, 665, 705, 740, 783, 842, 865, 1610, 2190], dtype=np.float32)
"""Centres of `BANDS`, nm."""
_DIFFUSE = np.array([0.36, 0.31, 0.28, 0.27, 0.26, 0.25, 0.24, 0.23, 0.20, 0.19], dtype=np.float32)
"""Diffuse share of the light at the ground, which remains in a full shadow of small clouds
(measured in the shadows of 2016-05-01, blue to red, and in those of a scene of cumulus over
farmland, infrared)."""
_UNSEEN = 0.02
"""Invisible optical depth of a cloud and depth of a shadow: set to zero."""


class Weather(StrEnum):
    """Kinds of sky."""

    CLEAR = "clear"
    SCATTERED = "scattered"
    BROKEN = "broken"
    OVERCAST = "overcast"
    HAZE = "haze"


@dataclass(frozen=True, slots=True)
class Sky:
    """Parameters of the weather of one overpass."""

    kind: Weather
    cover: float = 0.0
    """Expected cloud cover, 0..1: the clouds of a small scene vary around it."""
    optical_depth: float = 0.0
    """Optical depth of the clouds where they are thick."""
    height: float = 1000.0
    """Height of the clouds above the ground, metres."""
    upper: float = 0.0
    """Height of a second, higher layer with a third of the clouds, metres; 0: none."""
    haze: float = 0.0
    """Mean optical depth of haze at 550 nm."""
    cirrus: float = 0.0
    """Optical depth of cirrus where it is thick."""
    sun_elevation: float = 50.0
    """Elevation of the sun, degrees above the horizon."""
    sun_azimuth: float = 163.0
    """Azimuth of the sun, degrees clockwise from north."""
    swath_edge: float = 0.0
    """Share of the scene outside the swath, without data, 0..1."""

    @classmethod
    def draw(cls, rng: np.random.Generator, kind: Weather | None = None) -> Sky:
        """Random weather; of the given kind, if any."""
        kinds = list(Weather)
        chosen = kind or kinds[int(rng.choice(5, p=[0.40, 0.27, 0.12, 0.06, 0.15]))]
        cover = {
            Weather.SCATTERED: float(rng.uniform(0.03, 0.35)),
            Weather.BROKEN: float(rng.uniform(0.35, 0.8)),
            Weather.OVERCAST: float(rng.uniform(0.97, 1.0)),
        }.get(chosen, 0.0)
        thin = rng.random() < 0.5
        depth = rng.uniform(0.5, 3.0) if thin else 3.0 * np.exp(rng.uniform(0, 2.2))
        if chosen == Weather.OVERCAST:
            depth = 1.8 * np.exp(rng.uniform(0, 3.0))
        height = float(np.exp(rng.uniform(np.log(500), np.log(3000))))
        hazy = chosen == Weather.HAZE and rng.random() < 0.7
        cirrus = chosen == Weather.HAZE and (not hazy or rng.random() < 0.3)
        return cls(
            chosen,
            cover,
            float(depth) if cover > 0 else 0.0,
            height,
            height * float(rng.uniform(1.6, 4.0)) if cover > 0 and rng.random() < 0.3 else 0.0,
            float(rng.uniform(0.12, 0.8)) if hazy else 0.0,
            float(rng.uniform(0.15, 0.7)) if cirrus else 0.0,
            float(rng.uniform(36, 60)),
            float(rng.uniform(155, 172)),
            float(rng.uniform(0.05, 0.6)) if rng.random() < 0.04 else 0.0,
        )


def sun(day: date) -> tuple[float, float]:
    """Elevation and azimuth of the sun, degrees, over the Noordoostpolder at 10:50 UTC."""
    latitude, hour = np.radians(52.75), np.radians(-11.8)
    declination = np.radians(23.44 * np.sin(2 * np.pi * (day.timetuple().tm_yday - 81) / 365.25))
    south = np.sin(latitude) * np.cos(hour) - np.cos(latitude) * np.tan(declination)
    up = np.sin(latitude) * np.sin(declination)
    up += np.cos(latitude) * np.cos(declination) * np.cos(hour)
    return (
        float(np.degrees(np.arcsin(up))),
        float(180 + np.degrees(np.arctan2(np.sin(hour), south))),
    )


@dataclass(frozen=True, slots=True)
class Overhead:
    """Atmosphere above every pixel: optical depths (H, W) and the shadow on the ground."""

    cloud: Floats
    cirrus: Floats
    haze: Floats
    shadow: Floats
    """Share of direct sunlight blocked by the clouds, 0..1."""
    top: Floats
    """(H, W) reflectance of the cloud tops."""
    tint: Floats
    """(10,) colour of cloud tops, about 1."""
    glow: float
    """Reflectance of haze."""
    diffuse: Floats
    """(10,) share of the light that remains in a full shadow."""

    @property
    def opacity(self) -> Floats:
        """(H, W) share of the ground hidden at 550 nm by cloud, cirrus and haze, 0..1."""
        return np.asarray(1 - np.exp(-(self.cloud + self.cirrus + self.haze)), dtype=np.float32)


def form(sky: Sky, rng: np.random.Generator, height: int, width: int) -> Overhead:
    """Clouds, cirrus and haze over (height, width) pixels of 10 m, and the clouds' shadows."""
    nothing = np.zeros((height, width), dtype=np.float32)
    cloud, kept, lit = nothing, nothing + 1, nothing + 1
    for layer in _layers(sky):
        depth = _clouds(layer, rng, height, width)
        lit = lit * _shade(layer, rng, depth)
        kept = kept * (1 - _shadow(layer, depth))
        cloud = cloud + depth
    haze: Reals = nothing
    cirrus: Reals = nothing
    if sky.haze > 0:
        swell = fractal(rng, height, width, rng.uniform(3.2, 4.5))
        haze = np.float32(sky.haze) * np.exp(np.float32(rng.uniform(0.1, 0.7)) * swell)
    if sky.cirrus > 0:
        cirrus = np.float32(sky.cirrus) * _fibres(rng, height, width)
    top = rng.uniform(0.18, 0.40) + rng.uniform(0.20, 0.50) * cloud / (cloud + 12)
    top = np.clip(top * rng.uniform(0.65, 1.1) * lit, 0.1, 0.95)
    tint = 1 + rng.normal(0, 0.02) * np.linspace(1, -1, 10)
    tint[8:] *= rng.uniform(0.75, 1.02), rng.uniform(0.52, 0.85)
    return Overhead(
        cloud,
        np.asarray(cirrus, dtype=np.float32),
        np.asarray(haze, dtype=np.float32),
        np.clip(1 - kept, 0, 1).astype(np.float32),
        top.astype(np.float32),
        tint.astype(np.float32),
        float(rng.uniform(0.22, 0.40)),
        np.asarray(_DIFFUSE * rng.uniform(0.75, 1.25), dtype=np.float32),
    )


def _layers(sky: Sky) -> list[Sky]:
    """The layers of cloud, each a sky of its own."""
    if sky.cover <= 0:
        return []
    if sky.upper <= 0 or sky.kind == Weather.OVERCAST:
        return [replace(sky, upper=0.0)]
    low = replace(sky, cover=0.7 * sky.cover, upper=0.0)
    return [low, replace(low, cover=0.3 * sky.cover, height=sky.upper)]


def _shadow(sky: Sky, depth: Floats) -> Floats:
    """Share of direct sunlight that clouds of one height block."""
    reach = sky.height / np.tan(np.radians(sky.sun_elevation)) / 10
    away = np.radians(sky.sun_azimuth + 180)
    shift = round(-reach * np.cos(away)), round(reach * np.sin(away))
    displaced = np.roll(depth, shift, axis=(0, 1))
    shadow = 1 - np.exp(-0.75 * blur(displaced, 0.8))
    return np.where(shadow < _UNSEEN, 0, shadow).astype(np.float32)


def _shade(sky: Sky, rng: np.random.Generator, depth: Floats) -> Floats:
    """Brightness of cloud tops, about 1: billows facing the sun are bright, others dark."""
    if not depth.any():
        return np.ones_like(depth)
    relief = np.sqrt(blur(depth, 1.2))
    south, east = np.gradient(relief)
    azimuth = np.radians(sky.sun_azimuth)
    # Tops that face the sun slope down towards it.
    facing = south * np.cos(azimuth) - east * np.sin(azimuth)
    strength = rng.uniform(0.05, 0.30)
    return np.asarray(1 + strength * np.tanh(2.5 * facing), dtype=np.float32)


def _fibres(rng: np.random.Generator, height: int, width: int) -> Floats:
    """Cirrus, about 0.45 on average: streaks in one direction, dense in places."""
    angle = float(rng.uniform(0, np.pi))
    stretch = (float(rng.uniform(2, 7)), angle)
    fibres = fractal(rng, height, width, rng.uniform(2.6, 3.4), stretch=stretch)
    patches = fractal(rng, height, width, 3.6)
    mixed = fibres + rng.uniform(0, 0.8) * patches
    cirrus = np.clip(0.45 + 0.45 * mixed, 0, None)
    return np.where(cirrus < _UNSEEN, 0, cirrus).astype(np.float32)


def _clouds(sky: Sky, rng: np.random.Generator, height: int, width: int) -> Floats:
    """Optical depth (height, width) of clouds that cover about `sky.cover`."""
    wide = 400 if sky.kind != Weather.SCATTERED or rng.random() < 0.5 else 90
    coarsest = float(np.exp(rng.uniform(np.log(25), np.log(wide))))
    body = fractal(rng, height, width, rng.uniform(2.7, 3.7), coarsest=coarsest)
    if sky.kind == Weather.OVERCAST:
        folds = fractal(rng, height, width, 2.4, coarsest=60)
        thickness = np.exp(0.3 * body + rng.uniform(0, 0.25) * folds)
        return np.asarray(sky.optical_depth * thickness, dtype=np.float32)
    # A narrow scene can miss every cloud; the threshold gives a wide one its cloud cover.
    threshold = NormalDist().inv_cdf(1 - min(max(sky.cover, 1e-4), 1 - 1e-4))
    wisps = np.exp(rng.uniform(0.3, 0.75) * fractal(rng, height, width, 2.4, coarsest=30))
    above = np.clip(body - threshold, 0, None) ** rng.uniform(0.8, 1.7)
    depth = blur((sky.optical_depth * above * wisps).astype(np.float32), rng.uniform(0.4, 1.2))
    return np.where(depth < _UNSEEN, 0, depth).astype(np.float32)


def through_atmosphere(ground: Floats, overhead: Overhead, path: Floats, through: Floats) -> Floats:
    """Reflectance at the sensor: the ground below clouds, haze and cirrus.

    ground (10, H, W) surface reflectance in full sun; path (10,) path reflectance of
    the air; through (10,) share of the ground's reflectance that the air transmits.
    Returns (10, H, W), composed of shaded ground, air, haze, cloud and cirrus in this order.
    """
    kept = 1 - overhead.shadow[None] * (1 - overhead.diffuse)[:, None, None]
    seen: Reals = path[:, None, None] + through[:, None, None] * ground * kept
    blueness = ((550 / WAVELENGTHS) ** 1.3)[:, None, None]
    if overhead.haze.any():
        veil = np.exp(-overhead.haze[None] * blueness)
        seen = veil * seen + (1 - veil) * overhead.glow
    tint = overhead.tint[:, None, None]
    around = ground.mean(axis=(1, 2))[:, None, None]
    if overhead.cloud.any():
        near = blur_coarse(np.asarray(1 - np.exp(-overhead.cloud)), 14)
        seen = seen + (0.025 * blueness * near[None]) * (1 - overhead.shadow[None])
        gap = np.exp(-overhead.cloud)[None]
        top = overhead.top[None] * tint
        # Light transmitted by the cloud is reflected by the ground: bright in near infrared.
        top = top + (1 - top) ** 2 * around / (1 - top * around)
        seen = gap * seen + (1 - gap) * top
    if overhead.cirrus.any():
        gap = np.exp(-overhead.cirrus)[None]
        top = 0.38 * tint
        seen = gap * seen + (1 - gap) * (top + 0.5 * around)
    return np.asarray(seen, dtype=np.float32)
