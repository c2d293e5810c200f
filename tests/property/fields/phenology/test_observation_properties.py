import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from shapely.geometry import box

from tulip_ops.core.types import Verdict
from tulip_ops.fields.phenology.observation import (
    MIN_BLOOM_FRACTION,
    MIN_CLEAR_FRACTION,
    non_overlapping_groups,
    observe,
)

shapes = st.tuples(st.integers(1, 12), st.integers(1, 12))
probabilities = st.floats(0, 1, width=32) | st.just(float("nan"))


@settings(deadline=None)
@given(shapes, st.integers(0, 5), st.data())
def test_every_look_is_what_a_loop_over_the_pixels_says(shape, count, data):
    labels = data.draw(arrays.arrays(np.int32, shape, elements=st.integers(-1, count - 1)))
    tulip = data.draw(arrays.arrays(np.float32, shape, elements=probabilities))
    bloom = tulip * np.float32(0.8)
    looks = observe(labels, count, tulip, bloom, in_flower=0.5)
    assert len(looks) == count
    for index, look in enumerate(looks):
        pixels = tulip[labels == index]
        clear = np.isfinite(pixels)
        flowering = (bloom[labels == index][clear] >= 0.5).mean() if clear.any() else None
        assert look.clear_fraction == (clear.mean() if len(pixels) else 0)
        assert (look.bloom_fraction is None) == (flowering is None)
        if look.clear_fraction < MIN_CLEAR_FRACTION:
            assert look.verdict is Verdict.NOT_SEEN
        else:
            assert abs(look.bloom_fraction - flowering) < 1e-12
            assert (look.verdict is Verdict.BLOOM) == (look.bloom_fraction >= MIN_BLOOM_FRACTION)


corner = st.integers(0, 20)


@settings(deadline=None)
@given(st.lists(st.tuples(corner, corner, st.integers(1, 6), st.integers(1, 6)), max_size=20))
def test_layers_hold_every_field_once_and_no_overlap(rectangles):
    fields = [box(x, y, x + w, y + h) for x, y, w, h in rectangles]
    groups = non_overlapping_groups(fields)
    assert sorted(index for group in groups for index in group) == list(range(len(fields)))
    for group in groups:
        for one in group:
            for other in group:
                assert one >= other or fields[one].intersection(fields[other]).area == 0
