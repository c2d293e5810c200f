"""Labelled training scenes; simulated ones are cached on disk.

It imports neither keras nor tensorflow, since the processes that simulate need neither.
"""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from tulip_ops import simulate
from tulip_ops.core.files import atomic_write
from tulip_ops.core.types import BANDS
from tulip_ops.ml.datasets.labels import SHARE, TULIP, cell_labels

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingScene:
    """An image with its labels for training; channels last."""

    name: str
    """Unique."""
    place: str
    """Scenes of one place show the same ground, and never go to different parts of a split."""
    season: int
    """Calendar year."""
    dn: NDArray[np.uint16]
    """(height, width, bands): (reflectance + 0.1) * 10000; 0 where nothing was measured."""
    truth: NDArray[np.uint8]
    """(height, width, 4): see `labels.py`."""
    cloudy: bool | None = None
    """Cloud label of the entire image, where there is no cloud mask."""
    measured: tuple[str, ...] = ()
    """The bands of an image from a satellite, which may get simulated weather; empty for simulated
    scenes, which have weather already."""

    def reflectance(self) -> NDArray[np.float32]:
        """(bands, height, width), NaN where nothing was measured."""
        return np.moveaxis(reflectance_of(self.dn), -1, 0)

    @cached_property
    def tulips(self) -> NDArray[np.int32]:
        """Every sixteenth pixel of tulips, as row * width + column."""
        return np.flatnonzero(self.truth[..., TULIP] == 1)[::16].astype(np.int32)

    @cached_property
    def cells(self) -> NDArray[np.float32]:
        """(height // CELL, width // CELL): 1 cloudy, 0 clear, NaN in between or unknown."""
        return cell_labels(self.truth)

    @cached_property
    def cloud_edges(self) -> NDArray[np.int32]:
        """(N, 2): row and column of the cells where cloudy ones meet others."""
        cloudy = self.cells == 1
        edge = np.zeros_like(cloudy)
        down, across = cloudy[1:] != cloudy[:-1], cloudy[:, 1:] != cloudy[:, :-1]
        edge[1:] |= down
        edge[:-1] |= down
        edge[:, 1:] |= across
        edge[:, :-1] |= across
        return np.argwhere(edge).astype(np.int32)

    @cached_property
    def unmeasured(self) -> NDArray[np.bool_] | None:
        """(height, width): True where a band is missing; None if that is nowhere."""
        return None if self.dn.all() else (self.dn == 0).any(axis=-1)


@dataclass(frozen=True)
class Mixture(Sequence[TrainingScene]):
    """Scenes of several kinds: all of them one after the other, and each kind by its weight."""

    kinds: tuple[Sequence[TrainingScene], ...]
    weights: tuple[float, ...]
    """How often chips come from a kind, however many scenes it has; any positive numbers."""

    def one_kind(self, random: np.random.Generator) -> Sequence[TrainingScene]:
        """A kind, each as often as its weight says."""
        chosen = random.choice(len(self.kinds), p=np.array(self.weights) / sum(self.weights))
        return self.kinds[int(chosen)]

    def __len__(self) -> int:
        return sum(map(len, self.kinds))

    @overload
    def __getitem__(self, index: int) -> TrainingScene: ...

    @overload
    def __getitem__(self, index: slice) -> list[TrainingScene]: ...

    def __getitem__(self, index: int | slice) -> TrainingScene | list[TrainingScene]:
        if isinstance(index, slice):
            return [self[position] for position in range(len(self))[index]]
        position = range(len(self))[index]
        for kind in self.kinds:
            if position < len(kind):
                return kind[position]
            position -= len(kind)
        raise IndexError(index)


def make_scenes(folder: Path, seeds: Iterable[int], size: int, processes: int) -> list[Path]:
    """Simulate the scenes of `seeds` that `folder` does not hold yet, in several processes.

    Returns one .npz file per seed. Files are cached by `simulate.VERSION`, so a changed simulator
    makes new ones.
    """
    cache = folder / f"simulated-{simulate.VERSION}-{size}"
    cache.mkdir(parents=True, exist_ok=True)
    paths = [cache / f"{seed}.npz" for seed in seeds]
    missing = [path for path in paths if not path.exists()]
    spawn = multiprocessing.get_context("spawn")  # forking a process that runs TensorFlow hangs
    with ProcessPoolExecutor(processes, mp_context=spawn) as pool:
        for done, _ in enumerate(pool.map(partial(_make_scene, size), missing), start=1):
            if done % 20 == 0 or done == len(missing):
                log.info("simulated %d of %d scenes", done, len(missing))
    return paths


def _make_scene(size: int, path: Path) -> None:
    scene = simulate.training_scene(int(path.stem), height=size, width=size)
    dn = np.clip(np.rint((scene.reflectance + 0.1) * 10000), 1, 65535)
    shares = np.stack([scene.truth.bloom, scene.truth.cloud, scene.truth.shadow])
    truth = np.concatenate([scene.truth.tulip[None], np.rint(np.clip(shares, 0, 1) * SHARE)])
    with atomic_write(path) as draft:
        np.savez(
            draft,
            dn=np.nan_to_num(dn, nan=0).astype(np.uint16),
            truth=truth.astype(np.uint8),
            season=np.array(scene.sensed_at.year),
        )


def load_scenes(paths: Sequence[Path], bands: Sequence[str]) -> list[TrainingScene]:
    """The scenes in memory, with `bands` alone: 2 * bands + 4 bytes a pixel."""
    chosen = [BANDS.index(band) for band in bands]
    scenes = []
    for path in paths:
        with np.load(path) as arrays:
            dn = np.ascontiguousarray(np.moveaxis(arrays["dn"][chosen], 0, -1))
            truth = np.ascontiguousarray(np.moveaxis(arrays["truth"], 0, -1))
            season = int(arrays["season"])
        name = f"simulated-{path.stem}"
        scenes.append(TrainingScene(name, name, season, dn, truth))
    return scenes


def reflectance_of(dn: NDArray[np.uint16]) -> NDArray[np.float32]:
    """(height, width, bands): reflectance, NaN in all bands where one was not measured."""
    value = dn.astype(np.float32, order="C")
    value *= np.float32(1e-4)
    value -= np.float32(0.1)
    if not dn.all():
        value[(dn == 0).any(axis=-1)] = np.nan
    return value
