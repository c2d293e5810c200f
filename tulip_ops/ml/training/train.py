"""Training, from simulated scenes to a model in its folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

import keras
import numpy as np

from tulip_ops.core.errors import BadSetting, TulipError
from tulip_ops.core.files import atomic_folder, sha256_file
from tulip_ops.core.types import BANDS
from tulip_ops.ml.datasets.scenes import TrainingScene
from tulip_ops.ml.datasets.training_sets import Options, gather
from tulip_ops.ml.evaluation import evaluate
from tulip_ops.ml.inference import keras_backend, model_loading
from tulip_ops.ml.inference.model_registry import (
    Card,
    Normalization,
    ResNetArchitecture,
    Training,
    read_card,
    write,
)
from tulip_ops.ml.training import augmentation, chip_sampling, model_card, pretrained
from tulip_ops.ml.training.provenance import describe
from tulip_ops.ml.training.recipes import Recipe
from tulip_ops.ml.training.trainer import LOG, Stage, TrainingJob, TrainingSchedule, fit
from tulip_ops.raster import reflectance as radiometry
from tulip_ops.storage.product_store import ProductStore

RGB = ("red", "green", "blue")

DrawCurves: TypeAlias = Callable[[Path, Path], None]
"""Draws the CSV log of the epochs, the first path, into an image file, the second."""


@dataclass(frozen=True, slots=True)
class Folders:
    """What a training reads and writes."""

    models: Path
    work: Path
    """Folder for scenes, checkpoints, logs and curves; simulated scenes serve all trainings."""
    store: ProductStore
    """Products of acquisitions, for labels from parcels."""


@dataclass(frozen=True, slots=True)
class Start:
    """Initial weights of a network; random by default."""

    model: Card | None = None
    """One of our models of the same architecture, perhaps of fewer bands."""
    photographs: Path | None = None
    """Weights of a Keras ResNet trained on photographs: see `pretrained.load_backbone`."""
    head_epochs: int = 4
    """With `photographs`: first epochs, in which only the new layers are trained."""

    def __str__(self) -> str:
        if self.model is not None:
            return str(self.model.reference)
        return "random" if self.photographs is None else self.photographs.name


def train(
    recipe: Recipe,
    options: Options,
    folders: Folders,
    *,
    version: str,
    threads: int = 2,
    start: Start = Start(),
    draw_curves: DrawCurves | None = None,
) -> Card:
    """Train a network on what the options name and put it among the models; returns its card.

    `BadSetting` if there is such a version already.
    """
    job = _job(recipe, options, version, start)
    place = folders.models / job.name / job.version
    if place.exists():
        raise BadSetting(f"{place} is there already; choose another version")
    keras_backend.use_threads(threads)
    sets = gather(options, work=folders.work, processes=threads, store=folders.store)
    folder = job.folder(folders.work)
    folder.mkdir(parents=True, exist_ok=True)
    normalization = _normalization(job, sets.learn)
    keras.utils.set_random_seed(options.seed)
    network = job.build(job.schedule.precision)
    _begin(network, start, job)
    fit(job, network, sets.learn, sets.choose, normalization, folder)
    training = describe(job, options, sets.described, folder)
    draft = _draft(job, normalization, training, folder)
    card = evaluate.calibrate(_with_weights(draft, job, network), sets.choose, threads)
    card = evaluate.measure(card, sets.measure, threads)
    write(card, model_card.text(card))
    if draw_curves is not None:
        draw_curves(folder / LOG, folder / "curves.png")
    return _publish(card, place)


def _job(recipe: Recipe, options: Options, version: str, start: Start) -> TrainingJob:
    photographs = start.photographs is not None and recipe.kind == "cloud-filter"
    return TrainingJob(
        name=_name(recipe.kind, options.bands),
        version=version,
        recipe=recipe,
        schedule=TrainingSchedule(
            bands=options.bands,
            seed=options.seed,
            data=options.described(),
            stages=_stages(recipe.epochs, recipe.sizes, recipe.batch_pixels),
            steps=recipe.steps,
            rate=recipe.rate,
            precision="mixed_bfloat16",
            start=str(start),
            head_epochs=start.head_epochs if photographs else 0,
        ),
    )


def _stages(epochs: int, sizes: Sequence[int], batch_pixels: int) -> tuple[Stage, ...]:
    """Half of the epochs on the first size, a tenth on the last, the others between."""
    ends = np.rint(np.linspace(0.5, 0.9, len(sizes) - 1) * epochs).astype(int).tolist()
    return tuple(
        Stage(size, max(1, batch_pixels // size**2), end - start)
        for size, (start, end) in zip(sizes, pairwise([0, *ends, epochs]), strict=True)
        if end > start
    )


def _name(kind: str, bands: tuple[str, ...]) -> str:
    names = {frozenset(RGB): "rgb", frozenset(BANDS): "multispectral"}
    return f"{kind}-{names.get(frozenset(bands), f'{len(bands)}-bands')}"


def _draft(
    job: TrainingJob, normalization: Normalization, training: Training, folder: Path
) -> Card:
    """A card without checksum, measured thresholds and metrics."""
    kind = job.recipe.kind
    return Card(
        kind=kind,
        name=job.name,
        version=job.version,
        created=datetime.now(UTC).date(),
        bands=job.schedule.bands,
        chip=job.recipe.chip,
        architecture=job.recipe.architecture,
        normalization=normalization,
        threshold=0.5,
        bloom_threshold=0.5 if kind == "unet" else None,
        chip_threshold=0.5 if kind == "cloud-filter" else None,
        sha256="0" * 64,
        training=training,
        metrics={},
        folder=folder / "model",
    )


def _begin(network: keras.Model, start: Start, job: TrainingJob) -> None:
    bands = job.schedule.bands
    if start.model is not None:
        other = model_loading.build(start.model)
        model_loading.load_weights(other, start.model)
        pretrained.start_from(network, other, start.model, bands)
    elif start.photographs is not None and isinstance(job.recipe.architecture, ResNetArchitecture):
        pretrained.load_backbone(network, job.recipe.architecture.network, start.photographs, bands)


def _normalization(job: TrainingJob, scenes: Sequence[TrainingScene]) -> Normalization:
    """Mean and standard deviation per band of what training will see.

    Red, green and blue are clipped where TRUE_COLOR renderings saturate, so that these look
    like reflectance to the network; nothing but cloud, snow and roofs is brighter.
    """
    schedule = job.schedule
    highest = 1 / radiometry.STRETCH if augmentation.RENDERED.issuperset(schedule.bands) else 1.2
    chips = chip_sampling.batches(
        job.recipe.draw,
        scenes,
        schedule.bands,
        seed=(schedule.seed, 0),
        steps=8,
        batch=24,
        chip=128,
    )
    pixels = np.concatenate([seen.reshape(-1, len(schedule.bands)) for seen, _ in chips])
    clipped = np.clip(pixels, 0.0, highest).astype(np.float64)
    return Normalization(
        lowest=0.0,
        highest=highest,
        mean=tuple(np.nanmean(clipped, axis=0).round(5).tolist()),
        std=tuple(np.nanstd(clipped, axis=0).round(5).tolist()),
    )


def _with_weights(card: Card, job: TrainingJob, network: keras.Model) -> Card:
    """The card of the weights, written into its folder in half precision."""
    card.folder.mkdir(parents=True, exist_ok=True)
    half = job.build("float16")
    half.set_weights(network.get_weights())
    half.save_weights(card.weights)
    if not all(np.isfinite(weights).all() for weights in half.get_weights()):
        raise TulipError(
            f"weights of {card.reference} do not fit half precision; lower the learning rate"
        )
    return card.model_copy(update={"sha256": sha256_file(card.weights)})


def _publish(card: Card, place: Path) -> Card:
    """Copy a finished model to its place, complete or not at all."""
    with atomic_folder(place) as draft:
        shutil.copytree(card.folder, draft, dirs_exist_ok=True)
    return read_card(place)
