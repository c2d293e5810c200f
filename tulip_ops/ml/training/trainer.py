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
from functools import partial
from pathlib import Path
from typing import Never, TypeAlias

import keras
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from tulip_ops import simulate
from tulip_ops.core.files import atomic_write
from tulip_ops.ml.datasets.scenes import TrainingScene
from tulip_ops.ml.inference import cloud_filter, keras_backend
from tulip_ops.ml.inference.model_registry import (
    Kind,
    Normalization,
    ResNetArchitecture,
    UNetArchitecture,
)
from tulip_ops.ml.inference.window_layout import CELL
from tulip_ops.ml.training import chip_sampling

log = logging.getLogger(__name__)

_SEEDS = {"normalization": 0, "all": 1, "validation": 2, "head": 3}
"""What chips are drawn for: each draws others."""

Target: TypeAlias = NDArray[np.float32] | dict[str, NDArray[np.float32]]
"""Target of a batch, by output if the network has several."""
Loss: TypeAlias = Callable[[keras.KerasTensor, keras.KerasTensor], keras.KerasTensor]


@dataclass(frozen=True, slots=True)
class Stage:
    """Some epochs on chips of one size: small ones show more places in the same time."""

    chip: int
    """Pixels on a side of the chips."""
    batch: int
    epochs: int


@dataclass(frozen=True, slots=True)
class TrainingSchedule:
    """Training data and schedule; part of the checkpoint's name and model.json."""

    bands: tuple[str, ...]
    seed: int
    data: str
    """What the scenes are, and how many."""
    stages: tuple[Stage, ...]
    steps: int
    """Batches of an epoch."""
    rate: float
    """Highest learning rate; a tenth of the steps warm up, a cosine falls to zero."""
    precision: str
    """Keras dtype policy while training."""
    start: str = "random"
    """What the weights begin with."""
    head_epochs: int = 0
    """Epochs before those of the stages in which a ResNet's own layers stay as they are."""

    @property
    def epochs(self) -> int:
        """In all stages together, without those of the head."""
        return sum(stage.epochs for stage in self.stages)

    def stage(self, epoch: int) -> Stage:
        """The stage of the epoch that counts from 0; `epoch` < `epochs`."""
        sizes = [stage for stage in self.stages for _ in range(stage.epochs)]
        return sizes[epoch]


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """What differs between the two trainings."""

    kind: Kind
    name: str
    version: str
    architecture: ResNetArchitecture | UNetArchitecture
    chip: int
    """Pixels on a side of what the finished network reads, for its card."""
    course: TrainingSchedule
    build: Callable[[str], keras.Model]
    draw: Callable[[Sequence[TrainingScene], np.random.Generator, int], chip_sampling.Chip]
    target: Callable[[NDArray[np.float32], NDArray[np.uint8]], Target]
    loss: Loss | dict[str, Loss]

    def folder(self, work: Path) -> Path:
        """Of the checkpoint and the log; another course or simulator, another folder."""
        made_of = json.dumps(
            [asdict(self.course), self.architecture.model_dump(), simulate.VERSION]
        )
        digest = hashlib.sha256(made_of.encode()).hexdigest()[:8]
        return work / f"{self.name}-{self.version}-{digest}"


def fit(
    job: TrainingJob,
    network: keras.Model,
    learn: Sequence[TrainingScene],
    choose: Sequence[TrainingScene],
    normalization: Normalization,
    folder: Path,
) -> None:
    """Train `network` in place, from the checkpoint in `folder` if there is one."""
    course = job.course
    show = partial(_stream, job, normalization=normalization)
    head, whole = folder / "head.weights.h5", folder / "checkpoint.weights.h5"
    if course.head_epochs and not whole.exists():
        backbone = network.get_layer(cloud_filter.BACKBONE)
        backbone.trainable = False
        rate = course.rate / 2  # nothing below has to follow, so no schedule is needed
        first = [course.stages[0]] * course.head_epochs
        _go(job, network, rate, first, partial(show, learn), partial(show, choose), head)
        backbone.trainable = True
    stages = [course.stage(epoch) for epoch in range(course.epochs)]
    rate = _schedule(course)
    _go(job, network, rate, stages, partial(show, learn), partial(show, choose), whole)


