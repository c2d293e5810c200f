"""The simulator against measurements of the real polder.

Surface: medians at the centres of 210 parcels of the Noordoostpolder, Sentinel-2 L2A of 2025
(repository JotaMao1985/Deep_Learning_Usta; Earth Search pixels, BRP crop labels).
Top of atmosphere: TRUE_COLOR images of 2016 with masks of tulip parcels (repository
smarthi/satellite-images), 8-bit levels of which 255 is a reflectance of 0.4.
"""

from datetime import date
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from tulip_ops.simulate import TOP, Scene, Sky, Weather, make_polder, make_scene
from tulip_ops.simulate.crops import Crop
from tulip_ops.simulate.polder import Polder

SEEDS = range(8)
RED, GREEN, BLUE, NIR = 2, 1, 0, 6

MEDIANS_2025 = [
    # day, crop, median reflectance x 1e4 in red, green, blue, nir
    ("2025-04-04", Crop.TULIP, (761, 785, 539, 2974)),
    ("2025-04-04", Crop.WHEAT, (454, 631, 344, 3490)),
    ("2025-04-04", Crop.POTATO, (1546, 1276, 1030, 1981)),
    ("2025-05-11", Crop.TULIP, (679, 762, 474, 3420)),
    ("2025-05-11", Crop.WHEAT, (153, 317, 163, 4751)),
    ("2025-05-11", Crop.POTATO, (1847, 1502, 1187, 2299)),
    ("2025-05-11", Crop.BEET, (1780, 1515, 1218, 2851)),
    ("2025-06-12", Crop.TULIP, (688, 798, 511, 3096)),
    ("2025-06-12", Crop.WHEAT, (303, 510, 318, 4666)),
    ("2025-06-12", Crop.POTATO, (348, 797, 359, 5275)),
    ("2025-06-12", Crop.BEET, (477, 717, 405, 3783)),
    ("2025-06-12", Crop.ONION, (1214, 1178, 855, 2676)),
]

# day; inside tulip masks: medians of R, G, B and of R/G, share with R/G > 1.3;
# outside: median of R, median of R/G
LEVELS_2016 = [
    ("2016-04-21", (58, 61, 68), 0.95, 0.023, 89, 1.11),
    ("2016-05-08", (83, 76, 77), 1.02, 0.104, 106, 1.12),
    ("2016-05-11", (70, 72, 76), 0.95, 0.075, 98, 1.11),
]


@cache
def polders(season: int) -> list[Polder]:
    return [make_polder(seed, 160, 160, [season]) for seed in SEEDS]


def clear(day: str, **options: object) -> list[tuple[Polder, Scene]]:
    on = date.fromisoformat(day)
    sky = Sky(Weather.CLEAR)
    return [(p, make_scene(p, on, sky=sky, seed=0, **options)) for p in polders(on.year)]  # type: ignore[arg-type]


@pytest.mark.parametrize(("day", "crop", "measured"), MEDIANS_2025)
def test_crops_reflect_as_measured_in_2025(
    day: str, crop: Crop, measured: tuple[int, int, int, int]
) -> None:
    pixels = []
    for polder, scene in clear(day):
        parcels = polder.parcels
        own = (parcels >= 0) & (polder.plantings[2025].crop[parcels] == crop)
        pixels.append(scene.reflectance[[RED, GREEN, BLUE, NIR]][:, own])
    median = np.median(np.concatenate(pixels, axis=1), axis=1) * 1e4
    # 0.022 in the visible bands, 0.065 in the near infrared: about the spread (standard
    # deviation) among the real parcels of one crop and day
    assert np.abs(median - measured)[:3].max() < 220
    assert abs(median[3] - measured[3]) < 650
    ndvi = [(nir - red) / (nir + red) for red, _, _, nir in (median, measured)]
    assert ndvi[0] == pytest.approx(ndvi[1], abs=0.11)


@pytest.mark.parametrize("level", LEVELS_2016, ids=lambda level: str(level[0]))
def test_true_colour_looks_as_in_2016(
    level: tuple[str, tuple[int, int, int], float, float, int, float],
) -> None:
    day, inside, inside_ratio, coloured, outside, outside_ratio = level
    tulip: list[NDArray[np.float32]] = []
    other: list[NDArray[np.float32]] = []
    for _, scene in clear(day, atmosphere=TOP):
        levels = scene.reflectance[[RED, GREEN, BLUE]] * 2.5 * 255
        tulip.append(levels[:, scene.truth.tulip])
        other.append(levels[:, ~scene.truth.tulip])
    tulips, others = np.concatenate(tulip, axis=1), np.concatenate(other, axis=1)
    ratio = tulips[0] / tulips[1]
    assert np.abs(np.median(tulips, axis=1) - inside).max() < 18
    assert float(np.median(ratio)) == pytest.approx(inside_ratio, abs=0.12)
    assert float((ratio > 1.3).mean()) == pytest.approx(coloured, abs=0.05)
    assert float(np.median(others[0])) == pytest.approx(outside, abs=20)
    assert float(np.median(others[0] / others[1])) == pytest.approx(outside_ratio, abs=0.06)
    assert float((others[0] / others[1] > 1.4).mean()) < 0.005


def test_fields_are_as_smooth_as_in_2016() -> None:
    """Spread within 5 x 5 pixels, lowest decile: 0.6 to 0.9 levels in the real clear images."""
    quiet = []
    for _, scene in clear("2016-05-08", atmosphere=TOP, spread=0.65):
        levels = scene.reflectance[[RED, GREEN, BLUE]] * 2.5 * 255
        windows = np.lib.stride_tricks.sliding_window_view(levels, (5, 5), axis=(1, 2))
        quiet.append(np.percentile(windows.std(axis=(-2, -1)), 10, axis=(1, 2)))
    assert 0.4 < float(np.mean(quiet)) < 1.6
