"""The simulator against measurements of the real polder.

Surface: pixels at the centres of 210 parcels of the Noordoostpolder, Sentinel-2 L2A of 2025
(repository JotaMao1985/Deep_Learning_Usta; Earth Search pixels, BRP crop labels).
Top of atmosphere: TRUE_COLOR images of 2016 with masks of tulip parcels (repository
smarthi/satellite-images), 8-bit levels of which 255 is a reflectance of 0.4.
Red edge and shortwave infrared: monthly L2A composites of cropland in the east of Belgium,
April to June 2021 (repository WorldCereal/worldcereal-classification).
"""

import warnings
from collections.abc import Iterator
from datetime import date
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning

from tulip_ops.simulate import (
    TOP,
    Atmosphere,
    SimulatedScene,
    Sky,
    Weather,
    make_polder,
    make_scene,
)
from tulip_ops.simulate.crops import Crop
from tulip_ops.simulate.polder import Polder
from tulip_ops.simulate.scenes import SURFACE

Floats = NDArray[np.float32]

SIZE = 112
BLUE, GREEN, RED, NIR = 0, 1, 2, 6
RGBN = [RED, GREEN, BLUE, NIR]
TRUE_COLOUR = [RED, GREEN, BLUE]
CROPS = {
    "tulipan": Crop.TULIP,
    "trigo": Crop.WHEAT,
    "papa": Crop.POTATO,
    "remolacha": Crop.BEET,
    "cebolla": Crop.ONION,
    "maiz": Crop.MAIZE,
}
"""Labels of the parcels of 2025, in the words of their repository."""
SPRING_2025 = ("2025-04-04", "2025-05-11", "2025-06-12")
CLEAR_2016 = ("2016-04-21", "2016-05-08", "2016-05-11")
COMPOSITES = (5, 6, 7)
"""April, May and June 2021, of twelve months from November 2020."""


@cache
def polders(season: int) -> list[Polder]:
    return [make_polder(seed, SIZE, SIZE, [season]) for seed in range(16)]


@cache
def clear(
    day: str, atmosphere: Atmosphere = SURFACE, spread: float = 0.55
) -> list[tuple[Polder, SimulatedScene]]:
    on, sky = date.fromisoformat(day), Sky(Weather.CLEAR)
    options = {"sky": sky, "seed": 0, "atmosphere": atmosphere, "spread": spread}
    return [(p, make_scene(p, on, **options)) for p in polders(on.year)]  # type: ignore[arg-type]


def ndvi(pixels: Floats) -> Floats:
    """Of (bands, n) with red first and near infrared last."""
    return (pixels[-1] - pixels[0]) / (pixels[-1] + pixels[0])


