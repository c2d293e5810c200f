import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.affinity import translate
from shapely.geometry import Polygon, box

from tulip_ops.ml.evaluation.object_metrics import (
    boundary_distances,
    consistency,
    matches,
    overlaps,
    scores,
)

FIELD = box(0, 0, 100, 200)

rectangles = st.lists(
    st.tuples(st.integers(0, 8), st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=6
).map(lambda rows: [box(x, 10 * n, x + w, 10 * n + h) for n, (x, w, h) in enumerate(rows)])
"""Rectangles without overlaps, one in each band of 10 m."""


def test_the_same_polygons_score_best() -> None:
    found = scores([FIELD, translate(FIELD, 100)], [translate(FIELD, 100), FIELD])
    assert (found.recall, found.precision, found.f1) == (1, 1, 1)
    assert (found.over_segmentation, found.under_segmentation) == (0, 0)


def test_a_field_in_two_parts_is_over_segmented() -> None:
    found = scores([box(0, 0, 100, 120), box(0, 120, 100, 200)], [FIELD])
    assert (found.recall, found.precision) == (1, 0.5)
    assert found.over_segmentation == pytest.approx(0.4)
    assert found.under_segmentation == 0


def test_two_fields_in_one_are_under_segmented() -> None:
    found = scores([box(0, 0, 200, 200)], [box(0, 0, 90, 200), box(90, 0, 200, 200)])
    assert (found.recall, found.precision) == (0.5, 1)
    assert found.f1 == pytest.approx(2 / 3)
    assert found.over_segmentation == 0
    assert found.under_segmentation == pytest.approx(0.5)


def test_a_missed_field_lowers_recall_alone() -> None:
    found = scores([FIELD], [FIELD, translate(FIELD, 500)])
    assert (found.recall, found.precision) == (0.5, 1)
    assert (found.over_segmentation, found.under_segmentation) == (0, 0)


def test_of_two_candidates_the_larger_overlap_matches() -> None:
    pairs = overlaps([box(0, 0, 100, 100), box(0, 100, 100, 200)], [FIELD])
    assert pairs.iou.tolist() == [0.5, 0.5]
    assert matches(pairs).predicted.tolist() == [0]


def test_nothing_predicted_or_nothing_true_has_no_shares_of_it() -> None:
    nothing = scores([], [])
    assert math.isnan(nothing.recall)
    assert math.isnan(nothing.precision)
    assert math.isnan(nothing.f1)
    assert scores([], [FIELD]).recall == 0
    assert math.isnan(consistency([], []))


def test_outlines_of_a_field_and_of_one_five_metres_larger_lie_five_metres_apart() -> None:
    larger = FIELD.buffer(5, join_style="mitre")
    pairs = matches(overlaps([larger], [FIELD]))
    assert boundary_distances([larger], [FIELD], pairs) == pytest.approx([5])


def test_a_hole_is_part_of_the_outline() -> None:
    yards = [box(10, 20 * n + 5, 90, 20 * n + 15).exterior for n in range(10)]
    holed = Polygon(FIELD.exterior, yards)
    pairs = matches(overlaps([holed], [FIELD]))
    assert boundary_distances([holed], [FIELD], pairs)[0] >= 5


@given(rectangles, rectangles)
def test_distance_and_consistency_are_symmetric(one: list[Polygon], other: list[Polygon]) -> None:
    assert consistency(one, other) == pytest.approx(consistency(other, one))
    there, back = matches(overlaps(one, other)), matches(overlaps(other, one))
    far = boundary_distances(one, other, there)
    assert np.sort(far) == pytest.approx(np.sort(boundary_distances(other, one, back)))


@given(rectangles, rectangles)
def test_no_polygon_matches_twice(one: list[Polygon], other: list[Polygon]) -> None:
    pairs = matches(overlaps(one, other))
    assert len(set(pairs.predicted.tolist())) == len(pairs.predicted)
    assert len(set(pairs.true.tolist())) == len(pairs.true)
    found = scores(one, other)
    assert 0 <= found.f1 <= 1
    assert consistency(one, one) == pytest.approx(1)
