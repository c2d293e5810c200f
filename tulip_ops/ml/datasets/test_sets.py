"""Scenes to evaluate a model on, named as in `tulip evaluate --data`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from tulip_ops.core.errors import BadTrainingData
from tulip_ops.ml.datasets import acquisitions
from tulip_ops.ml.datasets.crop_parcels import read_parcels
from tulip_ops.ml.datasets.image_folders import read_folders
from tulip_ops.ml.datasets.lazy_scenes import LazyScene
from tulip_ops.ml.datasets.planet_amazon import read_planet
from tulip_ops.ml.datasets.scenes import TrainingScene, load_scenes, make_scenes
from tulip_ops.ml.datasets.training_sets import TEST, Options
from tulip_ops.ml.inference.model_registry import Card
from tulip_ops.storage.product_store import ProductStore

SIDE = 512
"""Pixels on a side of simulated scenes."""
SOURCES = "simulated, planet:FOLDER, folder:FOLDER or parcels:FILE:YEAR"


def scenes(
    source: str, card: Card, count: int, *, work: Path, processes: int, store: ProductStore
) -> Iterator[TrainingScene]:
    """At most `count` scenes of a source, with the card's bands, one in memory at a time.

    source: `simulated`: places and seasons that the model has not learned from. `planet:FOLDER`:
    see `planet_amazon.py`. `folder:FOLDER`: its `images` and `masks`, see `image_folders.py`.
    `parcels:FILE:YEAR`: registered parcels over what the store holds of that year. Where a
    source has more scenes, some are drawn by chance, the same each time.

    work, processes: cache folder of simulated scenes, and how many processes make them.
    `BadTrainingData` if the source is unknown or cannot be read.
    """
    kind, _, place = source.partition(":")
    if source == "simulated":
        return simulated(card, count, work, processes)
    if not place or kind not in ("planet", "folder", "parcels"):
        raise BadTrainingData(f"{source!r} names no scenes; use {SOURCES}")
    return _read(_drawn(_unread(kind, place, card, store), count))


def simulated(card: Card, count: int, work: Path, processes: int) -> Iterator[TrainingScene]:
    """Simulated scenes of places and seasons that the model has not learned from."""
    first = int(card.training.settings.get("seed", 1)) * 10_000 + TEST
    for path in make_scenes(work, range(first, first + count), SIDE, processes):
        yield from load_scenes([path], card.bands)


def _unread(kind: str, place: str, card: Card, store: ProductStore) -> list[LazyScene]:
    if kind == "planet":
        return read_planet(Path(place), card.bands)
    if kind == "folder":
        subject: Literal["tulip", "cloud"] = "tulip" if card.kind == "unet" else "cloud"
        folder = Path(place)
        return read_folders(folder / "images", folder / "masks", card.bands, subject)
    file, _, year = place.rpartition(":")
    if not year.isdigit():
        raise BadTrainingData(f"parcels:{place} lacks the year of the register; use {SOURCES}")
    defaults = Options("unet", card.bands)
    return read_parcels(
        Path(file),
        defaults.crop_column,
        defaults.crop_codes,
        acquisitions.in_store(store, int(year), 0.0),
        card.bands,
        season=int(year),
        borders=True,
        seed=defaults.seed,
    )


def _drawn(unread: Sequence[LazyScene], count: int) -> list[LazyScene]:
    if len(unread) <= count:
        return list(unread)
    chosen = np.random.default_rng(0).choice(len(unread), count, replace=False)
    return [unread[number] for number in sorted(chosen)]


def _read(unread: Sequence[LazyScene]) -> Iterator[TrainingScene]:
    return (one.read() for one in unread)
