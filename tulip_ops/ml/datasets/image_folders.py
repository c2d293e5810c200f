"""Images and masks in two folders, as in the 2018 prototype.

An image is 8-bit (PNG, JPEG or TIFF, a TRUE_COLOR rendering) or a TIFF of reflectance; a mask has
its size, 255 where there are tulips, or clouds, and 0 where there are none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import box

from tulip_ops.core.errors import BadTrainingData
from tulip_ops.ml.datasets import image_encoding
from tulip_ops.ml.datasets.labels import DEPTH, OPACITY, SHARE, TULIP, UNKNOWN
from tulip_ops.ml.datasets.lazy_scenes import LazyScene
from tulip_ops.ml.datasets.scenes import TrainingScene
from tulip_ops.raster import header, reader
from tulip_ops.raster.header import RasterInfo
from tulip_ops.raster.projection import WGS84, project

Subject = Literal["tulip", "cloud"]
"""What 255 in a mask means: tulips, or whatever hides the ground (clouds, haze, shadows)."""

SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".tif", ".tiff"))
_DATED = re.compile(r"(?P<place>.+?)(?:_wms)?[_-](?P<year>20\d\d)-?\d\d-?\d\d(?!\d)")
"""`field_2016-05-01`, `tulip_91c1b440_wms_20160501-105310_TRUE_COLOR`."""


@dataclass(frozen=True, slots=True)
class _Image:
    path: Path
    mask: Path
    facts: RasterInfo
    place: str
    season: int


def read_folders(
    images: Path, masks: Path, bands: Sequence[str], subject: Subject
) -> list[LazyScene]:
    """A scene for every image below `images`, with its mask below `masks`.

    The mask of `a/b.png` is `a/b.*` or `a/b_mask.*`, wherever it lies; or, where the name of the
    image holds a date, the one mask whose name begins as the image's does before the date, so
    that one mask serves all dates of a place. What stands before the date is the place, and the
    year the season; without a date every image is a place of its own, and its season 0.
    Georeferenced images that overlap are one place, whatever their names.

    `BadTrainingData` for an image without mask, a mask of another size, or bands that lack.
    """
    if images.resolve() == masks.resolve():
        raise BadTrainingData(f"{images} cannot hold both images and masks; use two folders")
    found = _files(images, "images")
    known = {path.stem: path for path in _files(masks, "masks")}
    paired = [_paired(path, known, bands) for path in found]
    places = _merged(paired)
    return [
        LazyScene(
            str(image.path.relative_to(images).with_suffix("")),
            f"{images.name}/{places[image.place]}",
            image.season,
            partial(_read, image, f"{images.name}/{places[image.place]}", tuple(bands), subject),
        )
        for image in paired
    ]


def _files(folder: Path, noun: str) -> list[Path]:
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise BadTrainingData(
            f"{folder} holds no {noun}; files with these endings are read:"
            f" {', '.join(sorted(SUFFIXES))}"
        )
    return paths


def _paired(path: Path, masks: Mapping[str, Path], bands: Sequence[str]) -> _Image:
    dated = _DATED.match(path.stem)
    place = dated["place"] if dated else path.stem
    mask = masks.get(path.stem) or masks.get(f"{path.stem}_mask") or _of_place(path, place, masks)
    facts, other = header.inspect(str(path)), header.inspect(str(mask))
    if facts.shape != other.shape:
        raise BadTrainingData(
            f"{mask} has {_size(other)} pixels and its image {path} {_size(facts)};"
            " a mask has the size of its image"
        )
    image_encoding.band_places(path, facts, bands)
    image_encoding.scale_and_offset(path, facts)
    return _Image(path, mask, facts, place, int(dated["year"]) if dated else 0)


def _of_place(path: Path, place: str, masks: Mapping[str, Path]) -> Path:
    """The mask that serves all dates of a place."""
    fitting = [
        mask
        for stem, mask in masks.items()
        if place != path.stem and (stem == place or stem.startswith(f"{place}_"))
    ]
    if len(fitting) == 1:
        return fitting[0]
    several = f": {', '.join(mask.name for mask in fitting)} all begin as it does" * bool(fitting)
    raise BadTrainingData(
        f"{path} has no mask of its own{several}; name one {path.stem}.png or {path.stem}_mask.png"
    )


def _size(facts: RasterInfo) -> str:
    return f"{facts.shape[1]} x {facts.shape[0]}"


def _merged(images: Sequence[_Image]) -> dict[str, str]:
    """The first of the overlapping places, by place."""
    first: dict[str, str] = {image.place: image.place for image in images}

    def root(place: str) -> str:
        return place if first[place] == place else root(first[place])

    places = [image.place for image in images if image.facts.epsg is not None]
    grounds = np.array(
        [
            project(box(*image.facts.bounds), image.facts.epsg, WGS84)
            for image in images
            if image.facts.epsg is not None
        ],
        dtype=object,
    )
    for one, other in shapely.STRtree(grounds).query(grounds, predicate="intersects").T:
        if shapely.intersection(grounds[one], grounds[other]).area > 0:  # and not only an edge
            ends = sorted((root(places[one]), root(places[other])))
            first[ends[1]] = ends[0]
    return {place: root(place) for place in first}


def _read(image: _Image, place: str, bands: tuple[str, ...], subject: Subject) -> TrainingScene:
    places = image_encoding.band_places(image.path, image.facts, bands)
    scale, offset = image_encoding.scale_and_offset(image.path, image.facts)
    reflectance = reader.read_pixels(image.path)[places] * np.float32(scale) + np.float32(offset)
    truth = _truth(image.mask, subject)
    dn = image_encoding.as_dn(reflectance)
    return TrainingScene(image.path.stem, place, image.season, dn, truth, measured=bands)


def _truth(path: Path, subject: Subject) -> NDArray[np.uint8]:
    values = reader.read_pixels(path)[0]
    known = ~np.isnan(values)
    highest = float(np.max(values[known], initial=0))
    lossy = path.suffix.lower() in {".jpg", ".jpeg"}
    if not lossy and not np.isin(values[known], (0, 1 if highest == 1 else 255)).all():
        other = min(set(np.unique(values[known]).tolist()) - {0, 255})
        raise BadTrainingData(f"{path} holds {other:g}; a mask holds 0 and 255, or 0 and 1")
    present = values > highest / 2 if not lossy else values >= 128
    truth = np.full((*values.shape, 4), UNKNOWN, dtype=np.uint8)
    if subject == "tulip":
        truth[..., TULIP] = np.where(known, present, UNKNOWN)
    else:
        truth[..., OPACITY] = np.where(known, present * np.uint8(SHARE), UNKNOWN)
        truth[..., DEPTH] = 0
    return truth
