"""What the networks learn from: simulated scenes, kept on disk, and chips drawn from them.

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
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tulip_ops import simulate
from tulip_ops.domain import BANDS
from tulip_ops.networks import augment

SHARE = 250
"""Shares in [0, 1] are kept as uint8 in steps of 1 / SHARE."""

IN_FLOWER = 0.25
"""Share of a tulip pixel in flower from which it belongs to the class in flower."""
OPAQUE = 0.4
"""Opacity of a cloud above which nobody could tell the ground: such pixels do not count."""
CLOUD, SHADOW = 0.15, 0.3
"""Opacity of a cloud and depth of a shadow above which a pixel is not clear."""
CLOUDY, CLEAR = 0.05, 0.01
"""Share of such pixels above which a chip is cloudy, and below which it is clear."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Scene:
    """One simulated scene as training uses it; channels last."""

    seed: int
    dn: NDArray[np.uint16]
    """(height, width, bands): (reflectance + 0.1) * 10000; 0 where nothing was measured."""
    truth: NDArray[np.uint8]
    """(height, width, 4): tulip (0 or 1); share in flower, opacity of cloud and depth of
    shadow, each times SHARE."""

    def reflectance(self) -> NDArray[np.float32]:
        """(bands, height, width), NaN where nothing was measured."""
        return np.moveaxis(_reflectance(self.dn), -1, 0)


def make_scenes(folder: Path, seeds: Iterable[int], size: int, processes: int) -> list[Path]:
    """Simulate the scenes of `seeds` that `folder` does not hold yet, in several processes.

    Returns one .npz file per seed. Scenes are kept by the simulator's source code, so a changed
    simulator makes new ones.
    """
    kept = folder / f"scenes-{simulator_version()}-{size}"
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
    )
    temporary.replace(path)


def load_scenes(paths: Sequence[Path], bands: Sequence[str]) -> list[Scene]:
    """The scenes in memory, with `bands` alone."""
    chosen = [BANDS.index(band) for band in bands]
    scenes = []
    for path in paths:
        with np.load(path) as arrays:
            dn = np.ascontiguousarray(np.moveaxis(arrays["dn"][chosen], 0, -1))
            truth = np.ascontiguousarray(np.moveaxis(arrays["truth"], 0, -1))
        scenes.append(Scene(int(path.stem), dn, truth))
    return scenes


def cloud_label(truth: NDArray[np.uint8]) -> float:
    """1 for a cloudy chip, 0 for a clear one, NaN for one in between; truth (h, w, 4)."""
    hidden = (truth[..., 2] > CLOUD * SHARE) | (truth[..., 3] > SHADOW * SHARE)
    share = float(hidden.mean())
    if share > CLOUDY:
        return 1.0
    return 0.0 if share < CLEAR else float("nan")


def pixel_classes(truth: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """0 background, 1 tulip, 2 tulip in flower; truth (..., 4) to (...)."""
    tulip = truth[..., 0] > 0
    flowering = truth[..., 1] >= IN_FLOWER * SHARE
    return np.where(tulip, np.where(flowering, 2, 1), 0).astype(np.uint8)


def counted(scene_dn: NDArray[np.uint16], truth: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """True where a pixel was measured and not hidden by an opaque cloud."""
    return (scene_dn > 0).all(axis=-1) & (truth[..., 2] <= OPAQUE * SHARE)


Drawn = tuple[NDArray[np.float32], NDArray[np.uint8]]
"""Reflectance (chip, chip, bands), NaN where nothing was measured, and truth (chip, chip, 4)."""


def draw_for_unet(scenes: Sequence[Scene], random: np.random.Generator, chip: int) -> Drawn:
    """A warped chip; every other one is centred on a tulip where the scene has any."""
    scene = scenes[int(random.integers(len(scenes)))]
    height, width = scene.truth.shape[:2]
    centre = (int(random.integers(height)), int(random.integers(width)))
    if random.random() < 0.5:
        tulips = np.flatnonzero(scene.truth[..., 0])
        if tulips.size:
            row, column = divmod(int(random.choice(tulips)), width)
            centre = (row, column)
    return _cut(scene, centre, random, chip)


def draw_for_cloud_filter(scenes: Sequence[Scene], random: np.random.Generator, chip: int) -> Drawn:
    """A warped chip that is cloudy or clear, each as often as the other."""
    wanted = float(random.integers(2))
    for _ in range(200):
        scene = scenes[int(random.integers(len(scenes)))]
        height, width = scene.truth.shape[:2]
        row = int(random.integers(chip // 2, height - chip // 2 + 1))
        column = int(random.integers(chip // 2, width - chip // 2 + 1))
        here = np.s_[row - chip // 2 : row + chip // 2, column - chip // 2 : column + chip // 2]
        if cloud_label(scene.truth[here]) == wanted:
            drawn = _cut(scene, (row, column), random, chip)
            if cloud_label(drawn[1]) == wanted:
                return drawn
    raise ValueError(f"200 draws held no chip with label {wanted}; simulate more scenes")


def _cut(scene: Scene, centre: tuple[int, int], random: np.random.Generator, chip: int) -> Drawn:
    warp = augment.random_warp(random)
    rows, columns = augment.positions(warp, centre, chip, scene.truth.shape[:2])
    nearest = np.rint(rows).astype(np.intp), np.rint(columns).astype(np.intp)
    reflectance = augment.sample(scene.dn, rows, columns) * np.float32(1e-4) - np.float32(0.1)
    reflectance[(scene.dn[nearest] == 0).any(axis=-1)] = np.nan
    return reflectance, scene.truth[nearest]


def _reflectance(dn: NDArray[np.uint16]) -> NDArray[np.float32]:
    reflectance = dn.astype(np.float32) * np.float32(1e-4) - np.float32(0.1)
    reflectance[dn == 0] = np.nan
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

    Yields reflectance (batch, chip, chip, bands), NaN where nothing was measured, and truth
    (batch, chip, chip, 4).
    """
    random = np.random.default_rng(seed)
    for _ in range(steps):
        drawn = [draw(scenes, random, chip) for _ in range(batch)]
        reflectance = np.stack([pixels for pixels, _ in drawn])
        truth = np.stack([labels for _, labels in drawn])
        yield augment.radiometry(reflectance, bands, random), truth


def unet_target(reflectance: NDArray[np.float32], truth: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(..., 3), one-hot; all zero where a pixel does not count (see `losses.soft_dice`)."""
    one_hot = np.eye(3, dtype=np.float32)[pixel_classes(truth)]
    seen = np.isfinite(reflectance).all(axis=-1) & (truth[..., 2] <= OPAQUE * SHARE)
    one_hot[~seen] = 0
    return one_hot


def cloud_filter_target(truth: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(N, 1): the label of each chip of (N, chip, chip, 4)."""
    return np.array([[cloud_label(chip)] for chip in truth], dtype=np.float32)
