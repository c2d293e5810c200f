"""How good a network is, on scenes that it has never seen; and where its thresholds lie."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tulip_ops.networks import data, losses, predict
from tulip_ops.networks.data import Scene
from tulip_ops.networks.registry import Card

STEPS = np.arange(0.05, 0.96, 0.025)
"""Thresholds that are tried."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What a cloud filter said of the chips that are plainly cloudy or plainly clear."""

    probability: NDArray[np.float32]
    """(N,)"""
    cloudy: NDArray[np.bool_]
    """(N,) the truth."""
    undecided: int
    """Chips left out because a little cloud lies in them."""


@dataclass(frozen=True, slots=True)
class Segmented:
    """What a U-Net said of one scene."""

    tulip: NDArray[np.float32]
    """(height, width) probability; so `bloom`."""
    bloom: NDArray[np.float32]
    truth_tulip: NDArray[np.bool_]
    truth_bloom: NDArray[np.bool_]
    counted: NDArray[np.bool_]


def evaluate(card: Card, scenes: Sequence[Scene], threads: int) -> dict[str, float | int]:
    """Metrics of a trained model over scenes loaded with the card's bands."""
    if card.bloom_threshold is None:
        judged = judge(predict.load_cloud_filter(card, threads), scenes)
        return cloud_filter_metrics(judged, card.threshold)
    segmented = segment(predict.load_unet(card, threads), scenes)
    return unet_metrics(segmented, card.threshold, card.bloom_threshold)


def judge(network: predict.CloudFilter, scenes: Sequence[Scene]) -> Judged:
    """Every chip of every scene, as `cloud_probability` cuts them."""
    probability, label = [], []
    for scene in scenes:
        said, plan = network.chip_probability(scene.reflectance(), network.card.bands)
        for value, (row, column) in zip(said, plan.origins, strict=True):
            if np.isfinite(value):
                chip = np.s_[row : row + plan.chip_height, column : column + plan.chip_width]
                probability.append(value)
                label.append(data.cloud_label(scene.truth[chip]))
    labels = np.array(label)
    decided = np.isfinite(labels)
    return Judged(
        np.array(probability, dtype=np.float32)[decided],
        labels[decided] == 1,
        int(np.count_nonzero(~decided)),
    )


def segment(network: predict.UNet, scenes: Sequence[Scene]) -> list[Segmented]:
    """Every scene, as a whole; scenes hidden altogether are left out."""
    segmented = []
    for scene in scenes:
        counted = data.counted(scene.dn, scene.truth)
        if counted.any():
            tulip, bloom = network.tulip_probability(scene.reflectance(), network.card.bands)
            classes = data.pixel_classes(scene.truth)
            segmented.append(Segmented(tulip, bloom, classes > 0, classes == 2, counted))
    return segmented


def best_threshold(score: Callable[[float], float]) -> float:
    """The middle of the thresholds whose score comes within 0.002 of the best one's."""
    scores = np.nan_to_num(np.array([score(float(step)) for step in STEPS]))
    good = STEPS[scores >= scores.max() - 0.002]
    return round(float(good[len(good) // 2]), 3)


def f1(judged: Judged, threshold: float) -> float:
    """2 TP / (2 TP + FP + FN), where positive means cloudy."""
    said = judged.probability >= threshold
    hits = int(np.count_nonzero(said & judged.cloudy))
    wrong = int(np.count_nonzero(said != judged.cloudy))
    return 2 * hits / (2 * hits + wrong) if hits else 0.0


def tulip_iou(scenes: Sequence[Segmented], threshold: float) -> float:
    """Over the data set."""
    return losses.data_set_iou([(s.tulip >= threshold, s.truth_tulip, s.counted) for s in scenes])


def bloom_iou(scenes: Sequence[Segmented], threshold: float) -> float:
    """Over the data set."""
    return losses.data_set_iou([(s.bloom >= threshold, s.truth_bloom, s.counted) for s in scenes])


def cloud_filter_metrics(judged: Judged, threshold: float) -> dict[str, float | int]:
    """Accuracy, F1, precision and recall of cloudy chips, with counts."""
    said = judged.probability >= threshold
    hits = int(np.count_nonzero(said & judged.cloudy))
    return {
        "accuracy": round(float((said == judged.cloudy).mean()), 4),
        "f1": round(f1(judged, threshold), 4),
        "precision": round(hits / max(1, int(np.count_nonzero(said))), 4),
        "recall": round(hits / max(1, int(np.count_nonzero(judged.cloudy))), 4),
        "chips_cloudy": int(np.count_nonzero(judged.cloudy)),
        "chips_clear": int(np.count_nonzero(~judged.cloudy)),
        "chips_left_out": judged.undecided,
    }


def unet_metrics(scenes: Sequence[Segmented], tulip: float, bloom: float) -> dict[str, float | int]:
    """IoU at two thresholds; `in_bloom` is over scenes with a fifth of their tulips in flower."""
    flowering = [s for s in scenes if s.truth_bloom.sum() >= 0.2 * max(1, s.truth_tulip.sum())]
    images = [(s.tulip >= tulip, s.truth_tulip, s.counted) for s in scenes]
    figures: dict[str, float | int] = {
        "tulip_iou": losses.data_set_iou(images),
        "tulip_iou_mean_per_image": losses.mean_iou(images),
        "tulip_iou_in_bloom": tulip_iou(flowering, tulip),
        "bloom_iou": bloom_iou(scenes, bloom),
        "bloom_iou_in_bloom": bloom_iou(flowering, bloom),
    }
    return {
        **{name: round(value, 4) for name, value in figures.items() if np.isfinite(value)},
        "scenes": len(scenes),
        "scenes_in_bloom": len(flowering),
        "pixels": sum(int(np.count_nonzero(s.counted)) for s in scenes),
        "tulip_pixels": sum(int(np.count_nonzero(s.truth_tulip & s.counted)) for s in scenes),
    }
