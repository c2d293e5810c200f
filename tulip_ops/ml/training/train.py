"""Training, from simulated scenes to a model in its folder."""

from __future__ import annotations

import csv
import logging
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

import keras
import numpy as np

from tulip_ops import simulate
from tulip_ops.core.errors import BadSetting, TulipError
from tulip_ops.core.files import atomic_folder, sha256_file
from tulip_ops.core.types import BANDS
from tulip_ops.ml.datasets.labels import cloud_filter_target, unet_target
from tulip_ops.ml.datasets.scenes import TrainingScene
from tulip_ops.ml.datasets.training_sets import Options, gather
from tulip_ops.ml.evaluation import evaluate
from tulip_ops.ml.inference import cloud_filter, keras_backend, model_loading, unet
from tulip_ops.ml.inference.model_registry import (
    Card,
    Normalization,
    ResNetArchitecture,
    Training,
    UNetArchitecture,
    read_card,
    write,
)
from tulip_ops.ml.training import augmentation, chip_sampling, losses, model_card, pretrained
from tulip_ops.ml.training.trainer import Stage, TrainingJob, TrainingSchedule, fit
from tulip_ops.raster import reflectance as radiometry
from tulip_ops.storage.product_store import ProductStore

log = logging.getLogger(__name__)

RGB = ("red", "green", "blue")

Draw: TypeAlias = Callable[[Path, Path], None]
"""Makes a picture, the second file, of the CSV log of the epochs, the first."""


@dataclass(frozen=True, slots=True)
class Folders:
    """Where a training finds and leaves things."""

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
    """With `photographs`: epochs in which only what is new learns, before all of it does."""

    def __str__(self) -> str:
        if self.model is not None:
            return str(self.model.reference)
        return "random" if self.photographs is None else self.photographs.name


def train_unet(
    options: Options,
    folders: Folders,
    *,
    version: str,
    epochs: int = 64,
    steps: int = 80,
    sizes: Sequence[int] = (128, 256),
    batch_pixels: int = 24 * 128 * 128,
    threads: int = 2,
    base: int = 32,
    levels: int = 4,
    start: Start = Start(),
    draw: Draw | None = None,
) -> Card:
    """Train a U-Net on what the options name and put it among the models; returns its card.

    sizes: pixels on a side of the chips: half of the epochs see the first; of three sizes the last
    tenth see the last. Every batch holds `batch_pixels`, so each takes as long.
    """
    course = TrainingSchedule(
        bands=options.bands,
        seed=options.seed,
        data=options.described(),
        stages=_stages(epochs, sizes, batch_pixels),
        steps=steps,
        rate=2e-3,
        precision="mixed_bfloat16",
        start=str(start),
    )
    job = TrainingJob(
        kind="unet",
        name=_name("unet", course.bands),
        version=version,
        architecture=UNetArchitecture(base=base, levels=levels),
        chip=512,
        course=course,
        build=lambda dtype: unet.build(len(course.bands), base, levels, dtype=dtype),
        draw=chip_sampling.draw_for_unet,
        target=unet_target,
        loss=losses.segmentation_loss,
    )
    return _train(job, start, options, folders, threads, draw)


def train_cloud_filter(
    options: Options,
    folders: Folders,
    *,
    version: str,
    epochs: int = 60,
    steps: int = 60,
    sizes: Sequence[int] = (64, 128, 256),
    batch_pixels: int = 16 * 128 * 128,
    threads: int = 2,
    depth: cloud_filter.Depth = "resnet50",
    start: Start = Start(),
    draw: Draw | None = None,
) -> Card:
    """Train a cloud filter; as `train_unet`."""
    course = TrainingSchedule(
        bands=options.bands,
        seed=options.seed,
        data=options.described(),
        stages=_stages(epochs, sizes, batch_pixels),
        steps=steps,
        rate=1e-3,
        precision="mixed_bfloat16",
        start=str(start),
        head_epochs=start.head_epochs if start.photographs else 0,
    )
    job = TrainingJob(
        kind="cloud-filter",
        name=_name("cloud-filter", course.bands),
        version=version,
        architecture=ResNetArchitecture(network=depth),
        chip=256,
        course=course,
        build=lambda dtype: cloud_filter.build(len(course.bands), depth, dtype=dtype),
        draw=chip_sampling.draw_for_cloud_filter,
        target=lambda _, truth: dict(
            zip(("cell", "chip"), cloud_filter_target(truth), strict=True)
        ),
        loss={"cell": losses.cloud_loss, "chip": losses.cloud_loss},
    )
    return _train(job, start, options, folders, threads, draw)


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


