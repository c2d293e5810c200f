import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.affinity import rotate
from shapely.geometry import LineString, box

from tulip_ops.fields.delineation.ribbons import without_ribbons

FIELD = box(0, 0, 60, 400)


def test_verges_are_dropped_and_fields_kept_in_order() -> None:
    verge = LineString([(500, 0), (500, 300), (800, 350)]).buffer(7, cap_style="flat")
    kept, dropped = without_ribbons([verge, FIELD, rotate(verge, 30), box(100, 0, 125, 300)])
    assert [one.bounds for one in kept] == [FIELD.bounds, (100, 0, 125, 300)]
    assert len(dropped) == 2


def test_a_ribbon_with_a_wide_end_is_a_ribbon() -> None:
    yard = shapely.union(box(0, 0, 14, 600), box(-10, 600, 40, 650))
    assert without_ribbons([yard]).kept == []


def test_a_field_with_a_narrow_tail_is_a_field() -> None:
    assert without_ribbons([shapely.union(FIELD, box(60, 0, 200, 10))]).dropped == []


def test_nothing_in_nothing_out() -> None:
    assert without_ribbons([]) == ([], [])


@given(st.floats(5, 60), st.floats(0, 180))
def test_a_long_rectangle_is_dropped_below_the_minimum_width(width: float, angle: float) -> None:
    kept, dropped = without_ribbons([rotate(box(0, 0, width, 500), angle)], 30)
    assert len(kept) == (width > 30 + 1e-6) or abs(width - 30) < 1e-6
    assert len(kept) + len(dropped) == 1
