"""Compares a model's predictions on held-out scenes with the truth.

`calibrate` calibrates a freshly trained model and chooses its thresholds, on validation scenes;
`measure` writes its metrics into its card, on scenes of yet other places and seasons.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tulip_ops.ml.datasets.scenes import TrainingScene
from tulip_ops.ml.evaluation import calibration, metrics
from tulip_ops.ml.evaluation.bootstrap import Estimate, estimate
from tulip_ops.ml.evaluation.metrics import Formula, Tally
from tulip_ops.ml.evaluation.predictions import ScenePrediction, predict_scenes
from tulip_ops.ml.inference.engine_selection import KERAS, Engine
from tulip_ops.ml.inference.model_registry import Card, Output


@dataclass(frozen=True, slots=True)
class Case:
    """One scene on a contact sheet."""

    name: str
    image: NDArray[np.uint8]
    """(height, width, 3)"""
    truth: NDArray[np.bool_]
    """(rows, columns), of pixels or of cells."""
    probability: NDArray[np.float32]
    """The same shape; NaN where there is no prediction."""
    counted: NDArray[np.bool_]
    """The same shape: where the truth is known and there is a prediction."""
    threshold: float
    score: float
    """Higher is better."""
    note: str = ""


IN_BLOOM = 0.3
"""Share of a scene's tulip pixels in flower from which its date is one in bloom."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Tallies of a model's predictions over many scenes."""

    card: Card
    tallies: Mapping[Output, Tally]
    clear: Mapping[Output, Tally]
    """The same over pixels that are not known to be hidden; empty for a cloud filter."""
    left_out: Mapping[Output, int]
    in_bloom: NDArray[np.bool_]
    """(scenes,) where `IN_BLOOM` of the tulip pixels or more are in flower."""
    cases: tuple[Case, ...]
    """One for each scene with a defined score, worst first."""


def calibrate(card: Card, scenes: Iterable[TrainingScene], threads: int) -> Card:
    """The card with calibrations and thresholds fitted on `scenes`, of its bands.

    Thresholds are best for F1 over chips and cells, and for IoU over pixels.
    """
    uncalibrated = card.model_copy(update={"calibration": {}})
    all_pairs = [answer.pairs for answer in predict_scenes(uncalibrated, scenes, threads)]
    scaled, threshold = {}, {}
    for output in card.thresholds:
        pairs = [pairs[output] for pairs in all_pairs]
        predicted = np.concatenate([predicted.ravel() for predicted, _ in pairs])
        true = np.concatenate([true.ravel() for _, true in pairs])
        fitted = calibration.fit(predicted, true)
        tally = metrics.tally((fitted.apply(predicted), true) for predicted, true in pairs)
        scaled[output] = fitted
        threshold[output] = metrics.best_threshold(tally, _goal(output))
    names = {"tulip": "threshold", "cell": "threshold", "bloom": "bloom_threshold"}
    chosen = {names.get(output, "chip_threshold"): value for output, value in threshold.items()}
    return card.model_copy(update={"calibration": scaled, **chosen})


def _goal(output: Output) -> Formula:
    return metrics.f1 if output in ("chip", "cell") else metrics.iou


def measure(card: Card, scenes: Iterable[TrainingScene], threads: int) -> Card:
    """The card with its metrics over held-out simulated scenes, of its bands."""
    found = figures(evaluate(card, scenes, threads))
    return card.model_copy(update={"metrics": values(found), "intervals": intervals(found)})


def values(results: Mapping[str, Estimate | int]) -> dict[str, float | int]:
    """The metrics as a card stores them."""
    return {
        name: figure if isinstance(figure, int) else round(figure.value, 4)
        for name, figure in results.items()
    }


def intervals(results: Mapping[str, Estimate | int]) -> dict[str, tuple[float, float]]:
    """The intervals of those figures that have one."""
    return {
        name: (round(figure.low, 4), round(figure.high, 4))
        for name, figure in results.items()
        if isinstance(figure, Estimate) and figure.low is not None and figure.high is not None
    }


def evaluate(
    card: Card, scenes: Iterable[TrainingScene], threads: int, engine: Engine = KERAS
) -> Evaluation:
    """Run the model over every scene; scenes have the card's bands."""
    tallies: dict[Output, list[Tally]] = {output: [] for output in card.thresholds}
    clear: dict[Output, list[Tally]] = {}
    left_out = dict.fromkeys(card.thresholds, 0)
    cases, flowering = [], []
    for answer in predict_scenes(card, scenes, threads, engine):
        for output, pair in answer.pairs.items():
            tallies[output].append(metrics.tally([pair]))
            left_out[output] += answer.left_out[output]
        for output, pair in answer.clear.items():
            clear.setdefault(output, []).append(metrics.tally([pair]))
        flowering.append(answer.flowering)
        cases.append(_case(card, answer))
    judged = [case for case in cases if np.isfinite(case.score)]
    return Evaluation(
        card,
        {output: metrics.concatenate(each) for output, each in tallies.items()},
        {output: metrics.concatenate(each) for output, each in clear.items()},
        left_out,
        np.array(flowering, dtype=np.float64) >= IN_BLOOM,
        tuple(sorted(judged, key=lambda case: case.score)),
    )


