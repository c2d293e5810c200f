"""What the networks learn from: scenes with a truth, and chips drawn from them.

It imports neither keras nor tensorflow, for the processes that simulate need neither.
"""

from __future__ import annotations

import hashlib
import logging
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from tulip_ops import simulate
from tulip_ops.domain import BANDS
from tulip_ops.errors import BadTrainingData
from tulip_ops.networks import augment
from tulip_ops.networks.overcast import overcast
from tulip_ops.networks.truth import (
    CELL,
    CLEAR,
    CLOUD,
    CLOUDY,
    DEPTH,
    IN_FLOWER,
    OPACITY,
    OPAQUE,
    SHADOW,
    SHARE,
    SOMEWHERE,
    TULIP,
    UNKNOWN,
    cell_labels,
    cloud_filter_target,
    cloud_label,
    counted,
    pixel_classes,
    unet_target,
)

__all__ = [
    "CELL",
    "CLEAR",
    "CLOUD",
    "CLOUDY",
    "IN_FLOWER",
    "OPAQUE",
    "SHADOW",
    "SHARE",
    "UNKNOWN",
    "Drawn",
    "Mixture",
    "Scene",
    "batches",
    "cell_labels",
    "cloud_filter_target",
    "cloud_label",
    "counted",
    "draw_for_cloud_filter",
    "draw_for_unet",
    "load_scenes",
    "make_scenes",
    "pixel_classes",
    "simulator_version",
    "unet_target",
]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scene:
    """An image with what is known of it, as training uses it; channels last."""

    name: str
    """Unique."""
    place: str
    """Scenes of one place show the same ground, and never go to different parts of a split."""
    season: int
    """Calendar year."""
    dn: NDArray[np.uint16]
    """(height, width, bands): (reflectance + 0.1) * 10000; 0 where nothing was measured."""
    truth: NDArray[np.uint8]
    """(height, width, 4): see `truth.py`."""
    cloudy: bool | None = None
    """A verdict over the image as a whole, where nobody said where its clouds are."""
    measured: tuple[str, ...] = ()
    """The bands of an image from a satellite, over which chance may lay simulated weather; none
    for simulated scenes, which have their own."""

    def reflectance(self) -> NDArray[np.float32]:
        """(bands, height, width), NaN where nothing was measured."""
        return np.moveaxis(_reflectance(self.dn), -1, 0)

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
class Mixture(Sequence[Scene]):
    """Scenes of several kinds: all of them one after the other, and each kind by its weight."""

    kinds: tuple[Sequence[Scene], ...]
    weights: tuple[float, ...]
    """How often chips come from a kind, however many scenes it has; any positive numbers."""

    def one_kind(self, random: np.random.Generator) -> Sequence[Scene]:
        """A kind, each as often as its weight says."""
        chosen = random.choice(len(self.kinds), p=np.array(self.weights) / sum(self.weights))
        return self.kinds[int(chosen)]

    def __len__(self) -> int:
        return sum(map(len, self.kinds))

    @overload
    def __getitem__(self, index: int) -> Scene: ...

    @overload
    def __getitem__(self, index: slice) -> list[Scene]: ...

    def __getitem__(self, index: int | slice) -> Scene | list[Scene]:
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

    Returns one .npz file per seed. Scenes are kept by the simulator's source code, so a changed
    simulator makes new ones.
    """
    kept = folder / f"simulated-{simulator_version()}-{size}"
    kept.mkdir(parents=True, exist_ok=True)
    paths = [kept / f"{seed}.npz" for seed in seeds]
    missing = [path for path in paths if not path.exists()]
    spawn = multiprocessing.get_context("spawn")  # forking a process that runs TensorFlow hangs
    with ProcessPoolExecutor(processes, mp_context=spawn) as pool:
        for done, _ in enumerate(pool.map(partial(_make_scene, size), missing), start=1):
            if done % 20 == 0 or done == len(missing):
                log.info("simulated %d of %d scenes", done, len(missing))
    return paths


def simulator_version() -> str:
    """Twelve hexadecimal digits that change with the simulator's source code."""
    package = Path(simulate.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _make_scene(size: int, path: Path) -> None:
    scene = simulate.training_scene(int(path.stem), height=size, width=size)
    dn = np.clip(np.rint((scene.reflectance + 0.1) * 10000), 1, 65535)
    shares = np.stack([scene.truth.bloom, scene.truth.cloud, scene.truth.shadow])
    truth = np.concatenate([scene.truth.tulip[None], np.rint(np.clip(shares, 0, 1) * SHARE)])
    temporary = path.with_suffix(f".{os.getpid()}.npz")
    np.savez(
        temporary,
        dn=np.nan_to_num(dn, nan=0).astype(np.uint16),
        truth=truth.astype(np.uint8),
        season=np.array(scene.sensed_at.year),
    )
    temporary.replace(path)


def load_scenes(paths: Sequence[Path], bands: Sequence[str]) -> list[Scene]:
    """The scenes in memory, with `bands` alone: 2 * bands + 4 bytes a pixel."""
    chosen = [BANDS.index(band) for band in bands]
    scenes = []
    for path in paths:
        with np.load(path) as arrays:
            dn = np.ascontiguousarray(np.moveaxis(arrays["dn"][chosen], 0, -1))
            truth = np.ascontiguousarray(np.moveaxis(arrays["truth"], 0, -1))
            season = int(arrays["season"])
        name = f"simulated-{path.stem}"
        scenes.append(Scene(name, name, season, dn, truth))
    return scenes


Drawn = tuple[NDArray[np.float32], NDArray[np.uint8]]
"""Reflectance (chip, chip, bands), NaN in all bands alike where one was not measured, and truth
(chip, chip, 4)."""

WARPED = 0.5
"""Share of the chips that are rotated, sheared and skewed; the others are mirrored and turned,
which costs a fifth as much."""
_DRAWS = 300


def draw_for_unet(scenes: Sequence[Scene], random: np.random.Generator, chip: int) -> Drawn:
    """A chip; every other one is centred on a tulip where the scene has any.

    A third of the chips of measured scenes is shown under simulated weather.
    """
    scene = scenes[int(random.integers(len(scenes)))]
    height, width = scene.truth.shape[:2]
    centre = (int(random.integers(height)), int(random.integers(width)))
    if random.random() < 0.5 and scene.tulips.size:
        row, column = divmod(int(random.choice(scene.tulips)), width)
        centre = (row, column)
    drawn = _cut(scene, centre, random, chip)
    if scene.measured and random.random() < 1 / 3:
        return overcast(*drawn, scene.measured, random)
    return drawn


def draw_for_cloud_filter(scenes: Sequence[Scene], random: np.random.Generator, chip: int) -> Drawn:
    """A clear chip with chance 1/3, else one from a scene with clouds, as often as not on an edge.

    Chips from scenes with clouds may be cloudy, clear or in between: their cells have labels
    where the chip has none. Clear chips of measured scenes also serve under simulated weather.
    `BadTrainingData` where the scenes hold no such chip.
    """
    clear = random.random() < 1 / 3
    for _ in range(_DRAWS):
        scene = scenes[int(random.integers(len(scenes)))]
        if scene.cloudy is not None:
            if scene.cloudy != clear:
                return _whole(scene, random, chip)
            continue
        laid = not clear and bool(scene.measured) and random.random() < 0.5
        fair = clear or laid
        centre = _clear_place(scene, random, chip) if fair else _cloudy_place(scene, random)
        if centre is not None:
            drawn = _cut(scene, centre, random, chip)
            return overcast(*drawn, scene.measured, random) if laid else drawn
    wanted = f"clear chip of {chip} px" if clear else "cloud"
    raise BadTrainingData(f"{_DRAWS} draws from {len(scenes)} scenes held no {wanted}; add scenes")


def _clear_place(scene: Scene, random: np.random.Generator, chip: int) -> tuple[int, int] | None:
    """The centre of a random chip, if that is clear."""
    height, width = scene.truth.shape[:2]
    top = int(random.integers(max(height - chip, 0) + 1))
    left = int(random.integers(max(width - chip, 0) + 1))
    over = scene.cells[
        top // CELL : -(-(top + chip) // CELL), left // CELL : -(-(left + chip) // CELL)
    ]
    return (top + chip // 2, left + chip // 2) if over.size and (over == 0).all() else None


def _cloudy_place(scene: Scene, random: np.random.Generator) -> tuple[int, int] | None:
    """A place in a scene that has clouds."""
    if not (scene.cells == 1).any():
        return None
    if random.random() < 0.5 and len(scene.cloud_edges):
        row, column = scene.cloud_edges[int(random.integers(len(scene.cloud_edges)))]
        beside = random.integers(CELL, size=2)
        return int(row * CELL + beside[0]), int(column * CELL + beside[1])
    height, width = scene.truth.shape[:2]
    return int(random.integers(height)), int(random.integers(width))


def _cut(scene: Scene, centre: tuple[int, int], random: np.random.Generator, chip: int) -> Drawn:
    shape = scene.truth.shape[:2]
    if min(shape) < chip or random.random() < WARPED:
        return _warped(scene, centre, random, chip)
    top, left = (
        min(max(middle - chip // 2, 0), length - chip)
        for middle, length in zip(centre, shape, strict=True)
    )
    there = np.s_[top : top + chip, left : left + chip]
    symmetry = int(random.integers(augment.SYMMETRIES))
    reflectance = _reflectance(augment.turn(scene.dn[there], symmetry))
    return reflectance, np.ascontiguousarray(augment.turn(scene.truth[there], symmetry))


def _warped(scene: Scene, centre: tuple[int, int], random: np.random.Generator, chip: int) -> Drawn:
    height, width = scene.truth.shape[:2]
    warp = augment.random_warp(random)
    rows, columns = augment.positions(warp, centre, chip, (height, width))
    reflectance = augment.sample(scene.dn, rows, columns)
    reflectance *= np.float32(1e-4)
    reflectance -= np.float32(0.1)
    nearest = np.rint(rows).astype(np.intp) * width + np.rint(columns).astype(np.intp)
    if scene.unmeasured is not None:
        reflectance[augment.touches(scene.unmeasured, rows, columns)] = np.nan
    layers = scene.truth.view(np.uint32).reshape(-1).take(nearest, mode="clip")
    return reflectance, layers.view(np.uint8).reshape(chip, chip, 4)


def _whole(scene: Scene, random: np.random.Generator, chip: int) -> Drawn:
    """The image as a whole, for its verdict says nothing of its parts."""
    symmetry = int(random.integers(augment.SYMMETRIES))
    seen = augment.resize(augment.turn(_reflectance(scene.dn), symmetry), chip)
    truth = np.full((chip, chip, 4), UNKNOWN, dtype=np.uint8)
    truth[..., OPACITY] = SOMEWHERE if scene.cloudy else 0
    truth[..., DEPTH] = 0
    return seen, truth


def _reflectance(dn: NDArray[np.uint16]) -> NDArray[np.float32]:
    reflectance = dn.astype(np.float32, order="C")
    reflectance *= np.float32(1e-4)
    reflectance -= np.float32(0.1)
    if not dn.all():
        reflectance[(dn == 0).any(axis=-1)] = np.nan
    return reflectance


def batches(
    draw: Callable[[Sequence[Scene], np.random.Generator, int], Drawn],
    scenes: Sequence[Scene],
    bands: Sequence[str],
    *,
    seed: tuple[int, ...],
    steps: int,
    batch: int,
    chip: int,
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.uint8]]]:
    """`steps` batches of augmented chips; the same seed gives the same chips.

    Chips of a `Mixture` are drawn from each kind as often as its weight says.
    Yields reflectance (batch, chip, chip, bands), NaN where nothing was measured, and truth
    (batch, chip, chip, 4).
    """
    random = np.random.default_rng(seed)
    for _ in range(steps):
        reflectance = np.empty((batch, chip, chip, len(bands)), dtype=np.float32)
        truth = np.empty((batch, chip, chip, 4), dtype=np.uint8)
        for number in range(batch):
            kind = scenes.one_kind(random) if isinstance(scenes, Mixture) else scenes
            reflectance[number], truth[number] = draw(kind, random, chip)
        augment.radiometry(reflectance, bands, random)
        yield reflectance, truth
