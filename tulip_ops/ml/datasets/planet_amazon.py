"""Planet's chips of the Amazon, in the format of their competition on Kaggle.

A folder with `train.csv`, whose columns are image_name and tags, and the JPEGs that it names,
beside it or in `train-jpg`. Tags are words; exactly one of them names the weather.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from tulip_ops.core.errors import BadTrainingData
from tulip_ops.ml.datasets.image_encoding import RENDERED, as_dn
from tulip_ops.ml.datasets.labels import DEPTH, OPACITY, UNKNOWN
from tulip_ops.ml.datasets.lazy_scenes import LazyScene
from tulip_ops.ml.datasets.scenes import TrainingScene
from tulip_ops.raster import reader
from tulip_ops.raster import reflectance as radiometry

CLOUDY = {"clear": False, "haze": True, "partly_cloudy": True, "cloudy": True}
"""The weather, and whether an image counts as cloudy."""
GROUND = frozenset(
    (
        "agriculture", "artisinal_mine", "bare_ground", "blooming", "blow_down",
        "conventional_mine", "cultivation", "habitation", "primary", "road",
        "selective_logging", "slash_burn", "water",
    )
)  # fmt: skip
"""The other tags, in the competition's spelling."""

SEASON = 2016
"""They were taken from January 2016 to February 2017; the tags do not say when, nor where."""
_TABLES = ("train.csv", "train_v2.csv")


def read_planet(folder: Path, bands: Sequence[str]) -> list[LazyScene]:
    """A scene with a verdict for every row of the table; every image is a place of its own.

    `BadTrainingData` for a folder without table, rows that it cannot mean, and missing images.
    """
    if not set(bands) <= set(RENDERED):
        raise BadTrainingData(
            f"{folder}: Planet's chips hold red, green and blue alone; train with --bands rgb"
        )
    table = next((folder / name for name in _TABLES if (folder / name).is_file()), None)
    if table is None:
        raise BadTrainingData(
            f"{folder} holds no {_TABLES[0]}, which says what the images show;"
            " give the folder that holds both"
        )
    images = {path.stem: path for path in sorted(folder.rglob("*.jpg"))}
    verdicts = dict(_rows(table))
    if missing := [name for name in verdicts if name not in images]:
        raise BadTrainingData(
            f"{table} names {len(missing)} images that are not below {folder}, such as"
            f" {missing[0]}.jpg; unpack all of them, or shorten the table"
        )
    return [
        LazyScene(f"planet-{name}", f"planet-{name}", SEASON, partial(_read, path, cloudy, bands))
        for name, cloudy in verdicts.items()
        for path in (images[name],)
    ]


def _rows(table: Path) -> Iterator[tuple[str, bool]]:
    with table.open(newline="") as file:
        rows = csv.DictReader(file)
        if not {"image_name", "tags"} <= set(rows.fieldnames or ()):
            raise BadTrainingData(
                f"{table} has the columns {', '.join(rows.fieldnames or ())};"
                " image_name and tags are needed"
            )
        for row in rows:
            yield row["image_name"], _verdict(row["tags"] or "", f"{table} line {rows.line_num}")


def _verdict(tags: str, where: str) -> bool:
    words = tags.split()
    if unknown := [word for word in words if word not in CLOUDY and word not in GROUND]:
        raise BadTrainingData(
            f"{where}: unknown tag {unknown[0]!r}; the weather is one of {', '.join(CLOUDY)}"
        )
    weather = [word for word in words if word in CLOUDY]
    if len(weather) != 1:
        raise BadTrainingData(
            f"{where}: {tags!r} names {len(weather)} kinds of weather; one of"
            f" {', '.join(CLOUDY)} is needed"
        )
    return CLOUDY[weather[0]]


def _read(path: Path, cloudy: bool, bands: Sequence[str]) -> TrainingScene:
    pixels = reader.read_pixels(path)
    if len(pixels) != len(RENDERED):
        raise BadTrainingData(f"{path} has {len(pixels)} bands, not red, green and blue")
    rendered = pixels[[RENDERED.index(band) for band in bands]]
    dn = as_dn(rendered * np.float32(radiometry.true_color_scale(radiometry.STRETCH)))
    truth = np.full((*dn.shape[:2], 4), UNKNOWN, dtype=np.uint8)
    if not cloudy:
        truth[..., (OPACITY, DEPTH)] = 0
    name = f"planet-{path.stem}"
    return TrainingScene(name, name, SEASON, dn, truth, cloudy=cloudy)
