"""Surface reflectance of crops, soils and covers, in the order of `BANDS`.

Visible bands and near infrared are medians of the 2025 parcels of the Noordoostpolder
(Sentinel-2 L2A by crop and date) and of the 2016 images after atmospheric correction. Red
edge and shortwave infrared are assumed, not measured: leaf optics after Jacquemoud & Baret
(1990, PROSPECT), where more water lowers 1.6 and 2.2 um and less chlorophyll raises 705 nm.
Tulip leaves are thick, waxy and full of water; daffodil leaves narrow, dense and grey-green;
hyacinth leaves short and glossy.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class Cover(IntEnum):
    """Surface of a spot that is not field."""

    FIELD = 0
    WATER = 1
    VERGE = 2
    TREES = 3
    ASPHALT = 4
    CONCRETE = 5
    ROOF_TILE = 6
    ROOF_DARK = 7
    ROOF_METAL = 8
    ROOF_WHITE = 9
    GLASS = 10
    SOLAR = 11
    WOOD = 12


def _spectrum(*values: float) -> NDArray[np.float32]:
    return np.array(values, dtype=np.float32)


#                    blue   green  red    re1    re2    re3    nir    nir08  swir16 swir22
SOIL = _spectrum(0.120, 0.144, 0.182, 0.200, 0.212, 0.222, 0.232, 0.245, 0.310, 0.265)
RED_SOIL = _spectrum(0.095, 0.130, 0.185, 0.230, 0.245, 0.255, 0.265, 0.280, 0.350, 0.300)
STRAW = _spectrum(0.165, 0.220, 0.262, 0.285, 0.300, 0.315, 0.330, 0.345, 0.410, 0.310)
PLASTIC = _spectrum(0.330, 0.340, 0.345, 0.350, 0.352, 0.352, 0.355, 0.350, 0.300, 0.240)
CEREAL = _spectrum(0.015, 0.031, 0.014, 0.062, 0.290, 0.420, 0.475, 0.490, 0.155, 0.065)
CEREAL_RIPE = _spectrum(0.090, 0.132, 0.180, 0.200, 0.220, 0.238, 0.256, 0.270, 0.300, 0.190)
HEADING = _spectrum(0.032, 0.051, 0.030, 0.090, 0.310, 0.420, 0.465, 0.480, 0.180, 0.085)
GRASS = _spectrum(0.025, 0.058, 0.033, 0.097, 0.318, 0.390, 0.420, 0.435, 0.190, 0.090)
GRASS_CUT = _spectrum(0.050, 0.088, 0.080, 0.132, 0.262, 0.302, 0.325, 0.340, 0.260, 0.150)
BROADLEAF = _spectrum(0.026, 0.070, 0.025, 0.105, 0.390, 0.510, 0.560, 0.575, 0.210, 0.095)
BEET_LEAF = _spectrum(0.024, 0.062, 0.028, 0.104, 0.355, 0.425, 0.465, 0.480, 0.200, 0.095)
MAIZE_LEAF = _spectrum(0.024, 0.047, 0.029, 0.092, 0.330, 0.400, 0.440, 0.455, 0.190, 0.090)
TULIP_LEAF = _spectrum(0.028, 0.046, 0.036, 0.100, 0.292, 0.352, 0.385, 0.388, 0.132, 0.056)
DAFFODIL_LEAF = _spectrum(0.030, 0.050, 0.027, 0.080, 0.262, 0.352, 0.395, 0.405, 0.152, 0.066)
HYACINTH_LEAF = _spectrum(0.024, 0.074, 0.030, 0.122, 0.345, 0.405, 0.430, 0.436, 0.142, 0.060)
BULB_SPENT = _spectrum(0.052, 0.079, 0.072, 0.120, 0.240, 0.290, 0.315, 0.330, 0.245, 0.140)
RAPE = _spectrum(0.018, 0.045, 0.020, 0.080, 0.320, 0.430, 0.480, 0.495, 0.190, 0.085)
RAPE_FLOWER = _spectrum(0.042, 0.152, 0.128, 0.185, 0.380, 0.450, 0.490, 0.500, 0.200, 0.095)

FLOWERS = np.stack(
    [
        _spectrum(0.042, 0.036, 0.205, 0.255, 0.330, 0.365, 0.390, 0.400, 0.164, 0.078),  # red
        _spectrum(0.022, 0.026, 0.125, 0.175, 0.290, 0.340, 0.370, 0.385, 0.160, 0.076),  # dark red
        _spectrum(0.150, 0.135, 0.300, 0.330, 0.375, 0.400, 0.415, 0.425, 0.168, 0.082),  # pink
        _spectrum(0.048, 0.185, 0.225, 0.255, 0.340, 0.380, 0.405, 0.415, 0.164, 0.078),  # yellow
        _spectrum(0.235, 0.265, 0.265, 0.285, 0.360, 0.395, 0.415, 0.425, 0.168, 0.082),  # white
        _spectrum(0.075, 0.050, 0.110, 0.165, 0.300, 0.350, 0.380, 0.395, 0.160, 0.076),  # purple
        _spectrum(0.030, 0.090, 0.225, 0.260, 0.335, 0.370, 0.395, 0.405, 0.164, 0.078),  # orange
        _spectrum(0.105, 0.065, 0.085, 0.145, 0.300, 0.350, 0.380, 0.395, 0.160, 0.076),  # blue
    ]
)
"""(8, 10): a dense stand in full flower, including leaves and soil between the flowers."""
COLOURS = ("red", "dark red", "pink", "yellow", "white", "purple", "orange", "blue")

COVERS = np.stack(
    [
        SOIL,
        _spectrum(0.030, 0.042, 0.033, 0.034, 0.030, 0.028, 0.026, 0.024, 0.012, 0.008),
        _spectrum(0.030, 0.060, 0.041, 0.098, 0.272, 0.325, 0.355, 0.370, 0.195, 0.100),
        _spectrum(0.024, 0.048, 0.032, 0.078, 0.190, 0.240, 0.265, 0.280, 0.150, 0.078),
        _spectrum(0.085, 0.095, 0.102, 0.108, 0.114, 0.120, 0.126, 0.132, 0.150, 0.135),
        _spectrum(0.150, 0.168, 0.180, 0.192, 0.205, 0.248, 0.255, 0.262, 0.290, 0.260),
        _spectrum(0.080, 0.112, 0.195, 0.215, 0.285, 0.295, 0.310, 0.320, 0.340, 0.300),
        _spectrum(0.065, 0.068, 0.072, 0.075, 0.080, 0.085, 0.090, 0.095, 0.120, 0.115),
        _spectrum(0.185, 0.192, 0.196, 0.205, 0.255, 0.260, 0.265, 0.270, 0.280, 0.250),
        _spectrum(0.480, 0.500, 0.510, 0.515, 0.520, 0.520, 0.525, 0.520, 0.450, 0.380),
        _spectrum(0.210, 0.225, 0.220, 0.235, 0.280, 0.300, 0.310, 0.315, 0.240, 0.180),
        _spectrum(0.052, 0.047, 0.046, 0.047, 0.050, 0.052, 0.055, 0.060, 0.090, 0.085),
        _spectrum(0.022, 0.042, 0.027, 0.072, 0.200, 0.255, 0.280, 0.295, 0.140, 0.070),
    ]
)
"""(13, 10): reflectance by `Cover`; the row of FIELD is never used."""
LEAFED_TREES = _spectrum(0.018, 0.042, 0.022, 0.078, 0.260, 0.345, 0.380, 0.395, 0.160, 0.072)

SOIL_CHANGES = np.stack(
    [
        np.array([-0.16, -0.20, -0.24, -0.25, -0.25, -0.25, -0.25, -0.24, -0.20, -0.18]),
        np.array([-0.01, 0.02, 0.05, 0.09, 0.10, 0.10, 0.10, 0.10, 0.09, 0.08]),
        np.array([-0.13, -0.15, -0.17, -0.18, -0.18, -0.19, -0.20, -0.21, -0.34, -0.44]),
    ]
).astype(np.float32)
"""(3, 10): change of a soil's logarithm with peat, with sand and iron, and with moisture."""
