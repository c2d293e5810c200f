"""Chips drawn from scenes: where, how warped, under what sky, in what batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from tulip_ops.core.errors import BadTrainingData
from tulip_ops.ml.datasets.labels import CLOUDY_SOMEWHERE, DEPTH, OPACITY, UNKNOWN
from tulip_ops.ml.datasets.scenes import Mixture, TrainingScene, reflectance_of
from tulip_ops.ml.inference.window_layout import CELL
from tulip_ops.ml.training import augmentation
from tulip_ops.ml.training.synthetic_weather import overcast

Chip = tuple[NDArray[np.float32], NDArray[np.uint8]]
"""Reflectance (chip, chip, bands), NaN in all bands alike where one was not measured, and truth
(chip, chip, 4)."""

WARPED = 0.5
"""Share of the chips that are rotated, sheared and skewed; the others are mirrored and turned,
which costs a fifth as much."""
_DRAWS = 300


def draw_for_unet(scenes: Sequence[TrainingScene], random: np.random.Generator, chip: int) -> Chip:
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


def draw_for_cloud_filter(
    scenes: Sequence[TrainingScene], random: np.random.Generator, chip: int
) -> Chip:
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


def _clear_place(
    scene: TrainingScene, random: np.random.Generator, chip: int
) -> tuple[int, int] | None:
    """The centre of a random chip, if that is clear."""
    height, width = scene.truth.shape[:2]
    top = int(random.integers(max(height - chip, 0) + 1))
    left = int(random.integers(max(width - chip, 0) + 1))
    over = scene.cells[
        top // CELL : -(-(top + chip) // CELL), left // CELL : -(-(left + chip) // CELL)
    ]
    return (top + chip // 2, left + chip // 2) if over.size and (over == 0).all() else None


def _cloudy_place(scene: TrainingScene, random: np.random.Generator) -> tuple[int, int] | None:
    """A place in a scene that has clouds."""
    if not (scene.cells == 1).any():
        return None
    if random.random() < 0.5 and len(scene.cloud_edges):
        row, column = scene.cloud_edges[int(random.integers(len(scene.cloud_edges)))]
        beside = random.integers(CELL, size=2)
        return int(row * CELL + beside[0]), int(column * CELL + beside[1])
    height, width = scene.truth.shape[:2]
    return int(random.integers(height)), int(random.integers(width))


def _cut(
    scene: TrainingScene, centre: tuple[int, int], random: np.random.Generator, chip: int
) -> Chip:
    shape = scene.truth.shape[:2]
    if min(shape) < chip or random.random() < WARPED:
        return _warped(scene, centre, random, chip)
    top, left = (
        min(max(middle - chip // 2, 0), length - chip)
        for middle, length in zip(centre, shape, strict=True)
    )
    there = np.s_[top : top + chip, left : left + chip]
    symmetry = int(random.integers(augmentation.SYMMETRIES))
    reflectance = reflectance_of(augmentation.turn(scene.dn[there], symmetry))
    return reflectance, np.ascontiguousarray(augmentation.turn(scene.truth[there], symmetry))


def _warped(
    scene: TrainingScene, centre: tuple[int, int], random: np.random.Generator, chip: int
) -> Chip:
    height, width = scene.truth.shape[:2]
    warp = augmentation.random_warp(random)
    rows, columns = augmentation.positions(warp, centre, chip, (height, width))
    reflectance = augmentation.sample(scene.dn, rows, columns)
    reflectance *= np.float32(1e-4)
    reflectance -= np.float32(0.1)
    nearest = np.rint(rows).astype(np.intp) * width + np.rint(columns).astype(np.intp)
    if scene.unmeasured is not None:
        reflectance[augmentation.touches(scene.unmeasured, rows, columns)] = np.nan
    layers = scene.truth.view(np.uint32).reshape(-1).take(nearest, mode="clip")
    return reflectance, layers.view(np.uint8).reshape(chip, chip, 4)


def _whole(scene: TrainingScene, random: np.random.Generator, chip: int) -> Chip:
    """The entire image, since its label does not apply to its parts."""
    symmetry = int(random.integers(augmentation.SYMMETRIES))
    seen = augmentation.resize(augmentation.turn(reflectance_of(scene.dn), symmetry), chip)
    truth = np.full((chip, chip, 4), UNKNOWN, dtype=np.uint8)
    truth[..., OPACITY] = CLOUDY_SOMEWHERE if scene.cloudy else 0
    truth[..., DEPTH] = 0
    return seen, truth


def batches(
    draw: Callable[[Sequence[TrainingScene], np.random.Generator, int], Chip],
    scenes: Sequence[TrainingScene],
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
        augmentation.radiometry(reflectance, bands, random)
        yield reflectance, truth
