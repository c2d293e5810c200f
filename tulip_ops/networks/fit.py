"""The loop: chips in, weights out, a checkpoint after every epoch.

A killed training goes on from its last epoch when it is started again with the same job: every
epoch draws its chips from its own seed, and the checkpoint holds the optimizer with its count
of steps.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tulip_ops.networks import data
from tulip_ops.networks.data import Scene
from tulip_ops.networks.registry import (
    Kind,
    Normalization,
    ResNetArchitecture,
    UNetArchitecture,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Course:
    """What a network is shown, and how; goes into the checkpoint's name and model.json."""

    bands: tuple[str, ...]
    seed: int
    scenes: int
    """To learn from; a fifth as many each to choose thresholds and to measure."""
    scene: int
    """Pixels on a side of a scene."""
    epochs: int
    steps: int
    """Batches of an epoch."""
    batch: int
    chip: int
    """Pixels on a side of the chips at the end of training."""
    first_chip: int
    """And of those before: smaller ones show more places in the same time."""
    first_epochs: int
    rate: float
    """Highest learning rate; a tenth of the steps warm up, a cosine falls to zero."""
    precision: str
    """Keras dtype policy while training."""


@dataclass(frozen=True, slots=True)
class Job:
    """Where the two trainings differ."""

    kind: Kind
    name: str
    version: str
    architecture: ResNetArchitecture | UNetArchitecture
    window: int
    """Pixels on a side of what the finished network reads."""
    course: Course
    build: Callable[[str], keras.Model]
    draw: Callable[[Sequence[Scene], np.random.Generator, int], data.Drawn]
    target: Callable[[NDArray[np.float32], NDArray[np.uint8]], NDArray[np.float32]]
    loss: Callable[[keras.KerasTensor, keras.KerasTensor], keras.KerasTensor]

    def folder(self, work: Path) -> Path:
        """Of the checkpoint and the log; another course or simulator, another folder."""
        made_of = json.dumps(
            [asdict(self.course), self.architecture.model_dump(), data.simulator_version()]
        )
        digest = hashlib.sha256(made_of.encode()).hexdigest()[:8]
        return work / f"{self.name}-{self.version}-{digest}"


def fit(
    job: Job,
    network: keras.Model,
    learn: Sequence[Scene],
    choose: Sequence[Scene],
    normalization: Normalization,
    folder: Path,
) -> None:
    """Train `network` in place, from the checkpoint in `folder` if there is one."""
    course = job.course
    optimizer = _optimizer(course)
    network.compile(optimizer=optimizer, loss=job.loss, jit_compile=False)
    optimizer.build(network.trainable_variables)
    checkpoint = folder / "checkpoint.weights.h5"
    if checkpoint.exists():
        network.load_weights(checkpoint)
    for epoch in range(int(optimizer.iterations) // course.steps, course.epochs):
        started = time.monotonic()
        size = course.first_chip if epoch < course.first_epochs else course.chip
        seen = _stream(job, learn, normalization, (course.seed, 1, epoch), course.steps, size)
        loss = network.fit(seen, verbose=0, shuffle=False).history["loss"][0]
        unseen = _stream(job, choose, normalization, (course.seed, 2), 4, course.chip)
        validation = float(network.evaluate(unseen, verbose=0))
        network.save_weights(folder / "next.weights.h5")
        (folder / "next.weights.h5").replace(checkpoint)
        seconds = time.monotonic() - started
        _append(folder / "log.csv", (epoch + 1, size, loss, validation, seconds))
        log.info(
            "epoch %d/%d: loss %.4f, on validation scenes %.4f, %.0f s",
            epoch + 1,
            course.epochs,
            loss,
            validation,
            seconds,
        )


def _optimizer(course: Course) -> keras.optimizers.Optimizer:
    steps = course.epochs * course.steps
    warm_up = max(1, steps // 10)
    rate = keras.optimizers.schedules.CosineDecay(
        course.rate / 20, max(1, steps - warm_up), warmup_target=course.rate, warmup_steps=warm_up
    )
    optimizer = keras.optimizers.AdamW(rate, weight_decay=1e-4, clipnorm=1.0)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def _stream(
    job: Job,
    scenes: Sequence[Scene],
    normalization: Normalization,
    seed: tuple[int, ...],
    steps: int,
    chip: int,
) -> tf.data.Dataset:
    """Batches of (normalized, target), drawn while the network works on earlier ones."""
    course = job.course

    def generate() -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        chips = data.batches(
            job.draw,
            scenes,
            course.bands,
            seed=seed,
            steps=steps,
            batch=course.batch,
            chip=chip,
        )
        for reflectance, truth in chips:
            yield normalization.apply(reflectance), job.target(reflectance, truth)

    shape = (course.batch, chip, chip)
    target = (*shape, 3) if job.kind == "unet" else (course.batch, 1)
    signature = (
        tf.TensorSpec((*shape, len(course.bands)), tf.float32),
        tf.TensorSpec(target, tf.float32),
    )
    stream = tf.data.Dataset.from_generator(generate, output_signature=signature)
    return stream.apply(tf.data.experimental.assert_cardinality(steps)).prefetch(4)


def _append(path: Path, row: tuple[float, ...]) -> None:
    if not path.exists():
        path.write_text("epoch,chip,loss,validation_loss,seconds\n")
    with path.open("a") as file:
        file.write(",".join(f"{value:.6g}" for value in row) + "\n")
