"""Labels from a parcel register, over acquisitions of the same season.

A register says what grew on every parcel, not whether it flowered on a given day: pixels of
tulip parcels are tulips, in flower or not.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import box
from shapely.geometry.base import BaseGeometry

from tulip_ops.core.errors import BadTrainingData, NothingValid
from tulip_ops.ml.datasets import image_encoding
from tulip_ops.ml.datasets.labels import DEPTH, OPACITY, SHARE, TULIP, UNKNOWN
from tulip_ops.ml.datasets.lazy_scenes import LazyScene
from tulip_ops.ml.datasets.scenes import TrainingScene
from tulip_ops.raster import header, rasterize, reader
from tulip_ops.raster.grid import Grid
from tulip_ops.raster.header import RasterInfo
from tulip_ops.raster.mgrs import tile_at, tile_grid
from tulip_ops.raster.probability import PROBABILITY_STEPS
from tulip_ops.raster.projection import WGS84, project
from tulip_ops.storage import vector_files

FIRST_DAY, LAST_DAY = (3, 20), (6, 10)
"""Month and day between which tulips stand on their parcels, green or in flower."""
SIDE, GAP = 512, 32
"""Pixels on a side of a scene, and between two of them: a parcel rarely lies in both."""
MIN_SIDE = 64
"""Pixels on a side of the smallest scene that is cut from the edge of an acquisition."""
MAX_CLOUD_PROBABILITY = 0.2
"""Probability of cloud above which a pixel is taken for hidden."""
MAX_SCENES = 400
"""Scenes of all acquisitions together; more are thinned at random."""
_WITHOUT = 0.25
"""Scenes with parcels but without the wanted crop, as a share of those with it."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Image:
    """An acquisition of the season."""

    name: str
    day: date
    reflectance: Path
    cloud: Path | None
    """Probability of cloud on the same grid; None where it was chosen by eye as clear."""


@dataclass(frozen=True, slots=True)
class _Window:
    image: Image
    facts: RasterInfo
    grid: Grid
    place: str
    wanted: list[BaseGeometry]
    """In the CRS of the grid."""

    @property
    def name(self) -> str:
        return f"{self.image.name}-{self.place}"


def read_parcels(
    register: Path,
    column: str,
    codes: Sequence[str],
    images: Sequence[Image],
    bands: Sequence[str],
    *,
    season: int,
    borders: bool = True,
    most: int = MAX_SCENES,
    seed: int = 1,
) -> list[LazyScene]:
    """Scenes of 512 x 512 pixels wherever an image shows a parcel with one of the codes.

    register: any polygon layer; column: says what grew there. A quarter as many scenes show
    parcels of other crops alone. A place is a square of the ground, the same on every date.
    borders: whether pixels within half a pixel of a wanted parcel's border count.

    `BadTrainingData` without an image of the season while tulips stand, without the column,
    without a parcel with such a code, and for images whose bands or numbers say too little.
    """
    standing = [image for image in images if _stands(image.day, season)]
    if not standing:
        others = ", ".join(sorted({str(image.day.year) for image in images})) or "none"
        raise BadTrainingData(
            f"no acquisition of {season} between 20 March and 10 June, while tulips stand (there"
            f" are acquisitions of: {others}); acquire and screen some, or name another season"
        )
    inspected = [(image, header.inspect(str(image.reflectance))) for image in standing]
    for image, facts in inspected:
        image_encoding.band_places(image.reflectance, facts, bands)
        image_encoding.scale_and_offset(image.reflectance, facts)
    grids = [_grid(image, facts) for image, facts in inspected]
    ground = shapely.union_all([project(box(*g.bounds), g.epsg, WGS84) for g in grids])
    shapes, crops = vector_files.read_parcels(register, column, ground)
    wanted = np.isin(crops, list(codes))
    if not wanted.any():
        common = ", ".join(code for code, _ in Counter(crops).most_common(10)) or "none at all"
        raise BadTrainingData(
            f"{register} has no parcel over the acquisitions whose {column} is"
            f" {' or '.join(codes)}; there are: {common}"
        )
    windows = [
        window
        for (image, facts), grid in zip(inspected, grids, strict=True)
        for window in _windows(image, facts, grid, shapes, wanted)
    ]
    return [
        LazyScene(w.name, w.place, season, partial(_read, w, tuple(bands), borders=borders))
        for w in _thinned(windows, most, np.random.default_rng(seed))
    ]


