"""Loss functions; quality is measured by `metrics`."""

from __future__ import annotations

import keras
from keras import ops

EPSILON = 1.0
"""Pixels added to both sides of the dice ratio: a class absent from a batch scores 1, not 0/0."""


def soft_dice(truth: keras.KerasTensor, probability: keras.KerasTensor) -> keras.KerasTensor:
    """1 minus the mean over groups g of (2 sum p_g t_g + e) / (sum p_g + sum t_g + e).

    The dice coefficient on probabilities, after Sudre et al., 2017 (arXiv 1707.03237), without
    their class weights; sums run over all pixels of the batch, e is `EPSILON`. The groups are
    what quality is measured by: background, any tulip, tulip in flower; the last over the
    pixels alone whose flowering is known.

    truth: (N, height, width, 3), the classes that a pixel may belong to: one-hot, [0, 1, 1] for
    tulips whose flowering is unknown, all zero where a pixel does not count.
    probability: the same shape, softmax over background, tulip, tulip in flower.
    """
    counted = ops.max(truth, axis=-1)
    tulip = ops.max(truth[..., 1:], axis=-1)
    known = counted * (1 - truth[..., 1] * truth[..., 2])
    groups = [
        (truth[..., 0], probability[..., 0], counted),
        (tulip, probability[..., 1] + probability[..., 2], counted),
        (truth[..., 2], probability[..., 2], known),
    ]
    scores = [
        (2 * ops.sum(t * p * c) + EPSILON) / (ops.sum(t * c) + ops.sum(p * c) + EPSILON)
        for t, p, c in groups
    ]
    return 1 - ops.mean(ops.stack(scores))


def cross_entropy(truth: keras.KerasTensor, probability: keras.KerasTensor) -> keras.KerasTensor:
    """Mean of -ln of the probability of the possible classes; arguments as `soft_dice`.

    Where several classes are possible their probabilities are added, so that a plain tulip mask
    says nothing about flowers.
    """
    counted = ops.max(truth, axis=-1)
    possible = ops.sum(truth * probability, axis=-1)
    surprise = -ops.sum(counted * ops.log(ops.maximum(possible, 1e-7)))
    return surprise / ops.maximum(ops.sum(counted), 1.0)


def segmentation_loss(
    truth: keras.KerasTensor, probability: keras.KerasTensor
) -> keras.KerasTensor:
    """Soft dice, which works however rare tulips are, plus cross-entropy, which calibrates."""
    truth = ops.cast(truth, "float32")
    probability = ops.cast(probability, "float32")
    return soft_dice(truth, probability) + cross_entropy(truth, probability)


def cloud_loss(truth: keras.KerasTensor, probability: keras.KerasTensor) -> keras.KerasTensor:
    """Mean binary cross-entropy over what is plainly cloudy (1) or clear (0).

    truth: any shape, NaN where it is neither or unknown. probability: the same shape.
    """
    truth = ops.cast(truth, "float32")
    known = ops.cast(ops.logical_not(ops.isnan(truth)), "float32")
    cloudy = ops.where(ops.isnan(truth), 0.0, truth)
    clipped = ops.clip(ops.cast(probability, "float32"), 1e-6, 1 - 1e-6)
    surprise = -(cloudy * ops.log(clipped) + (1 - cloudy) * ops.log(1 - clipped))
    return ops.sum(known * surprise) / ops.maximum(ops.sum(known), 1.0)
