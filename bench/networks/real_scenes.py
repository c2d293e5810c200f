"""Real images that no network was trained on, as scenes: see README.md for where they come from."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from shapely.geometry import box

from tulip_ops.core.errors import BadSetting
from tulip_ops.ml.datasets.labels import DEPTH, OPACITY, SHARE, TULIP, UNKNOWN
from tulip_ops.ml.datasets.planet_amazon import read_planet
from tulip_ops.ml.datasets.scenes import TrainingScene
from tulip_ops.raster import header, reader
from tulip_ops.raster import reflectance as radiometry
from tulip_ops.raster.mgrs import tile_grid
from tulip_ops.raster.projection import project

ROOT = Path(__file__).resolve().parents[2]
RGB = ("red", "green", "blue")
STRETCH = 2.5
"""Gain of the TRUE_COLOR renderings of 2016."""

SENTINEL_2 = (
    "coastal", "blue", "green", "red", "rededge1", "rededge2", "rededge3", "nir", "nir08",
    "nir09", "cirrus", "swir16", "swir22",
)  # fmt: skip
"""All thirteen bands, in the order of their numbers."""


@dataclass(frozen=True, slots=True)
class Collection:
    """Scenes from one source."""

    name: str
    truth: str
    """Who says what is true, for people."""
    scenes: tuple[TrainingScene, ...]
    """Each with the bands of its `measured`."""


def folder() -> Path:
    """Where the real images lie: TULIP_REAL_DATA, or shared/data beside the checkout."""
    place = Path(os.environ.get("TULIP_REAL_DATA") or ROOT.parent / "shared" / "data")
    if not place.is_dir():
        raise BadSetting(f"no real images in {place}; set TULIP_REAL_DATA to their folder")
    return place


def with_bands(scene: TrainingScene, bands: tuple[str, ...]) -> TrainingScene:
    """The same scene with these bands alone, in this order."""
    places = [scene.measured.index(band) for band in bands]
    return replace(scene, dn=np.ascontiguousarray(scene.dn[..., places]), measured=bands)


def noordoostpolder(data: Path) -> Collection:
    """Seven renderings of 2016 on the tile's 10 m grid; those of 1 May lie under clouds."""
    scenes = []
    for path in sorted((data / "noordoostpolder_2016").glob("*TRUE_COLOR.tif")):
        place, when = path.stem.split("_wms_")
        grid = tile_grid("31UFU").window(_bounds(path))
        scale = radiometry.true_color_scale(STRETCH)
        colours = [(str(path), band) for band in (1, 2, 3)]
        reflectance = reader.read_warped(colours, grid, scale=scale)
        (parcels,) = path.parent.glob(f"{place}_geopedia*.tif")
        tulips = reader.read_warped([(str(parcels), 1)], grid)[0]
        cloudy = when.startswith("20160501")
        truth = _nothing_known(tulips.shape)
        truth[..., TULIP] = np.where(np.isnan(tulips), UNKNOWN, tulips > 127)
        if not cloudy:
            truth[..., (OPACITY, DEPTH)] = 0
        name = f"{when[:8]} {place[-6:]}"
        scenes.append(_scene(name, place, 2016, reflectance, RGB, truth, cloudy=cloudy))
    return Collection("Noordoostpolder 2016", "clouds by eye; tulips Geopedia", tuple(scenes))


def _bounds(path: Path) -> tuple[float, float, float, float]:
    facts = header.inspect(str(path))
    west, south, east, north = project(box(*facts.bounds), facts.epsg or 3857, 32631).bounds
    return west, south, east, north


def planet(data: Path) -> Collection:
    """503 chips of the Amazon, each with a verdict."""
    chips = read_planet(data / "planet_amazon", RGB)
    scenes = tuple(replace(chip.read(), measured=RGB) for chip in chips)
    return Collection("Planet, Amazon", "the competition's tags", scenes)


