"""Fits the calibration of a network's probabilities (Platt scaling)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tulip_ops.ml.inference.model_registry import Calibration

_FINEST, _FARTHEST = 100, 1612
"""Logits are fitted in steps of 1 / 100, up to +-16.12, the logit of 1 - 1e-7."""
_FLATTEST = 0.05
"""Smallest slope of a calibration: the order of probabilities must not turn."""


def fit(probability: NDArray[np.float32], truth: NDArray[np.bool_]) -> Calibration:
    """Platt scaling of a network's probabilities, fitted on held-out data.

    probability, truth: one shape; NaN is left out. The maximum of likelihood by Newton's method
    over logits counted in steps of 0.01, with Platt's smoothed targets (N + 1) / (N + 2) and
    1 / (N + 2), so that it is finite for classes that never mix. Without a single case nothing
    is known, and probabilities stay as they are.
    """
    known = np.isfinite(probability)
    if not known.any():
        return Calibration()
    clipped = np.clip(probability[known], 1e-7, 1 - 1e-7).astype(np.float64)
    steps = np.rint((np.log(clipped) - np.log1p(-clipped)) * _FINEST).astype(np.intp) + _FARTHEST
    cases = np.bincount(steps, minlength=2 * _FARTHEST + 1).astype(np.float64)
    true = np.bincount(steps[truth[known]], minlength=2 * _FARTHEST + 1).astype(np.float64)
    logit = np.arange(-_FARTHEST, _FARTHEST + 1) / _FINEST
    positive, negative = true.sum(), (cases - true).sum()
    target = true * (positive + 1) / (positive + 2) + (cases - true) / (negative + 2)
    slope, intercept = _newton(np.stack([logit, np.ones_like(logit)]), cases, target)
    if slope < _FLATTEST:
        slope = _FLATTEST
        (intercept,) = _newton(np.ones((1, logit.size)), cases, target, slope * logit)
    return Calibration(slope=round(float(slope), 4), intercept=round(float(intercept), 4))


def _newton(
    columns: NDArray[np.float64],
    cases: NDArray[np.float64],
    target: NDArray[np.float64],
    offset: NDArray[np.float64] | float = 0.0,
) -> NDArray[np.float64]:
    """Logistic regression of `target` out of `cases`; a step that increases the loss is halved."""

    def loss(at: NDArray[np.float64]) -> float:
        logit = at @ columns + offset
        return float(np.sum(cases * np.logaddexp(0, logit) - target * logit))

    found = np.zeros(len(columns))
    for _ in range(100):
        expected = np.exp(-np.logaddexp(0, -(found @ columns + offset)))
        gradient = columns @ (target - cases * expected)
        curvature = (columns * (cases * expected * (1 - expected))) @ columns.T
        step = np.linalg.pinv(curvature, hermitian=True) @ gradient
        while loss(found + step) > loss(found) and np.abs(step).max() > 1e-9:
            step /= 2
        found += step
        if np.abs(step).max() < 1e-6:
            break
    return found
