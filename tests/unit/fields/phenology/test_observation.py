import numpy as np
import pytest
from shapely.geometry import box

from tulip_ops.core.types import Verdict
from tulip_ops.fields.phenology.observation import (
    MIN_BLOOM_FRACTION,
    non_overlapping_groups,
    observe,
    share_inside,
)
from tulip_ops.raster.grid import Grid

LABELS = np.zeros((10, 10), dtype=np.int32)


def a_look(clear: int, in_flower: int, inside: float | None = None):
    """At a field of 100 pixels, so many of them clear and in flower."""
    tulip = np.full(100, np.nan, dtype=np.float32)
    tulip[:clear] = 0.9
    bloom = np.where(np.isfinite(tulip), 0.49, np.nan).astype(np.float32)
    bloom[:in_flower] = 0.5
    share = None if inside is None else np.array([inside])
    (look,) = observe(
        LABELS, 1, tulip.reshape(10, 10), bloom.reshape(10, 10), in_flower=0.5, inside=share
    )
    return look


def test_a_few_strips_in_flower_are_a_field_in_bloom():
    assert a_look(100, 5).verdict is Verdict.BLOOM
    assert a_look(100, 5).bloom_fraction == pytest.approx(MIN_BLOOM_FRACTION)
    assert a_look(100, 4).verdict is Verdict.NO_BLOOM


def test_half_of_the_field_must_be_clear():
    assert a_look(50, 50).verdict is Verdict.BLOOM
    assert a_look(49, 49).verdict is Verdict.NOT_SEEN
    assert a_look(49, 49).clear_fraction == pytest.approx(0.49)
    assert a_look(49, 49).bloom_fraction == 1


def test_nothing_clear_says_nothing():
    look = a_look(0, 0)
    assert look.verdict is Verdict.NOT_SEEN
    assert look.clear_fraction == 0
    assert look.tulip_probability is None
    assert look.bloom_fraction is None


def test_ground_beyond_the_raster_is_not_clear():
    assert a_look(80, 10, inside=0.6).verdict is Verdict.NOT_SEEN
    assert a_look(80, 10, inside=0.6).clear_fraction == pytest.approx(0.48)


def test_each_field_has_its_own_pixels_and_one_without_is_not_seen():
    labels = np.array([[0, 0, 2, 2, -1]], dtype=np.int32)
    tulip = np.array([[0.2, 0.4, 0.8, np.nan, 1.0]], dtype=np.float32)
    bloom = np.array([[0.1, 0.2, 0.7, np.nan, 1.0]], dtype=np.float32)
    first, nowhere, last = observe(labels, 3, tulip, bloom, in_flower=0.5)
    assert (first.verdict, first.clear_fraction) == (Verdict.NO_BLOOM, 1)
    assert first.tulip_probability == pytest.approx(0.3)
    assert nowhere.verdict is Verdict.NOT_SEEN
    assert nowhere.tulip_probability is None
    assert (last.verdict, last.clear_fraction, last.bloom_fraction) == (Verdict.BLOOM, 0.5, 1)


def test_no_fields_no_looks():
    nothing = np.full((2, 2), np.nan, dtype=np.float32)
    assert observe(np.full((2, 2), -1, dtype=np.int32), 0, nothing, nothing, in_flower=0.5) == []
    assert non_overlapping_groups([]) == []


def test_share_on_the_grid():
    grid = Grid(32631, 0.0, 100.0, 10, 10)
    fields = [box(10, 10, 20, 20), box(-10, 0, 10, 10), box(200, 0, 210, 10)]
    assert share_inside(fields, grid).tolist() == pytest.approx([1, 0.5, 0])


def test_overlapping_fields_lie_in_different_layers():
    fields = [box(0, 0, 2, 2), box(1, 1, 3, 3), box(2, 0, 4, 1), box(2.5, 2.5, 4, 4)]
    assert non_overlapping_groups(fields) == [[0, 2, 3], [1]]