def _stands(day: date, season: int) -> bool:
    return day.year == season and FIRST_DAY <= (day.month, day.day) <= LAST_DAY


def _grid(image: Image, facts: RasterInfo) -> Grid:
    """The image's own grid if that is one of 10 m in UTM, else the tile's under its middle."""
    if facts.epsg is None:
        raise BadTrainingData(f"{image.reflectance} has no CRS; assign one, as gdal_edit -a_srs")
    resolution, _, left, _, down, top = facts.transform
    if facts.epsg // 100 in {326, 327} and resolution == 10 and down == -10:
        return Grid(facts.epsg, left, top, facts.shape[1], facts.shape[0])
    ground = project(box(*facts.bounds), facts.epsg, WGS84)
    tile = tile_grid(tile_at(ground.centroid.x, ground.centroid.y))
    return tile.window(project(ground, WGS84, tile.epsg).bounds)


def _windows(
    image: Image,
    facts: RasterInfo,
    grid: Grid,
    shapes: Sequence[BaseGeometry],
    wanted: NDArray[np.bool_],
) -> Iterator[_Window]:
    """The squares of a fixed lattice in which the image shows parcels."""
    placed = np.array([project(shape, WGS84, grid.epsg) for shape in shapes], dtype=object)
    tree = shapely.STRtree(placed)
    step = (SIDE + GAP) * grid.resolution
    left, bottom, right, top = grid.bounds
    for row in range(int(bottom // step), int(top // step) + 1):
        for column in range(int(left // step), int(right // step) + 1):
            west, south = column * step, row * step
            side = SIDE * grid.resolution
            try:
                part = grid.window((west, south, west + side, south + side))
            except NothingValid:
                continue
            inside = tree.query(box(*part.bounds))
            if inside.size and min(part.shape) >= min(MIN_SIDE, *grid.shape):
                place = f"{grid.epsg}-{column}-{row}"
                yield _Window(image, facts, part, place, list(placed[inside[wanted[inside]]]))


def _thinned(
    windows: Sequence[_Window], most: int, random: np.random.Generator
) -> Sequence[_Window]:
    """Those with the wanted crop, and a quarter as many without; at most `most`."""
    shuffled = [windows[number] for number in random.permutation(len(windows))]
    having = [window for window in shuffled if window.wanted]
    without = [window for window in shuffled if not window.wanted]
    having = having[: max(1, round(most / (1 + _WITHOUT)))]
    chosen = having + without[: min(round(_WITHOUT * len(having)), most - len(having))]
    log.info("%d of %d squares with parcels become scenes", len(chosen), len(windows))
    return chosen


def _read(window: _Window, bands: tuple[str, ...], *, borders: bool) -> TrainingScene:
    path, facts, grid = window.image.reflectance, window.facts, window.grid
    scale, offset = image_encoding.scale_and_offset(path, facts)
    files = [(str(path), place + 1) for place in image_encoding.band_places(path, facts, bands)]
    reflectance = reader.read_warped(files, grid, scale=scale, offset=offset)
    truth = np.full((*grid.shape, 4), UNKNOWN, dtype=np.uint8)
    truth[..., TULIP] = rasterize.polygons_to_labels(window.wanted, grid) >= 0
    if not borders:
        near = [shape.boundary.buffer(grid.resolution / 2) for shape in window.wanted]
        truth[rasterize.polygons_to_labels(near, grid) >= 0, TULIP] = UNKNOWN
    if window.image.cloud is not None:
        truth[..., OPACITY] = _opacity(window.image.cloud, grid)
        truth[..., DEPTH] = np.where(truth[..., OPACITY] == 0, 0, UNKNOWN)
    dn = image_encoding.as_dn(reflectance)
    season = window.image.day.year
    return TrainingScene(window.name, window.place, season, dn, truth, measured=bands)


def _opacity(cloud: Path, grid: Grid) -> NDArray[np.uint8]:
    """Binary: a cloud filter predicts a probability, not the opacity of a cloud."""
    probability = reader.read_warped([(str(cloud), 1)], grid, scale=1 / PROBABILITY_STEPS)[0]
    hidden = np.where(probability > MAX_CLOUD_PROBABILITY, SHARE, 0)
    return np.where(np.isnan(probability), UNKNOWN, hidden).astype(np.uint8)
