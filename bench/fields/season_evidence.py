"""What a season's looks say together, against its single dates, on simulated seasons.

    .tulip/venv/bin/python -m bench.fields.season_evidence [--polders 12] [--first 201]
        [--save FILE]

Each polder has one season of nine looks from bare soil to lifting, five of them clear and four
under scattered or broken clouds. Each look goes through the cloud filter and the U-Net, once with
ten bands and once with true colour; what the cloud filter hides is not seen. Of the season, looks
inside the bloom window count, as in `tulip history`. Printed for each U-Net, over all pixels that
a look saw:

- IoU with the true parcels by single clear dates, by their union, by the mean of their
  probabilities, and by the season's evidence with other priors and exponents beside ours, each
  with its calibration error;
- found parcels and right fields at IoU 0.5, and the distance to the true outlines, of the best
  single date and of the season;
- how reliable `evidence.confidence` is, over the fields of random subsets of the looks.

The polders from 101 on were used to choose PRIOR, DEPENDENCE and the confidence; those from 201 on
were not. Takes about 40 seconds a polder on two cores.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from shapely.geometry import Polygon

from bench.fields.scenes import GRID, MINIMUM_AREA, SIZE, tulip_parcels
from tulip_ops.core.types import BANDS, Detection
from tulip_ops.fields import evidence
from tulip_ops.fields.delineation.detect import detect_rows
from tulip_ops.fields.delineation.noise import noise
from tulip_ops.ml.evaluation import object_metrics
from tulip_ops.ml.inference import model_registry, predictors
from tulip_ops.raster import rasterize
from tulip_ops.raster.probability import (
    ProbabilityRaster,
    decode_probability,
    encode_probability,
)
from tulip_ops.raster.projection import WGS84, project
from tulip_ops.simulate import Sky, Weather, make_polder, make_scene
from tulip_ops.simulate.seasons import warmth

WINDOW = ("03-20", "06-05")
WARMTHS = (300, 420, 560, 640, 720, 800, 900, 1050, 1300)
"""degC days of the looks: the first leaves, the bloom from 600 to 900, lifting from 1200 on."""
SKIES = (
    (Weather.CLEAR, 0.0), (Weather.SCATTERED, 0.1), (Weather.CLEAR, 0.0),
    (Weather.SCATTERED, 0.2), (Weather.CLEAR, 0.0), (Weather.BROKEN, 0.4), (Weather.CLEAR, 0.0),
    (Weather.SCATTERED, 0.1), (Weather.CLEAR, 0.0),
)  # fmt: skip
NETWORKS = {
    "unet-multispectral/2": "cloud-filter-multispectral/3",
    "unet-rgb/3": "cloud-filter-rgb/3",
}
SUBSETS = 10
"""Random subsets of the looks of a season, from one to five, for the reliability."""
STEPS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)

Floats = NDArray[np.float32]
Stored = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Season:
    """One polder in its season, as one pair of networks sees it."""

    looks: Stored
    """(looks, rows, columns): stored probability of tulips, inside the bloom window."""
    threshold: float
    """Of the U-Net."""
    grown: NDArray[np.bool_]
    parcels: list[Polygon]

    @property
    def is_clear(self) -> NDArray[np.bool_]:
        """(looks,): dates on which nearly all ground was seen."""
        return np.asarray(evidence.is_seen(self.looks).mean(axis=(1, 2)) > 0.95)


@dataclass(frozen=True, slots=True)
class Pair:
    """A U-Net and the cloud filter before it."""

    unet: predictors.UNet
    clouds: predictors.CloudFilter

    def look(self, reflectance: Floats) -> Stored:
        """Stored probability of tulips in an image, (BANDS, rows, columns)."""
        tulip = self.unet.tulip_probability(reflectance, BANDS)[0]
        cloudy = self.clouds.cloud_probability(reflectance, BANDS)
        tulip[cloudy >= self.clouds.card.thresholds["cell"]] = np.nan
        return encode_probability(tulip)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--polders", type=int, default=12)
    parser.add_argument("--first", type=int, default=201, help="seed of the first polder")
    parser.add_argument("--save", type=Path, help="keep the looks in a file, and read them again")
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.polders)
    for name, found in read_or_make(seeds, options.save).items():
        print(f"\n{name}: {sum(len(one.parcels) for one in found)} parcels")
        show_pixels(found)
        show_objects(found)
        show_reliability(found)


def read_or_make(seeds: Sequence[int], path: Path | None) -> dict[str, list[Season]]:
    """The seasons by U-Net."""
    looks: dict[str, Stored] = {}
    if path is not None and path.exists():
        with np.load(path) as arrays:
            looks = dict(arrays)
    models = Path("models")
    pairs = {
        unet: Pair(
            predictors.load_unet(model_registry.find(models, unet), 2),
            predictors.load_cloud_filter(model_registry.find(models, clouds), 2),
        )
        for unet, clouds in NETWORKS.items()
    }
    found: dict[str, list[Season]] = {name: [] for name in pairs}
    for seed in seeds:
        season = 2020 + seed % 4
        polder = make_polder(seed, SIZE, SIZE, [season])
        parcels, grown = tulip_parcels(polder, season), np.zeros((SIZE, SIZE), dtype=bool)
        said: dict[str, list[Stored]] = {name: [] for name in pairs}
        missing = [name for name in pairs if f"{name} {seed}" not in looks]
        for day, sky, warm in overpasses(season):
            scene = make_scene(polder, day, sky=sky, seed=1000 * seed + warm)
            grown |= scene.truth.tulip
            for name in missing:
                said[name].append(pairs[name].look(scene.reflectance))
        looks |= {f"{name} {seed}": np.stack(said[name]) for name in missing}
        for name, pair in pairs.items():
            stack = looks[f"{name} {seed}"]
            found[name].append(Season(stack, pair.unet.card.threshold, grown, parcels))
        if path is not None:
            np.savez_compressed(path, **looks)  # type: ignore[arg-type]  # names have blanks
    return found


def overpasses(season: int) -> Iterator[tuple[date, Sky, int]]:
    """Day, sky and degC days of the looks inside the bloom window."""
    for warm, (kind, cover) in zip(WARMTHS, SKIES, strict=True):
        days = (date(season, 1, 1) + timedelta(days=n) for n in range(240))
        day = next(day for day in days if warmth(day) >= warm)
        if WINDOW[0] <= f"{day:%m-%d}" <= WINDOW[1]:
            thick = 8.0 if cover else 0.0
            yield day, Sky(kind, cover, optical_depth=thick, height=1000.0), warm


def together(looks: Stored) -> tuple[Stored, Stored]:
    """The season's probability and its relief, (rows, columns), as `tulip history` has them."""
    total = np.sum([evidence.weights(look) for look in looks], axis=0, dtype=np.int16)
    count = np.sum([evidence.is_seen(look) for look in looks], axis=0, dtype=np.int16)
    return evidence.season_probability(total, count), evidence.mean_probability(total, count)