def inner(inside: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    """`inside` without the pixels nearer than `by` to its edge."""
    for _ in range(by):
        padded = np.pad(inside, 1)
        inside = inside & padded[:-2, 1:-1] & padded[2:, 1:-1]
        inside &= padded[1:-1, :-2] & padded[1:-1, 2:]
    return inside


def of_crop(day: str, crop: Crop) -> Floats:
    """(4, n) reflectance of red, green, blue and nir inside the simulated parcels of a crop."""
    pixels = []
    for polder, scene in clear(day):
        parcels = polder.parcels
        planted = polder.plantings[scene.sensed_at.year].crop
        own = inner((parcels >= 0) & (planted[parcels] == crop), 1)
        pixels.append(scene.reflectance[RGBN][:, own])
    return np.concatenate(pixels, axis=1)


@pytest.fixture(scope="module")
def measured_2025(real_data: Path) -> dict[tuple[str, Crop], Floats]:
    """(4, parcels) reflectance at parcel centres, by day and crop."""
    with np.load(real_data / "polder_2025" / "sentinel2_parches_polder.npz") as arrays:
        centres = arrays["X"][:, :, 14:18, 14:18].mean(axis=(2, 3)).astype(np.float32).T * 1e-4
        names, labels, days = arrays["clases"].astype(str), arrays["y"], arrays["fecha"]
    return {
        (day, crop): centres[:, (names[labels] == name) & (days == day)]
        for name, crop in CROPS.items()
        for day in SPRING_2025
    }


@pytest.mark.parametrize("day", SPRING_2025)
@pytest.mark.parametrize("crop", CROPS.values(), ids=lambda crop: crop.name)
def test_crops_reflect_as_in_2025(
    measured_2025: dict[tuple[str, Crop], Floats], day: str, crop: Crop
) -> None:
    real, simulated = measured_2025[day, crop], of_crop(day, crop)
    difference = np.abs(np.median(simulated, axis=1) - np.median(real, axis=1))
    visible, nir, greenness = tolerances(day, crop)
    assert difference[:3].max() < visible
    assert difference[3] < nir
    assert np.median(ndvi(simulated)) == pytest.approx(np.median(ndvi(real)), abs=greenness)


def tolerances(day: str, crop: Crop) -> tuple[float, float, float]:
    """For medians of the visible bands, of near infrared and of NDVI."""
    if crop == Crop.MAIZE:
        # bare, ploughed in or green in spring as its grower likes: a median tells little
        return 0.06, 0.10, 0.20
    if day == "2025-05-11" and crop not in (Crop.TULIP, Crop.WHEAT):
        # a dry spring made bare soils brighter than those of 2016, which the simulator also meets
        return 0.04, 0.065, 0.08
    # about the spread (standard deviation) among the real parcels of one crop and day
    return 0.024, 0.065, 0.08


@pytest.mark.parametrize("day", SPRING_2025)
def test_tulip_fields_differ_among_themselves_as_much_as_in_2025(
    measured_2025: dict[tuple[str, Crop], Floats], day: str
) -> None:
    real = np.percentile(ndvi(measured_2025[day, Crop.TULIP]), [10, 90])
    simulated = np.percentile(ndvi(of_crop(day, Crop.TULIP)), [10, 90])
    # the lowest are those in flower: some simulated ones still are when the real ones were cut
    assert np.abs(simulated - real)[0] < 0.22
    assert np.abs(simulated - real)[1] < 0.12


def levels_2016(folder: Path, day: str) -> Iterator[tuple[Floats, NDArray[np.bool_]]]:
    """Levels (3, H, W) and tulip parcels (H, W) of the real images of a day."""
    stamp = day.replace("-", "")
    for path in sorted((folder / "noordoostpolder_2016").glob(f"*_wms_{stamp}*")):
        parcels = path.with_name(path.name.split("_wms_")[0] + "_geopedia_ttl1904.tif")
        with rasterio.open(path) as image, rasterio.open(parcels) as truth:
            yield image.read([1, 2, 3]).astype(np.float32), truth.read(1) > 0


def simulated_levels(day: str) -> Iterator[tuple[Floats, NDArray[np.bool_]]]:
    for _, scene in clear(day, TOP, 0.7):
        yield np.clip(scene.reflectance[TRUE_COLOUR] * 2.5 * 255, 0, 255), scene.truth.tulip


def in_and_out(
    images: Iterator[tuple[Floats, NDArray[np.bool_]]], edge: int
) -> tuple[Floats, Floats, Floats]:
    """Pixels (3, n) in tulip parcels, well inside them, and outside."""
    sorted_out = [
        (levels[:, tulip], levels[:, inner(tulip, edge)], levels[:, ~tulip])
        for levels, tulip in images
    ]
    inside, core, outside = (
        np.concatenate(parts, axis=1) for parts in zip(*sorted_out, strict=True)
    )
    return inside, core, outside


def bare(pixels: Floats) -> float:
    """Share of pixels that look like bare soil."""
    red, green, blue = pixels
    ratio = red / green
    return float(((ratio > 1.06) & (ratio < 1.22) & (red > 95) & (green < 1.05 * blue)).mean())


@pytest.mark.parametrize("day", CLEAR_2016)
def test_true_colour_looks_as_in_2016(real_data: Path, day: str) -> None:
    tulip, core, other = in_and_out(simulated_levels(day), edge=2)
    real_tulip, real_core, real_other = in_and_out(levels_2016(real_data, day), edge=3)
    assert np.abs(np.median(tulip, axis=1) - np.median(real_tulip, axis=1)).max() < 18
    assert np.abs(np.median(other, axis=1) - np.median(real_other, axis=1)).max() < 20
    for mine, real in ((tulip, real_tulip), (other, real_other)):
        ratio, real_ratio = mine[0] / mine[1], real[0] / real[1]
        assert np.median(ratio) == pytest.approx(np.median(real_ratio), abs=0.09)
    # a dozen real parcels: their colours on a day say little, hence the width
    red, real_red = tulip[0] / tulip[1] > 1.4, real_tulip[0] / real_tulip[1] > 1.4
    assert red.mean() == pytest.approx(real_red.mean(), abs=0.04)
    yellow, real_yellow = tulip[1] / tulip[2] > 1.15, real_tulip[1] / real_tulip[2] > 1.15
    assert yellow.mean() == pytest.approx(real_yellow.mean(), abs=0.06)
    assert (other[0] / other[1] > 1.4).mean() < 0.005
    assert bare(core) == pytest.approx(bare(real_core), abs=0.01)
    assert np.percentile(other[0], 25) == pytest.approx(np.percentile(real_other[0], 25), abs=12)
    # neither red nor yellow, neither bright nor dark: what a network must tell from tulip leaves
    murky, real_murky = (
        ((p[0] > 55) & (p[0] < 85) & (p[0] < 1.05 * p[1])).mean() for p in (other, real_other)
    )
    assert murky == pytest.approx(real_murky, abs=0.05)


def test_fields_are_as_smooth_as_in_2016(real_data: Path) -> None:
    """Spread within 5 x 5 pixels, lowest decile."""

    def quiet(images: Iterator[tuple[Floats, NDArray[np.bool_]]]) -> float:
        found = []
        for levels, _ in images:
            windows = np.lib.stride_tricks.sliding_window_view(levels, (5, 5), axis=(1, 2))
            found.append(np.percentile(windows.std(axis=(-2, -1)), 10, axis=(1, 2)))
        return float(np.mean(found))

    # the real images were upsampled to 6 m, so that 5 x 5 of their pixels are 3 x 3 of ours
    real, simulated = (
        quiet(levels_2016(real_data, "2016-05-08")),
        quiet(islice(simulated_levels("2016-05-08"), 6)),
    )
    assert real == pytest.approx(0.75, abs=0.2)
    assert 0.4 < simulated < 1.6


def cropland_2021(folder: Path) -> Floats:
    """(9, n) reflectance without B8A, of all that is no cloud."""
    name = folder / "worldcereal_patch" / "worldcereal_preprocessed_inputs.nc"
    bands = []
    for band in ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B11", "B12"):
        with warnings.catch_warnings():
            # the file keeps its place where rasterio does not look for it
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(f"netcdf:{name}:S2-L2A-{band}") as months:
                bands.append(months.read([month + 1 for month in COMPOSITES]).ravel())
    stored = np.stack(bands)
    return stored[:, (stored < 65535).all(axis=0) & (stored[0] < 1500)].astype(np.float32) * 1e-4


def shape(pixels: Floats, low: float, high: float) -> Floats:
    """Median of red edge 1 to 3 and of both shortwave bands against nir, by NDVI; (9, n)."""
    green = ndvi(pixels[[RED, NIR]])
    chosen = pixels[:, (green > low) & (green < high)]
    assert chosen.shape[1] > 500
    return np.asarray(np.median(chosen[[3, 4, 5, 7, 8]] / chosen[NIR], axis=1))


@pytest.mark.parametrize("between", [(0.1, 0.2), (0.4, 0.6), (0.6, 0.75), (0.8, 0.9)])
def test_red_edge_and_shortwave_infrared_are_those_of_cropland(
    real_data: Path, between: tuple[float, float]
) -> None:
    nine = [0, 1, 2, 3, 4, 5, 6, 8, 9]
    simulated = np.concatenate(
        [s.reflectance[nine][:, ~s.truth.tulip] for day in SPRING_2025 for _, s in clear(day)],
        axis=1,
    )
    difference = shape(simulated, *between) - shape(cropland_2021(real_data), *between)
    assert np.abs(difference[:3]).max() < 0.08
    assert np.abs(difference[3:]).max() < (0.16 if between[0] < 0.4 else 0.08)


def test_tulips_hold_more_water_than_other_crops_as_green() -> None:
    """Assumed for thick, waxy leaves (docs/explanation/simulator.md): not measured here."""
    scenes = [scene for _, scene in clear("2025-05-11")]
    dryness = []
    for tulip in (True, False):
        pixels = np.concatenate([s.reflectance[:, s.truth.tulip == tulip] for s in scenes], axis=1)
        green = ndvi(pixels[[RED, NIR]])
        chosen = pixels[:, (green > 0.6) & (green < 0.75)]
        dryness.append(float(np.median(chosen[8] / chosen[NIR])))
    assert dryness[0] < dryness[1] - 0.05
