"""Weather between the ground and the sensor: clouds, haze, cirrus and their shadows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from statistics import NormalDist

import numpy as np

from tulip_ops.simulate.noise import Floats, Reals, blur, fractal

WAVELENGTHS = np.array([490, 560, 665, 705, 740, 783, 842, 865, 1610, 2190], dtype=np.float32)
"""Centres of `domain.BANDS`, nm."""
_DIFFUSE = np.array([0.36, 0.31, 0.27, 0.25, 0.23, 0.21, 0.19, 0.18, 0.11, 0.09], dtype=np.float32)
"""Share of the light that reaches the ground from the sky and not straight from the sun:
what is left in a full shadow (measured in the shadows of 2016-05-01, red to blue)."""


class Weather(StrEnum):
    """Kinds of sky."""

    CLEAR = "clear"
    SCATTERED = "scattered"
    BROKEN = "broken"
    OVERCAST = "overcast"
    HAZE = "haze"


@dataclass(frozen=True, slots=True)
class Sky:
    """The weather of one overpass."""

    kind: Weather
    cover: float = 0.0
    """Share of the sky under cloud, 0..1, about: the clouds of a small scene vary around it."""
    optical_depth: float = 0.0
    """Of the clouds where they are thick."""
    height: float = 1000.0
    """Of the clouds above the ground, metres."""
    haze: float = 0.0
    """Mean optical depth of haze at 550 nm."""
    cirrus: float = 0.0
    """Optical depth of cirrus where it is thick."""
    sun_elevation: float = 50.0
    """Degrees above the horizon."""
    sun_azimuth: float = 163.0
    """Degrees clockwise from north, where the sun stands."""
    swath_edge: float = 0.0
    """Share of the scene outside the swath, 0..1: nothing is measured there."""

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
        thin = rng.random() < 0.45
        depth = rng.uniform(0.8, 3.0) if thin else 3.0 * np.exp(rng.uniform(0, 2.2))
        if chosen == Weather.OVERCAST:
            depth = 6.0 * np.exp(rng.uniform(0, 1.8))
        hazy = chosen == Weather.HAZE and rng.random() < 0.7
        cirrus = chosen == Weather.HAZE and (not hazy or rng.random() < 0.3)
        return cls(
            chosen,
            cover,
            float(depth) if cover > 0 else 0.0,
            float(np.exp(rng.uniform(np.log(500), np.log(3500)))),
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
    """What stands above every pixel: optical depths (H, W) and the shadow on the ground."""

    cloud: Floats
    cirrus: Floats
    haze: Floats
    shadow: Floats
    """Share of direct sunlight kept from the ground by the clouds, 0..1."""
    top: Floats
    """(H, W) reflectance of the cloud tops."""
    tint: Floats
    """(10,) colour of cloud tops, about 1."""
    glow: float
    """Reflectance of haze."""

    @property
    def opacity(self) -> Floats:
        """(H, W) share of the ground hidden at 550 nm by cloud, cirrus and haze, 0..1."""
        return np.asarray(1 - np.exp(-(self.cloud + self.cirrus + self.haze)), dtype=np.float32)


def form(sky: Sky, rng: np.random.Generator, height: int, width: int) -> Overhead:
    """Clouds, cirrus and haze over (height, width) pixels of 10 m, and the clouds' shadows."""
    nothing = np.zeros((height, width), dtype=np.float32)
    cloud = _clouds(sky, rng, height, width) if sky.cover > 0 else nothing
    haze: Reals = nothing
    cirrus: Reals = nothing
    if sky.haze > 0:
        swell = fractal(rng, height, width, rng.uniform(3.2, 4.5))
        haze = np.float32(sky.haze) * np.exp(np.float32(rng.uniform(0.1, 0.7)) * swell)
    if sky.cirrus > 0:
        stretch = (float(rng.uniform(2, 6)), float(rng.uniform(0, np.pi)))
        fibres = fractal(rng, height, width, rng.uniform(2.8, 3.6), stretch=stretch)
        cirrus = np.float32(sky.cirrus) * np.clip(0.45 + 0.45 * fibres, 0, None)
    reach = sky.height / np.tan(np.radians(sky.sun_elevation)) / 10
    away = np.radians(sky.sun_azimuth + 180)
    shift = round(-reach * np.cos(away)), round(reach * np.sin(away))
    displaced = np.roll(cloud, shift, axis=(0, 1))
    shadow = 1 - np.exp(-0.75 * blur(displaced, 0.8)) if sky.cover > 0 else nothing
    top = rng.uniform(0.23, 0.42) + rng.uniform(0.25, 0.55) * cloud / (cloud + 12)
    top = top * rng.uniform(0.65, 1.1)
    tint = 1 + rng.normal(0, 0.02) * np.linspace(1, -1, 10)
    tint[8:] *= rng.uniform(0.55, 0.85, 2)
    return Overhead(
        cloud,
        np.asarray(cirrus, dtype=np.float32),
        np.asarray(haze, dtype=np.float32),
        np.clip(shadow, 0, 1).astype(np.float32),
        top.astype(np.float32),
        tint.astype(np.float32),
        float(rng.uniform(0.22, 0.40)),
    )


def _clouds(sky: Sky, rng: np.random.Generator, height: int, width: int) -> Floats:
    """Optical depth (height, width) of clouds that cover about `sky.cover`."""
    coarsest = float(np.exp(rng.uniform(np.log(40), np.log(400))))
    body = fractal(rng, height, width, rng.uniform(2.9, 3.7), coarsest=coarsest)
    if sky.kind == Weather.OVERCAST:
        return np.asarray(sky.optical_depth * np.exp(0.3 * body), dtype=np.float32)
    # A narrow scene can miss every cloud; the threshold is where a wide one has its share.
    threshold = NormalDist().inv_cdf(1 - min(max(sky.cover, 1e-4), 1 - 1e-4))
    wisps = np.exp(0.35 * fractal(rng, height, width, 2.6, coarsest=30))
    above = np.clip(body - threshold, 0, None) ** rng.uniform(0.9, 1.6)
    return blur((sky.optical_depth * above * wisps).astype(np.float32), rng.uniform(0.4, 1.2))


def look_through(ground: Floats, overhead: Overhead, path: Floats, through: Floats) -> Floats:
    """What the sensor sees of the ground.

    ground (10, H, W) surface reflectance in full sun; path (10,) reflectance of the air
    itself; through (10,) share of the ground's reflectance that passes the air.
    Returns (10, H, W): ground in the clouds' shadow, air, haze, cloud and cirrus in turn.
    """
    kept = 1 - overhead.shadow[None] * (1 - _DIFFUSE)[:, None, None]
    seen: Reals = path[:, None, None] + through[:, None, None] * ground * kept
    blueness = ((550 / WAVELENGTHS) ** 1.3)[:, None, None]
    if overhead.haze.any():
        veil = np.exp(-overhead.haze[None] * blueness)
        seen = veil * seen + (1 - veil) * overhead.glow
    tint = overhead.tint[:, None, None]
    if overhead.cloud.any():
        gap = np.exp(-overhead.cloud)[None]
        seen = gap * seen + (1 - gap) * overhead.top[None] * tint
    if overhead.cirrus.any():
        gap = np.exp(-overhead.cirrus)[None]
        seen = gap * seen + (1 - gap) * 0.45 * tint
    return np.asarray(seen, dtype=np.float32)
