"""Training, from simulated scenes to a model in its folder."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tulip_ops import pictures
from tulip_ops.errors import BadSetting, TulipError
from tulip_ops.networks import augment, cards, cloud_filter, data, evaluate, losses, predict, unet
from tulip_ops.networks.data import Scene
from tulip_ops.networks.fit import Course, Job, fit
from tulip_ops.networks.registry import (
    Card,
    Normalization,
    ResNetArchitecture,
    Training,
    UNetArchitecture,
    read_card,
    write,
)

log = logging.getLogger(__name__)

RGB = ("red", "green", "blue")
VALIDATION, TEST = 1_000_000, 2_000_000
"""Added to the seeds of the scenes that choose thresholds, and of those that measure: every
seed is a polder of its own, in a season of its own."""


def train_unet(
    models: Path,
    work: Path,
    *,
    bands: Sequence[str] = RGB,
    version: str = "1",
    seed: int = 1,
    scenes: int = 120,
    epochs: int = 24,
    steps: int = 60,
    batch: int = 24,
    threads: int = 2,
    chip: int = 128,
    scene: int = 512,
    base: int = 16,
    levels: int = 4,
) -> Card:
    """Train a U-Net and put it into `models`; returns its card.

    work: folder for scenes, checkpoints, logs and curves; the scenes serve both trainings. Two
    thirds of the epochs see chips of half the size, four times as fast. Defaults take about 25
    minutes on two busy processors.
    """
    course = Course(
        bands=tuple(bands),
        seed=seed,
        scenes=scenes,
        scene=scene,
        epochs=epochs,
        steps=steps,
        batch=batch,
        chip=chip,
        first_chip=chip // 2,
        first_epochs=round(epochs * 2 / 3),
        rate=2e-3,
        precision="mixed_bfloat16",
    )
    job = Job(
        kind="unet",
        name=_name("unet", course.bands),
        version=version,
        architecture=UNetArchitecture(base=base, levels=levels),
        window=512,
        course=course,
        build=lambda dtype: unet.build(len(course.bands), base, levels, dtype=dtype),
        draw=data.draw_for_unet,
        target=data.unet_target,
        loss=losses.segmentation_loss,
    )
    return _train(job, models, work, threads)


def train_cloud_filter(
    models: Path,
    work: Path,
    *,
    bands: Sequence[str] = RGB,
    version: str = "1",
    seed: int = 1,
    scenes: int = 120,
    epochs: int = 18,
    steps: int = 30,
    batch: int = 32,
    threads: int = 2,
    chip: int = 128,
    scene: int = 512,
) -> Card:
    """Train a cloud filter and put it into `models`; as `train_unet`.

    Defaults take about as long.
    """
    course = Course(
        bands=tuple(bands),
        seed=seed,
        scenes=scenes,
        scene=scene,
        epochs=epochs,
        steps=steps,
        batch=batch,
        chip=chip,
        first_chip=chip // 2,
        first_epochs=round(epochs * 2 / 3),
        rate=1e-3,
        precision="float32",
    )
    job = Job(
        kind="cloud-filter",
        name=_name("cloud-filter", course.bands),
        version=version,
        architecture=ResNetArchitecture(),
        window=chip,
        course=course,
        build=lambda dtype: cloud_filter.build(len(course.bands), None, dtype=dtype),
        draw=data.draw_for_cloud_filter,
        target=lambda _, truth: data.cloud_filter_target(truth),
        loss=keras.losses.BinaryCrossentropy(),
    )
    return _train(job, models, work, threads)


def _name(kind: str, bands: tuple[str, ...]) -> str:
    return f"{kind}-rgb" if set(bands) == set(RGB) else f"{kind}-{len(bands)}-bands"


def _train(job: Job, models: Path, work: Path, threads: int) -> Card:
    course = job.course
    if (models / job.name / job.version).exists():
        raise BadSetting(f"{job.name}/{job.version} is already in {models}; choose another version")
    predict.use_threads(threads)
    learn, choose, measure = (
        _scenes(course, work, offset, threads) for offset in (0, VALIDATION, TEST)
    )
    folder = job.folder(work)
    folder.mkdir(parents=True, exist_ok=True)
    normalization = _normalization(job, learn)
    keras.utils.set_random_seed(course.seed)
    network = job.build(course.precision)
    fit(job, network, learn, choose, normalization, folder)
    draft = Card(
        kind=job.kind,
        name=job.name,
        version=job.version,
        created=datetime.now(UTC).date(),
        bands=course.bands,
        chip=job.window,
        architecture=job.architecture,
        normalization=normalization,
        threshold=0.5,
        bloom_threshold=0.5 if job.kind == "unet" else None,
        sha256="0" * 64,
        training=_training(job, folder),
        metrics={},
        folder=folder / "model",
    )
    card = _with_weights(draft, job, network)
    card = _with_thresholds(card, choose, threads)
    card = card.model_copy(update={"metrics": evaluate.evaluate(card, measure, threads)})
    write(card, cards.text(card))
    try:
        pictures.training_curves(folder / "log.csv", folder / "curves.png")
    except BadSetting as error:
        log.warning("the curves are not drawn: %s", error)
    return _publish(card, models)


def _scenes(course: Course, work: Path, offset: int, threads: int) -> list[Scene]:
    count = course.scenes if offset == 0 else max(2, course.scenes // 5)
    first = course.seed * 10_000 + offset
    paths = data.make_scenes(work, range(first, first + count), course.scene, threads)
    return data.load_scenes(paths, course.bands)


def _normalization(job: Job, scenes: Sequence[Scene]) -> Normalization:
    """Mean and standard deviation per band of what training will see.

    Red, green and blue are clipped where TRUE_COLOR renderings saturate, so that these look
    like reflectance to the network; nothing but cloud, snow and roofs is brighter.
    """
    course = job.course
    highest = 1 / augment.STRETCH if augment.RENDERED.issuperset(course.bands) else 1.2
    chips = data.batches(
        job.draw,
        scenes,
        course.bands,
        seed=(course.seed, 0),
        steps=8,
        batch=course.batch,
        chip=course.chip,
    )
    pixels = np.concatenate([seen.reshape(-1, len(course.bands)) for seen, _ in chips])
    clipped = np.clip(pixels, 0.0, highest).astype(np.float64)
    return Normalization(
        lowest=0.0,
        highest=highest,
        mean=tuple(np.nanmean(clipped, axis=0).round(5).tolist()),
        std=tuple(np.nanstd(clipped, axis=0).round(5).tolist()),
    )


def _training(job: Job, folder: Path) -> Training:
    course = asdict(job.course)
    seconds = np.loadtxt(folder / "log.csv", delimiter=",", skiprows=1, ndmin=2)[:, 4].sum()
    return Training(
        data="simulated scenes (tulip_ops.simulate); no measured image, no real label",
        licence="Apache-2.0, as the simulator that made the data",
        settings={
            **{name: value for name, value in course.items() if name != "bands"},
            "simulator": data.simulator_version(),
            "optimizer": "AdamW, weight decay 1e-4, clipnorm 1, warm-up and cosine",
            "keras": keras.__version__,
            "tensorflow": tf.__version__,
            "minutes": round(float(seconds) / 60, 1),
        },
    )


def _with_weights(card: Card, job: Job, network: keras.Model) -> Card:
    """The card of the weights, written into its folder in half precision."""
    card.folder.mkdir(parents=True, exist_ok=True)
    half = job.build("float16")
    half.set_weights(network.get_weights())
    half.save_weights(card.weights)
    if not all(np.isfinite(weights).all() for weights in half.get_weights()):
        raise TulipError(
            f"weights of {card.reference} do not fit half precision; lower the learning rate"
        )
    digest = hashlib.sha256(card.weights.read_bytes()).hexdigest()
    return card.model_copy(update={"sha256": digest})


def _with_thresholds(card: Card, scenes: Sequence[Scene], threads: int) -> Card:
    """The card with the thresholds that score best on the validation scenes."""
    if card.kind == "cloud-filter":
        judged = evaluate.judge(predict.load_cloud_filter(card, threads), scenes)
        threshold = evaluate.best_threshold(lambda step: evaluate.f1(judged, step))
        return card.model_copy(update={"threshold": threshold})
    segmented = evaluate.segment(predict.load_unet(card, threads), scenes)
    tulip = evaluate.best_threshold(lambda step: evaluate.tulip_iou(segmented, step))
    bloom = evaluate.best_threshold(lambda step: evaluate.bloom_iou(segmented, step))
    return card.model_copy(update={"threshold": tulip, "bloom_threshold": bloom})


def _publish(card: Card, models: Path) -> Card:
    """Copy a finished model to its place, whole or not at all."""
    place = models / card.name / card.version
    arriving = place.with_name(f".{card.version}.{os.getpid()}")
    shutil.copytree(card.folder, arriving)
    arriving.rename(place)
    return read_card(place)
