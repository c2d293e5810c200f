"""Builds training sets from the options of a training."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tulip_ops import simulate
from tulip_ops.core.errors import BadTrainingData
from tulip_ops.ml.datasets import acquisitions as acquired
from tulip_ops.ml.datasets.crop_parcels import read_parcels
from tulip_ops.ml.datasets.image_folders import read_folders
from tulip_ops.ml.datasets.lazy_scenes import LazyScene, LazyScenes
from tulip_ops.ml.datasets.planet_amazon import read_planet
from tulip_ops.ml.datasets.scenes import Mixture, TrainingScene, load_scenes, make_scenes
from tulip_ops.ml.datasets.splits import split
from tulip_ops.storage.product_store import ProductStore

VALIDATION, TEST = 1_000_000, 2_000_000
"""Added to the seeds of the simulated scenes that choose thresholds, and of those that measure:
every seed is a polder of its own, in a season of its own."""
KINDS = ("planet", "images", "parcels", "simulated")
"""In this order: data that may be invalid are read before anything is simulated."""

MINIMUM_CLEAR = 0.1
"""Share of the areas from which an acquisition of the store is worth learning from."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Options:
    """What to learn from; any of the kinds, or several. See `gather`."""

    network: Literal["cloud-filter", "unet"]
    bands: tuple[str, ...]
    seed: int = 1
    simulated: int = 0
    """Simulated scenes to learn from; a fifth as many each to choose thresholds and to measure."""
    size: int = 512
    """Pixels on a side of a simulated scene."""
    planet: Path | None = None
    """Folder with train.csv and JPEGs: see `planet_amazon.py`."""
    images: Path | None = None
    masks: Path | None = None
    """Folders of images and masks: see `image_folders.py`."""
    parcels: Path | None = None
    """Register of parcels, any polygon layer: see `crop_parcels.py`."""
    crop_column: str = "gewascode"
    crop_codes: tuple[str, ...] = ("1004", "985")
    season: int | None = None
    """Of the register."""
    acquisitions: Path | None = None
    """Folder of GeoTIFFs to lay the parcels over; None: what the store holds."""
    borders: bool = True
    """Whether pixels on the border of a parcel count."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """How often chips come from a kind; 1 for those not named."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """Which of `KINDS` are there."""
        return tuple(kind for kind in KINDS if getattr(self, kind))

    def described(self) -> str:
        """The options in one line, which identifies the training data."""
        if self.kinds == ("simulated",):
            scenes = f"{self.simulated} simulated scenes of {self.size} px"
            return f"{scenes}, simulator {simulate.VERSION}"
        return f"{self}, simulator {simulate.VERSION}"


@dataclass(frozen=True, slots=True)
class Sets:
    """Scenes for the three uses; no place is in two of them."""

    learn: Sequence[TrainingScene]
    choose: Sequence[TrainingScene]
    """To choose thresholds by, and to calibrate."""
    measure: Sequence[TrainingScene]
    described: str
    """For the card of the model: what was learned from, with counts."""


def gather(options: Options, *, work: Path, processes: int, store: ProductStore) -> Sets:
    """Scenes of all kinds that the options name, split by place, mixed by weight.

    work: cache folder of simulated scenes. processes: to simulate in. store: of the
    acquisitions that parcels are laid over.

    A measured kind with fewer than three places is used for training only, where simulated scenes
    can choose and measure. `BadTrainingData`: every message names the file and what to do.
    """
    check(options)
    parts: dict[str, tuple[Sequence[TrainingScene], ...]] = {}
    for kind in options.kinds:
        if kind == "simulated":
            parts[kind] = _simulated(options, work, processes)
        else:
            parts[kind] = _split(_measured(kind, options, store), kind, options)
    weights = tuple(options.weights.get(kind, 1.0) for kind in parts)
    learn, choose, measure = (
        _mixed([part[number] for part in parts.values()], weights) for number in range(3)
    )
    counts = [f"{len(part[0])} {_NOUNS[kind]}" for kind, part in parts.items()]
    return Sets(learn, choose, measure, ", ".join(counts))


_NOUNS = {
    "simulated": "simulated scenes",
    "planet": "chips of Planet's Amazon",
    "images": "images with masks",
    "parcels": "scenes with registered parcels",
}


def check(options: Options) -> None:
    """`BadTrainingData` where options contradict each other, before anything is read."""
    wrong = {
        "nothing to learn from; give --simulated, --planet, --images or --parcels": not (
            options.kinds
        ),
        "--planet tells of clouds alone; it trains a cloud-filter": (
            options.planet is not None and options.network != "cloud-filter"
        ),
        "--parcels tell of tulips alone; they train a unet": (
            options.parcels is not None and options.network != "unet"
        ),
        "--images and --masks belong together; give both": (
            (options.images is None) != (options.masks is None)
        ),
        "--crop-codes is empty; give one code or more, such as 1004": not options.crop_codes,
        f"--weight is for what is given: {', '.join(options.kinds)}": not (
            set(options.weights) <= set(options.kinds)
        ),
        "--weight takes numbers above 0": not all(w > 0 for w in options.weights.values()),
    }
    for message, happened in wrong.items():
        if happened:
            raise BadTrainingData(message)


def _simulated(options: Options, work: Path, processes: int) -> tuple[Sequence[TrainingScene], ...]:
    held_out = max(2, options.simulated // 5)
    counts = ((0, options.simulated), (VALIDATION, held_out), (TEST, held_out))
    first = options.seed * 10_000
    return tuple(
        load_scenes(
            make_scenes(
                work, range(first + offset, first + offset + count), options.size, processes
            ),
            options.bands,
        )
        for offset, count in counts
    )


def _measured(kind: str, options: Options, store: ProductStore) -> list[LazyScene]:
    bands = options.bands
    if kind == "planet" and options.planet is not None:
        return read_planet(options.planet, bands)
    if kind == "images" and options.images is not None and options.masks is not None:
        subject: Literal["tulip", "cloud"] = "tulip" if options.network == "unet" else "cloud"
        return read_folders(options.images, options.masks, bands, subject)
    if options.parcels is None or options.season is None:
        raise BadTrainingData("--parcels need --season, the year of the register")
    if options.acquisitions is not None:
        images = acquired.in_folder(options.acquisitions)
    else:
        images = acquired.in_store(store, options.season, MINIMUM_CLEAR)
    return read_parcels(
        options.parcels,
        options.crop_column,
        options.crop_codes,
        images,
        bands,
        season=options.season,
        borders=options.borders,
        seed=options.seed,
    )


def _split(
    unread: list[LazyScene], kind: str, options: Options
) -> tuple[Sequence[TrainingScene], ...]:
    places = len({scene.place for scene in unread})
    if places < 3 and options.simulated:
        log.warning(
            "%s: %d scenes of %d places are for learning alone; thresholds and figures come"
            " from simulated scenes",
            kind,
            len(unread),
            places,
        )
        return LazyScenes(unread), (), ()
    return tuple(LazyScenes(part) for part in split(unread, options.seed))


def _mixed(
    kinds: Sequence[Sequence[TrainingScene]], weights: Sequence[float]
) -> Sequence[TrainingScene]:
    there = [(kind, weight) for kind, weight in zip(kinds, weights, strict=True) if len(kind)]
    if len(there) == 1:
        return there[0][0]
    return Mixture(tuple(kind for kind, _ in there), tuple(weight for _, weight in there))
