"""The training loop, with a checkpoint after every epoch.

A killed training resumes after its last epoch when it is started again with the same job: every
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
from typing import Never

import keras
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from tulip_ops import simulate
from tulip_ops.core.files import atomic_write
from tulip_ops.ml.datasets.scenes import TrainingScene
from tulip_ops.ml.inference import cloud_filter, keras_backend
from tulip_ops.ml.inference.model_registry import Normalization
from tulip_ops.ml.inference.window_layout import CELL
from tulip_ops.ml.training import chip_sampling
from tulip_ops.ml.training.recipes import Recipe, Target

log = logging.getLogger(__name__)

LOG = "log.csv"
"""Loss and duration of each epoch, beside the checkpoint."""

_SEEDS = {"normalization": 0, "all": 1, "validation": 2, "head": 3}
"""Part of the random seed by purpose, so that each draws other chips."""


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
    """Initial weights."""
    head_epochs: int = 0
    """Epochs before those of the stages, in which the layers of the ResNet are frozen."""

    @property
    def epochs(self) -> int:
        """Total of all stages, without those of the head."""
        return sum(stage.epochs for stage in self.stages)

    def stage(self, epoch: int) -> Stage:
        """The stage of the epoch that counts from 0; `epoch` < `epochs`."""
        sizes = [stage for stage in self.stages for _ in range(stage.epochs)]
        return sizes[epoch]


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """A network with a name, and the data and schedule that it is trained with."""

    name: str
    version: str
    recipe: Recipe
    schedule: TrainingSchedule

    def build(self, dtype: str) -> keras.Model:
        """An untrained network; dtype: Keras dtype policy."""
        return self.recipe.build(len(self.schedule.bands), dtype)

    def folder(self, work: Path) -> Path:
        """Of the checkpoint and the log; another schedule or simulator, another folder."""
        made_of = json.dumps(
            [asdict(self.schedule), self.recipe.architecture.model_dump(), simulate.VERSION]
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
    schedule = job.schedule
    show = partial(_stream, job, normalization=normalization)
    head, checkpoint = folder / "head.weights.h5", folder / "checkpoint.weights.h5"
    if schedule.head_epochs and not checkpoint.exists():
        backbone = network.get_layer(cloud_filter.BACKBONE)
        backbone.trainable = False
        rate = schedule.rate / 2  # nothing below has to follow, so no schedule is needed
        first = [schedule.stages[0]] * schedule.head_epochs
        _go(job, network, rate, first, partial(show, learn), partial(show, choose), head)
        backbone.trainable = True
    stages = [schedule.stage(epoch) for epoch in range(schedule.epochs)]
    rate = _learning_rate(schedule)
    _go(job, network, rate, stages, partial(show, learn), partial(show, choose), checkpoint)


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
    schedule = job.schedule
    optimizer = keras.optimizers.AdamW(rate, weight_decay=1e-4, clipnorm=1.0)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    network.compile(
        optimizer=optimizer, loss=job.recipe.loss, jit_compile=keras_backend.training_compiles()
    )
    optimizer.build(network.trainable_variables)
    if checkpoint.exists():
        network.load_weights(checkpoint)
    part = "head" if checkpoint.name.startswith("head") else "all"
    for epoch in range(int(optimizer.iterations) // schedule.steps, len(stages)):
        started = time.monotonic()
        stage = stages[epoch]
        seen = learn(seed=(schedule.seed, _SEEDS[part], epoch), steps=schedule.steps, stage=stage)
        name = f"epoch {epoch + 1}/{len(stages)}"
        with tqdm(total=schedule.steps, desc=name, disable=None) as bar:
            fitted = network.fit(
                seen,
                steps_per_epoch=schedule.steps,
                verbose=0,
                shuffle=False,
                callbacks=[_Progress(bar)],
            )
        unseen = choose(seed=(schedule.seed, _SEEDS["validation"]), steps=4, stage=stages[-1])
        validation = network.evaluate(unseen, steps=4, verbose=0, return_dict=True)["loss"]
        with atomic_write(checkpoint, temporary=f"next.{checkpoint.name}") as draft:
            network.save_weights(draft)
        loss, seconds = fitted.history["loss"][0], time.monotonic() - started
        row = (part, epoch + 1, stage.chip, loss, validation, seconds, keras_backend.describe())
        _append(checkpoint.with_name(LOG), row)
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


def _learning_rate(schedule: TrainingSchedule) -> keras.optimizers.schedules.LearningRateSchedule:
    steps = schedule.epochs * schedule.steps
    warm_up = max(1, steps // 10)
    return keras.optimizers.schedules.CosineDecay(
        schedule.rate / 20,
        max(1, steps - warm_up),
        warmup_target=schedule.rate,
        warmup_steps=warm_up,
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
    bands, chip, batch = job.schedule.bands, stage.chip, stage.batch

    def generate() -> Iterator[tuple[NDArray[np.float32], Target]]:
        drawn = chip_sampling.batches(
            job.recipe.draw, scenes, bands, seed=seed, steps=steps, batch=batch, chip=chip
        )
        for reflectance, truth in drawn:
            yield normalization.apply(reflectance), job.recipe.target(reflectance, truth)

    target: tuple[int, ...] | dict[str, tuple[int, ...]] = (batch, chip, chip, 3)
    if job.recipe.kind == "cloud-filter":
        cells = chip // CELL
        target = {"cell": (batch, cells, cells), "chip": (batch,)}
    return keras_backend.stream(generate, (batch, chip, chip, len(bands)), target, steps)


def _append(path: Path, row: tuple[str | float, ...]) -> None:
    if not path.exists():
        path.write_text("part,epoch,chip,loss,validation_loss,seconds,on\n")
    with path.open("a") as file:
        cells = [value if isinstance(value, str) else f"{value:.6g}" for value in row]
        file.write(",".join(cells) + "\n")
