"""Metrics of predicted polygons against true ones: which objects are found, and how exactly.

Polygons are valid, in metres, and neither the predicted nor the true ones overlap each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import Polygon

MINIMUM_IOU = 0.5
"""Above it a polygon can match one other at most (Kirillov et al., 2019, Panoptic segmentation)."""
SPACING = 2.0
"""Metres between the points of an outline at which distances are measured."""


class Pairs(NamedTuple):
    """Predicted and true polygons that share ground, (n,) each."""

    predicted: NDArray[np.int64]
    """Index of the predicted polygon."""
    true: NDArray[np.int64]
    shared: NDArray[np.float64]
    """Area of the intersection, m2."""
    iou: NDArray[np.float64]
    """Area of the intersection over that of the union, in (0, 1]."""

    def select(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> Pairs:
        """The chosen pairs alone."""
        return Pairs(
            self.predicted[chosen], self.true[chosen], self.shared[chosen], self.iou[chosen]
        )


@dataclass(frozen=True, slots=True)
class ObjectScores:
    """How many objects are found. Shares are in [0, 1], NaN where nothing could be counted."""

    recall: float
    """Share of the true polygons that are found."""
    precision: float
    """Share of the predicted polygons that are right."""
    f1: float
    """Harmonic mean of both."""
    over_segmentation: float
    """Mean share of a true polygon outside its largest predicted part; 0 is best."""
    under_segmentation: float
    """Mean share of that predicted polygon outside the true one; 0 is best."""


def overlaps(predicted: Sequence[Polygon], true: Sequence[Polygon]) -> Pairs:
    """All pairs of a predicted and a true polygon that share ground, ordered by both indices."""
    ours, theirs = (np.asarray(some, dtype=object) for some in (predicted, true))
    one, other = shapely.STRtree(theirs).query(ours, predicate="intersects")
    order = np.lexsort((other, one))
    one, other = one[order], other[order]
    shared = shapely.area(shapely.intersection(ours[one], theirs[other]))
    iou = shared / (shapely.area(ours)[one] + shapely.area(theirs)[other] - shared)
    pairs = Pairs(one.astype(np.int64), other.astype(np.int64), shared, iou)
    return pairs.select(shared > 0)


def matches(pairs: Pairs, minimum_iou: float = MINIMUM_IOU) -> Pairs:
    """One-to-one matches of at least `minimum_iou`, the largest IoU first."""
    order = np.argsort(-pairs.iou, kind="stable")
    chosen, used_predicted, used_true = [], set(), set()
    for index in order[pairs.iou[order] >= minimum_iou].tolist():
        predicted, true = int(pairs.predicted[index]), int(pairs.true[index])
        if predicted not in used_predicted and true not in used_true:
            used_predicted.add(predicted)
            used_true.add(true)
            chosen.append(index)
    return pairs.select(np.array(sorted(chosen), dtype=np.int64))


def scores(predicted: Sequence[Polygon], true: Sequence[Polygon]) -> ObjectScores:
    """Recall, precision and F1 at `MINIMUM_IOU`, over- and under-segmentation.

    Over- and under-segmentation after Persello and Bruzzone, 2010 (A novel protocol for accuracy
    assessment in classification of very high resolution images, IEEE TGRS 48-3): each true
    polygon is compared with the predicted one that shares most ground with it; true polygons
    without any are misses, which recall counts, and are left out.
    """
    pairs = overlaps(predicted, true)
    found = len(matches(pairs).true)
    order = np.lexsort((pairs.predicted, -pairs.shared, pairs.true))
    largest = pairs.select(order[np.unique(pairs.true[order], return_index=True)[1]])
    true_area = shapely.area(np.asarray(true, dtype=object))[largest.true]
    predicted_area = shapely.area(np.asarray(predicted, dtype=object))[largest.predicted]
    return ObjectScores(
        _share(found, len(true)),
        _share(found, len(predicted)),
        _share(2 * found, len(true) + len(predicted)),
        _share(float((1 - largest.shared / true_area).sum()), len(largest.true)),
        _share(float((1 - largest.shared / predicted_area).sum()), len(largest.true)),
    )


def boundary_distances(
    predicted: Sequence[Polygon], true: Sequence[Polygon], matched: Pairs
) -> NDArray[np.float64]:
    """Median distance between the outlines of each matched pair, (n,) metres.

    Points every `SPACING` metres of each outline are measured to the nearest place of the other;
    the median is over the points of both, so that it is symmetric.
    """
    return np.array(
        [
            np.median(np.append(_distances(one, other), _distances(other, one)))
            for one, other in (
                (predicted[ours].boundary, true[theirs].boundary)
                for ours, theirs in zip(matched.predicted, matched.true, strict=True)
            )
        ]
    )


def consistency(one: Sequence[Polygon], other: Sequence[Polygon]) -> float:
    """Mean IoU of each polygon with its best counterpart among the others, both ways.

    one, other: polygons of the same ground, such as those found in an image and in the image
    shifted by a few pixels, moved back. 1 if they are the same; NaN if there are none.
    """
    pairs = overlaps(one, other)
    best = np.zeros(len(one) + len(other))
    np.maximum.at(best, pairs.predicted, pairs.iou)
    np.maximum.at(best, len(one) + pairs.true, pairs.iou)
    return _share(float(best.sum()), len(best))


def _distances(line: shapely.Geometry, other: shapely.Geometry) -> NDArray[np.float64]:
    """Distance from points every `SPACING` metres of `line` to `other`."""
    parts = shapely.get_parts(line)
    counts = np.maximum(shapely.length(parts) // SPACING, 1).astype(np.int64)
    part = np.repeat(np.arange(len(parts)), counts)
    place = np.concatenate([(np.arange(count) + 0.5) / count for count in counts])
    points = shapely.line_interpolate_point(parts[part], place, normalized=True)
    shapely.prepare(other)
    return np.asarray(shapely.distance(points, other), dtype=np.float64)


def _share(part: float, whole: int) -> float:
    return part / whole if whole else float("nan")