def combined(looks: Stored, prior: float, exponent: float) -> Floats:
    """The same with another prior and exponent, NaN where nothing was seen."""
    probability = np.clip(decode_probability(looks), 0.004, 0.996)
    odds, before = np.log(probability / (1 - probability)), np.log(prior / (1 - prior))
    count = np.isfinite(odds).sum(axis=0)
    strength = before + np.nansum(odds - before, axis=0) / np.maximum(count, 1) ** exponent
    return np.where(count, 1 / (1 + np.exp(-strength)), np.nan).astype(np.float32)


def show_pixels(found: Sequence[Season]) -> None:
    """IoU and calibration error by pixel, of every way to put the looks together."""
    dates = [
        [
            overlap(decode_probability(one.looks[number]), one.grown, one.threshold)
            for number in np.flatnonzero(one.is_clear)
        ]
        for one in found
    ]
    best = [max(ious) for ious in dates]
    print(f"  single clear dates         IoU {np.mean([np.mean(ious) for ious in dates]):.3f}")
    print(f"  best clear date            IoU {np.mean(best):.3f}")
    ways = {
        "union": [np.fmax.reduce(decode_probability(one.looks)) for one in found],
        "mean of probabilities": [
            np.nanmean(decode_probability(one.looks), axis=0) for one in found
        ],
        "evidence as shipped": [decode_probability(together(one.looks)[0]) for one in found],
    }  # fmt: skip
    for prior in (0.1, evidence.PRIOR, 0.5):
        for exponent in (0.0, evidence.DEPENDENCE, 1.0):
            name = f"prior {prior}, exponent {exponent}"
            ways[name] = [combined(one.looks, prior, exponent) for one in found]
    for name, probabilities in ways.items():
        limits = [one.threshold if name == "union" else 0.5 for one in found]
        ious = [
            overlap(each, one.grown, limit)
            for each, one, limit in zip(probabilities, found, limits, strict=True)
        ]
        error = calibration_error(probabilities, [one.grown for one in found])
        better = sum(iou > top for iou, top in zip(ious, best, strict=True))
        print(
            f"  {name:26} IoU {np.mean(ious):.3f}  calibration error {error:.4f}"
            f"  above the best date in {better} of {len(found)} polders"
        )


