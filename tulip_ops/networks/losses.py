"""What training minimizes, and what quality is measured by."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

EPSILON = 1.0
"""Pixels added to both sides of the dice ratio: a class absent from a batch scores 1, not 0/0."""


def soft_dice(truth: keras.KerasTensor, probability: keras.KerasTensor) -> keras.KerasTensor:
    """1 minus the mean over classes c of (2 sum p_c t_c + e) / (sum p_c + sum t_c + e).

    The dice coefficient on probabilities, after Sudre et al., 2017 (arXiv 1707.03237), without
    their class weights; sums run over all pixels of the batch, e is `EPSILON`.

    truth: (N, height, width, classes), one-hot; all zero where a pixel does not count.
    probability: the same shape, softmax.
    """
    probability = probability * ops.sum(truth, axis=-1, keepdims=True)
    both = ops.sum(truth * probability, axis=(0, 1, 2))
    either = ops.sum(truth, axis=(0, 1, 2)) + ops.sum(probability, axis=(0, 1, 2))
    return 1 - ops.mean((2 * both + EPSILON) / (either + EPSILON))


def cross_entropy(truth: keras.KerasTensor, probability: keras.KerasTensor) -> keras.KerasTensor:
    """Mean of -ln p of the true class over the pixels that count; arguments as `soft_dice`."""
    surprise = -ops.sum(truth * ops.log(ops.maximum(probability, 1e-7)))
    return surprise / ops.maximum(ops.sum(truth), 1.0)


def segmentation_loss(
    truth: keras.KerasTensor, probability: keras.KerasTensor
) -> keras.KerasTensor:
    """Soft dice, which does not care how rare tulips are, plus cross-entropy, which calibrates."""
    truth = ops.cast(truth, "float32")
    probability = ops.cast(probability, "float32")
    return soft_dice(truth, probability) + cross_entropy(truth, probability)


def iou(
    predicted: NDArray[np.bool_],
    truth: NDArray[np.bool_],
    counted: NDArray[np.bool_] | None = None,
) -> float:
    """Intersection over union of two boolean arrays of one shape, in [0, 1].

    Pixels where `counted` is False are left out. NaN when neither array has a True pixel: there
    was nothing to find and nothing was found.
    """
    if counted is not None:
        predicted, truth = predicted & counted, truth & counted
    union = int(np.count_nonzero(predicted | truth))
    return int(np.count_nonzero(predicted & truth)) / union if union else float("nan")


def mean_iou(
    images: Sequence[tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]],
) -> float:
    """Mean of the IoU of each (predicted, truth, counted), leaving out the empty ones.

    Every image weighs the same, however little it holds.
    """
    each = [iou(*image) for image in images]
    found = [value for value in each if not np.isnan(value)]
    return float(np.mean(found)) if found else float("nan")


def data_set_iou(
    images: Sequence[tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]],
) -> float:
    """IoU over all pixels of all (predicted, truth, counted): every pixel weighs the same."""
    both = sum(int(np.count_nonzero(p & t & c)) for p, t, c in images)
    either = sum(int(np.count_nonzero((p | t) & c)) for p, t, c in images)
    return both / either if either else float("nan")
