"""Simulated polders, seasons, skies and scenes with known truth. No measured data.

`ml`, `sources` and `reports` import this package; it imports no I/O library.
"""

from tulip_ops.simulate.bloom import FieldBloom
from tulip_ops.simulate.demo import (
    DEMO_SEASONS,
    SimulatedOverpass,
    demo_archive,
    demo_areas,
    demo_dates,
)
from tulip_ops.simulate.polder import Polder, make_polder
from tulip_ops.simulate.scenes import (
    SURFACE,
    TOP,
    VERSION,
    Atmosphere,
    SimulatedScene,
    Truth,
    make_scene,
    training_scene,
)
from tulip_ops.simulate.sky import Sky, Weather

__all__ = [
    "DEMO_SEASONS",
    "SURFACE",
    "TOP",
    "VERSION",
    "Atmosphere",
    "FieldBloom",
    "Polder",
    "SimulatedOverpass",
    "SimulatedScene",
    "Sky",
    "Truth",
    "Weather",
    "demo_archive",
    "demo_areas",
    "demo_dates",
    "make_polder",
    "make_scene",
    "training_scene",
]
