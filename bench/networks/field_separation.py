"""How many fields are found as what they are: connected pixels against parting along valleys.

    .tulip/venv/bin/python -m bench.networks.field_separation unet-multispectral/2 unet-rgb/2

Twelve simulated scenes under a clear sky, of four polders on three days, with the probability
that each network gives, and with the truth made noisy. A parcel is found if it and a field share
at least half of the ground that they cover together; a field is right by the same rule. Parcels
and fields below 0.3 ha do not count. Takes about a minute for each network on two cores.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.fields.scenes import GRID, Floats, noisy, scenes
from tulip_ops.core.types import BANDS
from tulip_ops.fields.delineation import watershed
from tulip_ops.ml.inference import model_registry, predictors
from tulip_ops.raster import rasterize
from tulip_ops.raster.probability import ProbabilityRaster

SMALLEST = 30
Labels = NDArray[np.int32]


def connected(probability: Floats, threshold: float) -> Labels:
    return rasterize.polygons_to_labels(
        rasterize.mask_to_polygons(probability >= threshold, GRID), GRID
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
    show("truth made noisy", [(noisy(one), one.image.truth.fields) for one in made], 0.475)
    for name in models:
        card = model_registry.find(Path("models"), name)
        network = predictors.load_unet(card, 2)
        said = [
            (network.tulip_probability(one.image.reflectance, BANDS)[0], one.image.truth.fields)
            for one in made
        ]
        show(name, said, card.threshold)


if __name__ == "__main__":
    main(sys.argv[1:])
