"""Metrics of predicted probabilities against labels; no network here.

A `tally` counts each scene once; figures, curves and thresholds are made of tallies. Intervals
come from `intervals`, calibration from `calibration`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tulip_ops.ml.evaluation.bootstrap import Figure, Weights

BINS = 1000
"""Probabilities are counted in bins of 0.001; every threshold is the edge of a bin."""
RELIABILITY_BINS = 20
"""Bins of 0.05, in which predicted probability is compared with observed frequency."""
_EDGES = (np.arange(BINS + 1) / BINS).astype(np.float32)

Counts = NDArray[np.float64]
"""(..., 4): hits, false alarms, misses, right rejections."""
Formula = Callable[[Counts], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Tally:
    """Histograms of predicted probabilities of each scene: all that the metrics need."""

    positive: NDArray[np.int64]
    """(scenes, BINS): true cases by their predicted probability."""
    negative: NDArray[np.int64]
    """(scenes, BINS): the other cases."""
    probability_sum: NDArray[np.float64]
    """(scenes, BINS): sum of the predicted probabilities."""

    def __len__(self) -> int:
        return len(self.positive)

    def select(self, chosen: NDArray[np.bool_]) -> Tally:
        """The chosen scenes alone; chosen: (scenes,)."""
        return Tally(self.positive[chosen], self.negative[chosen], self.probability_sum[chosen])

    def at(self, threshold: float) -> Counts:
        """(scenes, 4), where a case counts as found from `threshold` on, to 0.001."""
        first = round(threshold * BINS)
        hits, alarms = self.positive[:, first:].sum(1), self.negative[:, first:].sum(1)
        misses, rejections = self.positive[:, :first].sum(1), self.negative[:, :first].sum(1)
        return np.stack([hits, alarms, misses, rejections], axis=-1).astype(np.float64)

    def everywhere(self) -> Counts:
        """(BINS, 4), over all scenes, for the threshold at the lower edge of each bin."""
        positive, negative = self.positive.sum(0), self.negative.sum(0)
        hits, alarms = positive[::-1].cumsum()[::-1], negative[::-1].cumsum()[::-1]
        both = [hits, alarms, positive.sum() - hits, negative.sum() - alarms]
        return np.stack(both, axis=-1).astype(np.float64)


def tally(scenes: Iterable[tuple[NDArray[np.float32], NDArray[np.bool_]]]) -> Tally:
    """Count the (probability, truth) of each scene, arrays of one shape.

    Cases without a predicted probability (NaN) are left out.
    """
    rows = []
    for probability, truth in scenes:
        known = np.isfinite(probability)
        predicted, true = probability[known], truth[known]
        bins = np.clip(np.searchsorted(_EDGES, predicted, side="right") - 1, 0, BINS - 1)
        rows.append(
            (
                np.bincount(bins[true], minlength=BINS),
                np.bincount(bins[~true], minlength=BINS),
                np.bincount(bins, weights=predicted, minlength=BINS),
            )
        )
    none = np.zeros((0, BINS))
    positive, negative, probability_sum = (
        map(np.stack, zip(*rows, strict=True)) if rows else [none] * 3
    )
    return Tally(positive.astype(np.int64), negative.astype(np.int64), probability_sum)


def concatenate(tallies: Sequence[Tally]) -> Tally:
    """The scenes of all tallies, in order."""
    none = tally([])
    return Tally(
        np.concatenate([none.positive, *(each.positive for each in tallies)]),
        np.concatenate([none.negative, *(each.negative for each in tallies)]),
        np.concatenate([none.probability_sum, *(each.probability_sum for each in tallies)]),
    )


def accuracy(counts: Counts) -> NDArray[np.float64]:
    """Share of cases judged rightly; NaN without any."""
    return _ratio(counts[..., 0] + counts[..., 3], counts.sum(-1))


def precision(counts: Counts) -> NDArray[np.float64]:
    """Share of what was found that is true; NaN where nothing was found."""
    return _ratio(counts[..., 0], counts[..., 0] + counts[..., 1])


def recall(counts: Counts) -> NDArray[np.float64]:
    """Share of what is true that was found; NaN where nothing is true."""
    return _ratio(counts[..., 0], counts[..., 0] + counts[..., 2])


def f1(counts: Counts) -> NDArray[np.float64]:
    """2 hits / (2 hits + false alarms + misses); NaN where nothing is true and nothing found."""
    return _ratio(2 * counts[..., 0], 2 * counts[..., 0] + counts[..., 1] + counts[..., 2])


def iou(counts: Counts) -> NDArray[np.float64]:
    """Hits / (hits + false alarms + misses); NaN where nothing is true and nothing found."""
    return _ratio(counts[..., 0], counts[..., :3].sum(-1))


def _ratio(part: NDArray[np.float64], total: NDArray[np.float64]) -> NDArray[np.float64]:
    undefined = np.full(np.shape(total), np.nan)
    divided: NDArray[np.float64] = np.divide(part, total, out=undefined, where=total > 0)
    return divided


def over_all(counts: Counts, formula: Formula) -> Figure:
    """`formula` over the cases of all scenes together; counts (scenes, 4)."""
    return lambda weights: formula(weights @ counts)


def mean_per_scene(counts: Counts, formula: Formula) -> Figure:
    """The mean of each scene's own figure: a scene counts the same, however little it holds.

    Scenes in which the figure is undefined (nothing to find, nothing found) are left out.
    """
    each = formula(counts)
    defined = np.isfinite(each).astype(np.float64)
    return lambda weights: _ratio(weights @ np.nan_to_num(each), weights @ defined)


def calibration_error(tally: Tally) -> Figure:
    """Expected calibration error: mean distance of predicted from observed frequency.

    Over 20 bins of equal width of the probability of the positive class, each weighted by its
    cases: Naeini et al., 2015 (AAAI, Obtaining well calibrated probabilities using Bayesian
    binning), there with 10 bins.
    """
    predicted = _coarse(tally.probability_sum)
    true = _coarse(tally.positive)
    cases = true + _coarse(tally.negative)

    def error(weights: Weights) -> NDArray[np.float64]:
        apart: NDArray[np.float64] = np.abs(weights @ predicted - weights @ true).sum(-1)
        return _ratio(apart, (weights @ cases).sum(-1))

    return error


def reliability(tally: Tally) -> NDArray[np.float64]:
    """(RELIABILITY_BINS, 3): mean predicted probability, observed share, number of cases."""
    predicted, true = _coarse(tally.probability_sum).sum(0), _coarse(tally.positive).sum(0)
    cases = true + _coarse(tally.negative).sum(0)
    return np.stack([_ratio(predicted, cases), _ratio(true, cases), cases], axis=-1)


def _coarse(fine: NDArray[np.int64] | NDArray[np.float64]) -> NDArray[np.float64]:
    coarse: NDArray[np.float64] = fine.astype(np.float64).reshape(
        len(fine), RELIABILITY_BINS, BINS // RELIABILITY_BINS
    )
    return np.asarray(coarse.sum(-1))


def precision_recall(tally: Tally) -> NDArray[np.float64]:
    """(thresholds, 3): threshold, precision, recall, where something is found and true."""
    counts = tally.everywhere()
    rows = np.stack([np.arange(BINS) / BINS, precision(counts), recall(counts)], axis=-1)
    return rows[np.isfinite(rows).all(-1)]


def average_precision(tally: Tally) -> Figure:
    """Area below the precision-recall curve, as a sum of steps, whatever the threshold.

    NaN where nothing is true.
    """
    positive, negative = (
        each[:, ::-1].astype(np.float64) for each in (tally.positive, tally.negative)
    )

    def area(weights: Weights) -> NDArray[np.float64]:
        true, hits = weights @ positive, (weights @ positive).cumsum(-1)
        found = hits + (weights @ negative).cumsum(-1)
        precise = np.nan_to_num(_ratio(hits, found))
        return _ratio((true * precise).sum(-1), true.sum(-1))

    return area


def best_threshold(tally: Tally, formula: Formula) -> float:
    """The middle of the thresholds that come within 0.002 of the best, from 0.05 to 0.95.

    Thresholds are multiples of 0.005; 0.5 where the formula is undefined everywhere.
    """
    steps = np.arange(50, 951, 5)
    scores = formula(tally.everywhere())[steps]
    if not np.isfinite(scores).any():
        return 0.5
    good = steps[np.nan_to_num(scores, nan=-np.inf) >= np.nanmax(scores) - 0.002]
    return float(good[len(good) // 2] / BINS)