def _train(
    job: TrainingJob,
    start: Start,
    options: Options,
    folders: Folders,
    threads: int,
    draw: Draw | None,
) -> Card:
    course = job.course
    place = folders.models / job.name / job.version
    if place.exists():
        raise BadSetting(f"{place} is there already; choose another version")
    keras_backend.use_threads(threads)
    sets = gather(options, work=folders.work, processes=threads, store=folders.store)
    folder = job.folder(folders.work)
    folder.mkdir(parents=True, exist_ok=True)
    normalization = _normalization(job, sets.learn)
    keras.utils.set_random_seed(course.seed)
    network = job.build(course.precision)
    _begin(network, start, job)
    fit(job, network, sets.learn, sets.choose, normalization, folder)
    draft = Card(
        kind=job.kind,
        name=job.name,
        version=job.version,
        created=datetime.now(UTC).date(),
        bands=course.bands,
        chip=job.chip,
        architecture=job.architecture,
        normalization=normalization,
        threshold=0.5,
        bloom_threshold=0.5 if job.kind == "unet" else None,
        chip_threshold=0.5 if job.kind == "cloud-filter" else None,
        sha256="0" * 64,
        training=_training(job, options, sets.described, folder),
        metrics={},
        folder=folder / "model",
    )
    card = evaluate.calibrate(_with_weights(draft, job, network), sets.choose, threads)
    card = evaluate.measure(card, sets.measure, threads)
    write(card, model_card.text(card))
    if draw is not None:
        draw(folder / "log.csv", folder / "curves.png")
    return _publish(card, place)


def _begin(network: keras.Model, start: Start, job: TrainingJob) -> None:
    bands = job.course.bands
    if start.model is not None:
        other = model_loading.build(start.model)
        model_loading.load_weights(other, start.model)
        pretrained.start_from(network, other, start.model, bands)
    elif start.photographs is not None and isinstance(job.architecture, ResNetArchitecture):
        pretrained.load_backbone(network, job.architecture.network, start.photographs, bands)


def _normalization(job: TrainingJob, scenes: Sequence[TrainingScene]) -> Normalization:
    """Mean and standard deviation per band of what training will see.

    Red, green and blue are clipped where TRUE_COLOR renderings saturate, so that these look
    like reflectance to the network; nothing but cloud, snow and roofs is brighter.
    """
    course = job.course
    highest = 1 / radiometry.STRETCH if augmentation.RENDERED.issuperset(course.bands) else 1.2
    chips = chip_sampling.batches(
        job.draw,
        scenes,
        course.bands,
        seed=(course.seed, 0),
        steps=8,
        batch=24,
        chip=128,
    )
    pixels = np.concatenate([seen.reshape(-1, len(course.bands)) for seen, _ in chips])
    clipped = np.clip(pixels, 0.0, highest).astype(np.float64)
    return Normalization(
        lowest=0.0,
        highest=highest,
        mean=tuple(np.nanmean(clipped, axis=0).round(5).tolist()),
        std=tuple(np.nanstd(clipped, axis=0).round(5).tolist()),
    )


def _training(job: TrainingJob, options: Options, described: str, folder: Path) -> Training:
    course = asdict(job.course)
    del course["data"]
    own = options.kinds == ("simulated",)
    with (folder / "log.csv").open(newline="") as file:
        epochs = list(csv.DictReader(file))
    seconds = sum(float(epoch["seconds"]) for epoch in epochs)
    computed = sorted({epoch["on"] for epoch in epochs})
    plan = ", ".join(f"{s.epochs} x {s.batch} of {s.chip} px" for s in job.course.stages)
    return Training(
        data=f"{described} (simulator {simulate.VERSION})" if own else described,
        licence="Apache-2.0, as the simulator that made the data"
        if own
        else "that of the data which it learned from",
        settings={
            **{name: value for name, value in course.items() if name != "bands"},
            "stages": f"epochs x batch: {plan}",
            "optimizer": "AdamW, weight decay 1e-4, clipnorm 1, warm-up and cosine",
            "keras": keras.__version__,
            "on": "; ".join(computed),
            "minutes": round(seconds / 60, 1),
        },
        simulated=own,
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