def _case(card: Card, answer: ScenePrediction) -> Case:
    """The score is IoU over pixels, or accuracy over cells, or nearness to a verdict."""
    shown: Output = "tulip" if card.kind == "unet" else "cell"
    predicted, true = answer.pairs[shown]
    counts = metrics.tally([(predicted, true)]).at(card.threshold)
    note = ""
    if card.kind == "unet":
        score = float(metrics.iou(counts)[0])
    else:
        chip, cloudy = answer.pairs["chip"]
        yes = int(np.count_nonzero(chip >= card.thresholds["chip"]))
        note = f"{yes} of {len(chip)} chips said cloudy, {np.count_nonzero(cloudy)} are"
        if len(chip) == 1:
            note = f"chip: {chip[0]:.2f} of a {'cloudy' if cloudy[0] else 'clear'} one"
        score = float(metrics.accuracy(counts)[0])
        if len(chip) == 1 and not np.isfinite(score):
            score = float(1 - abs(chip[0] - cloudy[0]))
    counted = np.isfinite(predicted)
    return Case(
        answer.name,
        answer.image,
        true,
        answer.probability_map,
        counted,
        card.threshold,
        score,
        note,
    )


def figures(evaluation: Evaluation) -> dict[str, Estimate | int]:
    """Metrics with intervals, and counts; undefined ones are left out."""
    if evaluation.card.kind == "unet":
        found = _unet_figures(evaluation)
    else:
        found = {}
        for output in evaluation.tallies:
            found |= _cloud_figures(evaluation, output)
    return {
        name: figure
        for name, figure in found.items()
        if isinstance(figure, int) or np.isfinite(figure.value)
    }


def _cloud_figures(evaluation: Evaluation, output: Output) -> dict[str, Estimate | int]:
    tally = evaluation.tallies[output]
    counts = tally.at(evaluation.card.thresholds[output])
    formulas = (metrics.accuracy, metrics.f1, metrics.precision, metrics.recall)
    found: dict[str, Estimate | int] = {
        f"{output}_{formula.__name__}": estimate(metrics.over_all(counts, formula), len(tally))
        for formula in formulas
    }
    return {
        **found,
        f"{output}_average_precision": estimate(metrics.average_precision(tally), len(tally)),
        f"{output}_calibration_error": estimate(metrics.calibration_error(tally), len(tally)),
        f"{output}s_cloudy": int(tally.positive.sum()),
        f"{output}s_clear": int(tally.negative.sum()),
        f"{output}s_left_out": evaluation.left_out[output],
        "scenes": len(tally),
    }


def _unet_figures(evaluation: Evaluation) -> dict[str, Estimate | int]:
    found: dict[str, Estimate | int] = {}
    everything = np.ones(evaluation.in_bloom.shape, dtype=bool)
    for where, tallies, chosen in (
        ("", evaluation.tallies, everything),
        ("_in_bloom", evaluation.tallies, evaluation.in_bloom),
        ("_in_bloom_on_clear_ground", evaluation.clear, evaluation.in_bloom),
    ):
        for output, tally in tallies.items():
            found |= _pixel_figures(evaluation.card, output, tally.select(chosen), where)
    tulip = evaluation.tallies["tulip"]
    return {
        **found,
        "scenes": len(tulip),
        "scenes_in_bloom": int(evaluation.in_bloom.sum()),
        "pixels": int(tulip.positive.sum() + tulip.negative.sum()),
        "pixels_tulip": int(tulip.positive.sum()),
        "pixels_in_flower": int(evaluation.tallies["bloom"].positive.sum()),
        "pixels_left_out": evaluation.left_out["tulip"],
    }


def _pixel_figures(
    card: Card, output: Output, tally: Tally, where: str
) -> dict[str, Estimate | int]:
    counts = tally.at(card.thresholds[output])
    wanted = {
        "iou": metrics.over_all(counts, metrics.iou),
        "iou_mean_per_image": metrics.mean_per_scene(counts, metrics.iou),
        "precision": metrics.over_all(counts, metrics.precision),
        "recall": metrics.over_all(counts, metrics.recall),
        "average_precision": metrics.average_precision(tally),
        "calibration_error": metrics.calibration_error(tally),
    }
    return {
        f"{output}_{name}{where}": estimate(figure, len(tally)) for name, figure in wanted.items()
    }