def ukis(data: Path) -> Collection:
    """A scene with clouds and shadows by pixel."""
    with np.load(data / "ukis_csmask" / "sentinel2.npz") as arrays:
        image, classes = arrays["img"], arrays["msk"][..., 0]
    truth = _nothing_known(classes.shape)
    truth[..., OPACITY] = np.where(classes == 4, SHARE, 0)
    truth[..., DEPTH] = np.where(classes == 0, SHARE, 0)
    bands = ("blue", "green", "red", "nir", "swir16", "swir22")
    scene = _scene("ukis", "ukis", 2018, np.moveaxis(image, -1, 0), bands, truth)
    return Collection("ukis-csmask scene", "its own labels, by pixel", (scene,))


def eolearn(data: Path) -> Collection:
    """Five dates of one place, thirteen bands above the atmosphere; two under clouds."""
    images = np.load(data / "eolearn_patch" / "REFERENCE_SCENES.npy")
    scenes = []
    for number, image in enumerate(images):
        cloudy = number < 2
        truth = _nothing_known(image.shape[:2])
        if not cloudy:
            truth[..., (OPACITY, DEPTH)] = 0
        reflectance = np.moveaxis(image, -1, 0)
        name = f"eolearn {number}"
        scenes.append(_scene(name, "eolearn", 0, reflectance, SENTINEL_2, truth, cloudy=cloudy))
    return Collection("eo-learn scenes", "by eye", tuple(scenes))


def antwerp(data: Path) -> Collection:
    """Nineteen dates of one place, with what Sen2Cor's scene classification says of them."""
    path = data / "gfmap_antwerp" / "integration_resources_test_optical_cube.nc"
    numbers = {"blue": "B02", "green": "B03", "red": "B04", "nir": "B08"}
    cube = np.stack([_layer(path, number) for number in numbers.values()]) * np.float32(1e-4)
    scenes = []
    for day, classes in enumerate(_layer(path, "SCL").astype(int)):
        truth = _nothing_known(classes.shape)
        truth[..., OPACITY] = _by_class(classes, clear=(3, 4, 5, 6), hidden=(8, 9))
        truth[..., DEPTH] = _by_class(classes, clear=(4, 5, 6, 8, 9), hidden=(3,))
        when = datetime(1990, 1, 1, tzinfo=UTC) + timedelta(days=12327 + 5 * day)
        name = f"antwerp {when:%Y-%m-%d}"
        scenes.append(_scene(name, "antwerp", when.year, cube[:, day], tuple(numbers), truth))
    return Collection("Antwerp series", "Sen2Cor's SCL, itself a model", tuple(scenes))


def _layer(path: Path, name: str) -> NDArray[np.float32]:
    """(dates, height, width), as stored."""
    with rasterio.open(f"netcdf:{path}:S2-L2A-{name}") as source:
        return np.asarray(source.read(), dtype=np.float32)


def _by_class(
    classes: NDArray[np.int_], *, clear: tuple[int, ...], hidden: tuple[int, ...]
) -> NDArray[np.uint8]:
    """What SCL knows; thin cirrus, dark and unclassified pixels it does not."""
    table = np.full(256, UNKNOWN, dtype=np.uint8)
    table[list(clear)] = 0
    table[list(hidden)] = SHARE
    return table[classes]


def _nothing_known(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    return np.full((*shape, 4), UNKNOWN, dtype=np.uint8)


def _scene(
    name: str,
    place: str,
    season: int,
    reflectance: NDArray[np.float32],
    bands: tuple[str, ...],
    truth: NDArray[np.uint8],
    *,
    cloudy: bool | None = None,
) -> TrainingScene:
    dn = np.ascontiguousarray(np.moveaxis(radiometry.encode(reflectance), 0, -1))
    return TrainingScene(name, place, season, dn, truth, cloudy=cloudy, measured=bands)


COLLECTIONS = (noordoostpolder, planet, ukis, eolearn, antwerp)
