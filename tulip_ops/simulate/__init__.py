"""Simulated polders, seasons, skies and scenes with known truth. Nothing here is measured."""

from tulip_ops.simulate.demo import (
    DEMO_SEASONS,
    Overpass,
    demo_archive,
    demo_areas,
    demo_dates,
)
from tulip_ops.simulate.polder import Polder, make_polder
from tulip_ops.simulate.scenes import (
    SURFACE,
    TOP,
    Atmosphere,
    Scene,
    Truth,
    make_scene,
    training_scene,
)
from tulip_ops.simulate.sky import Sky, Weather

__all__ = [
    "DEMO_SEASONS",
    "Overpass",
    "demo_archive",
    "demo_areas",
    "demo_dates",
    "SURFACE",
    "TOP",
    "Atmosphere",
    "Polder",
    "Scene",
    "Sky",
    "Truth",
    "Weather",
    "make_polder",
    "make_scene",
    "training_scene",
]