def overlap(probability: Floats, grown: NDArray[np.bool_], threshold: float) -> float:
    """IoU where something was seen."""
    seen = np.isfinite(probability)
    said = probability >= threshold
    return float((said & grown & seen).sum() / ((said | grown) & seen).sum())


def calibration_error(found: Sequence[Floats], grown: Sequence[NDArray[np.bool_]]) -> float:
    """Mean distance of probability and share of tulips over twenty steps, weighted by pixels."""
    said = np.concatenate([each[np.isfinite(each)] for each in found])
    true = np.concatenate([t[np.isfinite(each)] for each, t in zip(found, grown, strict=True)])
    step = np.minimum((said * 20).astype(int), 19)
    count = np.maximum(np.bincount(step, minlength=20), 1)
    away = np.abs(np.bincount(step, said, 20) - np.bincount(step, true, 20)) / count
    return float((away * np.bincount(step, minlength=20)).sum() / len(said))


def fields_of(tulip: Stored, relief: Stored, threshold: float) -> list[tuple[Detection, Polygon]]:
    """The fields of a raster: as detected, and their outlines in the CRS of `GRID`."""
    found = detect_rows(
        lambda rows: np.stack([tulip, tulip, relief])[:, rows], GRID, None,
        threshold=threshold, in_flower=2.0, noise=noise(ProbabilityRaster(relief), threshold),
        minimum_area=MINIMUM_AREA,
    )  # fmt: skip
    return [(one, project(one.geometry, WGS84, GRID.epsg)) for one in found]


def show_objects(found: Sequence[Season]) -> None:
    """Parcels found, fields right and distances, of the best date and of the season."""
    ways = {
        "best clear date": [(*[one.looks[best_date(one)]] * 2, one.threshold) for one in found],
        "season": [(*together(one.looks), evidence.FIELD_PROBABILITY) for one in found],
    }
    for name, rasters in ways.items():
        counts, distances = np.zeros(3), []
        for (tulip, relief, threshold), one in zip(rasters, found, strict=True):
            outlines = [outline for _, outline in fields_of(tulip, relief, threshold)]
            pairs = object_metrics.matches(object_metrics.overlaps(outlines, one.parcels))
            counts += len(pairs.true), len(one.parcels), len(outlines)
            distances += object_metrics.boundary_distances(outlines, one.parcels, pairs).tolist()
        print(
            f"  {name:16} parcels found {counts[0] / counts[1]:.3f}"
            f"  fields right {counts[0] / counts[2]:.3f}"
            f"  median distance {np.median(distances):.2f} m"
        )


def best_date(one: Season) -> int:
    """Index of the clear date with the largest IoU."""
    ious = [
        overlap(decode_probability(look), one.grown, one.threshold) if clear else 0.0
        for look, clear in zip(one.looks, one.is_clear, strict=True)
    ]
    return int(np.argmax(ious))


def show_reliability(found: Sequence[Season]) -> None:
    """Confidence against the share of fields that had tulips on at least half of their ground."""
    rng = np.random.default_rng(0)
    said, right = [], []
    for one in found:
        for _ in range(SUBSETS):
            count = min(int(rng.integers(1, 6)), len(one.looks))
            looks = one.looks[rng.choice(len(one.looks), count, replace=False)]
            fields = fields_of(*together(looks), evidence.FIELD_PROBABILITY)
            labels = rasterize.polygons_to_labels([outline for _, outline in fields], GRID)
            size = np.bincount(labels[labels >= 0], minlength=len(fields))
            grown = np.bincount(labels[(labels >= 0) & one.grown], minlength=len(fields))
            said += [evidence.confidence(field.tulip_probability) for field, _ in fields]
            right += (grown >= size / 2).tolist()
    confidence, true = np.array(said), np.array(right)
    print(f"  confidence of {len(said)} fields, {true.mean():.3f} of them on tulips:")
    for low, high in pairwise(STEPS):
        inside = (confidence >= low) & (confidence < high)
        if inside.any():
            print(
                f"    {low:.2f} to {high:.2f}: {inside.sum():5} fields, mean confidence"
                f" {confidence[inside].mean():.3f}, on tulips {true[inside].mean():.3f}"
            )


if __name__ == "__main__":
    main()
