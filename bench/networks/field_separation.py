"""How many fields are found as what they are: connected pixels against parting along valleys.

    .tulip/venv/bin/python -m bench.networks.field_separation unet-multispectral/2 unet-rgb/2

Twelve simulated scenes under a clear sky, of four polders on three days, with the probability
that each network gives, and with the truth made noisy. A parcel is found if it and a field share
at least half of the ground that they cover together; a field is right by the same rule. Parcels
and fields below 0.3 ha do not count. Takes about a minute for each network on two cores.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tulip_ops.core.types import BANDS
from tulip_ops.fields.delineation import watershed
from tulip_ops.ml.inference import model_registry, predictors
from tulip_ops.raster import rasterize
from tulip_ops.raster.grid import Grid
from tulip_ops.raster.probability import ProbabilityRaster
from tulip_ops.simulate import SimulatedScene, Sky, Weather, make_polder, make_scene
from tulip_ops.simulate.random_fields import blur
from tulip_ops.simulate.seasons import warmth

SIZE, SMALLEST = 512, 30
SEEDS, WARMTHS = (101, 102, 103, 104), (640, 720, 800)
Floats = NDArray[np.float32]
Labels = NDArray[np.int32]


def scenes() -> Iterator[tuple[int, SimulatedScene]]:
    for number, seed in enumerate(SEEDS):
        season = 2020 + seed % 4
        polder = make_polder(seed, SIZE, SIZE, [season])
        for place, warm in enumerate(WARMTHS):
            days = (date(season, 3, 1) + timedelta(days=n) for n in range(120))
            day = next(day for day in days if warmth(day) >= warm)
            scene = make_scene(polder, day, sky=Sky(Weather.CLEAR), seed=warm)
            yield number * len(WARMTHS) + place, scene


def noisy(number: int, scene: SimulatedScene) -> Floats:
    """The truth, blurred, with patches and with noise from pixel to pixel."""
    rng = np.random.default_rng(number)
    truth = scene.truth.tulip.astype(np.float32)
    patches = blur(rng.normal(0, 1, truth.shape).astype(np.float32)[None], 1.4)[0]
    inside = blur(truth[None], 0.7)[0]
    grain = rng.normal(0, 0.06, truth.shape).astype(np.float32)
    said = 0.95 * inside + 0.02 + 0.12 * patches / patches.std() * inside + grain
    return np.asarray(np.clip(said, 0, 1), dtype=np.float32)


def connected(probability: Floats, threshold: float) -> Labels:
    grid = Grid(32631, 0.0, 10.0 * SIZE, SIZE, SIZE)
    return rasterize.polygons_to_labels(
        rasterize.mask_to_polygons(probability >= threshold, grid), grid
    )


def parted(probability: Floats, threshold: float) -> Labels:
    return watershed.segment_fields(
        ProbabilityRaster(probability), threshold=threshold, smallest=SMALLEST
    )


def matches(labels: Labels, truth: Labels) -> tuple[int, int, int, int, list[float]]:
    """Parcels, fields, parcels found, fields that are right, and errors of area of these."""
    there, parcel = np.unique(truth, return_inverse=True)
    parcel = parcel.reshape(truth.shape) - 1
    parcels, fields = len(there) - 1, int(labels.max()) + 1
    shared = (labels >= 0) & (parcel >= 0)
    pairs = np.bincount(labels[shared] * parcels + parcel[shared], minlength=fields * parcels)
    pairs = pairs.reshape(fields, parcels)
    size = np.bincount(labels[labels >= 0], minlength=fields)
    area = np.bincount(parcel[parcel >= 0], minlength=parcels)
    same = pairs / (size[:, None] + area - pairs) >= 0.5
    large, counted = area >= SMALLEST, size >= SMALLEST
    errors = [abs(size[field] / area[place] - 1) for field, place in np.argwhere(same)]
    return (
        int(large.sum()), int(counted.sum()), int((same.any(0) & large).sum()),
        int((same.any(1) & counted).sum()), errors,
    )  # fmt: skip


def show(name: str, said: list[tuple[Floats, Labels]], threshold: float) -> None:
    ways: dict[str, Callable[[Floats, float], Labels]] = {"connected": connected, "parted": parted}
    for way, segment in ways.items():
        counts = [matches(segment(probability, threshold), truth) for probability, truth in said]
        parcels, fields, found, right = (sum(count[n] for count in counts) for n in range(4))
        errors = [error for count in counts for error in count[4]]
        print(
            f"{name:24} {way:10} {parcels:5} parcels {fields:5} fields  found {found / parcels:.3f}"
            f"  right {right / max(fields, 1):.3f}  median error of area {np.median(errors):.3f}"
        )


def main(models: list[str]) -> None:
    made = list(scenes())
    show("truth made noisy", [(noisy(n, s), s.truth.fields) for n, s in made], 0.475)
    for name in models:
        card = model_registry.find(Path("models"), name)
        network = predictors.load_unet(card, 2)
        said = [
            (network.tulip_probability(scene.reflectance, BANDS)[0], scene.truth.fields)
            for _, scene in made
        ]
        show(name, said, card.threshold)


if __name__ == "__main__":
    main(sys.argv[1:])