def _go(
    job: TrainingJob,
    network: keras.Model,
    rate: float | keras.optimizers.schedules.LearningRateSchedule,
    stages: Sequence[Stage],
    learn: Callable[..., keras_backend.Stream],
    choose: Callable[..., keras_backend.Stream],
    checkpoint: Path,
) -> None:
    """An epoch for each of `stages`, beginning after those that the checkpoint has seen."""
    course = job.course
    optimizer = keras.optimizers.AdamW(rate, weight_decay=1e-4, clipnorm=1.0)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    network.compile(
        optimizer=optimizer, loss=job.loss, jit_compile=keras_backend.training_compiles()
    )
    optimizer.build(network.trainable_variables)
    if checkpoint.exists():
        network.load_weights(checkpoint)
    part = "head" if checkpoint.name.startswith("head") else "all"
    for epoch in range(int(optimizer.iterations) // course.steps, len(stages)):
        started = time.monotonic()
        stage = stages[epoch]
        seen = learn(seed=(course.seed, _SEEDS[part], epoch), steps=course.steps, stage=stage)
        name = f"epoch {epoch + 1}/{len(stages)}"
        with tqdm(total=course.steps, desc=name, disable=None) as bar:
            told = network.fit(
                seen,
                steps_per_epoch=course.steps,
                verbose=0,
                shuffle=False,
                callbacks=[_Progress(bar)],
            )
        unseen = choose(seed=(course.seed, _SEEDS["validation"]), steps=4, stage=stages[-1])
        validation = network.evaluate(unseen, steps=4, verbose=0, return_dict=True)["loss"]
        with atomic_write(checkpoint, temporary=f"next.{checkpoint.name}") as draft:
            network.save_weights(draft)
        loss, seconds = told.history["loss"][0], time.monotonic() - started
        row = (part, epoch + 1, stage.chip, loss, validation, seconds, keras_backend.describe())
        _append(checkpoint.with_name("log.csv"), row)
        log.info(
            "%s: epoch %d of %d px: loss %.4f, on validation scenes %.4f, %.0f s; of %d epochs",
            *row[:-1],
            len(stages),
        )


class _Progress(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Moves a progress bar on by every batch."""

    def __init__(self, bar: tqdm[Never]) -> None:
        super().__init__()
        self._bar = bar

    def on_train_batch_end(self, *_: object, **__: object) -> None:
        self._bar.update()


def _schedule(course: TrainingSchedule) -> keras.optimizers.schedules.LearningRateSchedule:
    steps = course.epochs * course.steps
    warm_up = max(1, steps // 10)
    return keras.optimizers.schedules.CosineDecay(
        course.rate / 20, max(1, steps - warm_up), warmup_target=course.rate, warmup_steps=warm_up
    )


def _stream(
    job: TrainingJob,
    scenes: Sequence[TrainingScene],
    *,
    normalization: Normalization,
    seed: tuple[int, ...],
    steps: int,
    stage: Stage,
) -> keras_backend.Stream:
    """Batches of (normalized, target), drawn while the network works on earlier ones."""
    bands, chip, batch = job.course.bands, stage.chip, stage.batch

    def generate() -> Iterator[tuple[NDArray[np.float32], Target]]:
        drawn = chip_sampling.batches(
            job.draw, scenes, bands, seed=seed, steps=steps, batch=batch, chip=chip
        )
        for reflectance, truth in drawn:
            yield normalization.apply(reflectance), job.target(reflectance, truth)

    target: tuple[int, ...] | dict[str, tuple[int, ...]] = (batch, chip, chip, 3)
    if job.kind == "cloud-filter":
        cells = chip // CELL
        target = {"cell": (batch, cells, cells), "chip": (batch,)}
    return keras_backend.stream(generate, (batch, chip, chip, len(bands)), target, steps)


def _append(path: Path, row: tuple[str | float, ...]) -> None:
    if not path.exists():
        path.write_text("part,epoch,chip,loss,validation_loss,seconds,on\n")
    with path.open("a") as file:
        cells = [value if isinstance(value, str) else f"{value:.6g}" for value in row]
        file.write(",".join(cells) + "\n")
