"""Where probability reaches a threshold, asked of the bytes that stand for it."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from tulip_ops.raster.probability import ProbabilityRaster, decode_probability

EVERY = np.arange(256, dtype=np.uint8).reshape(16, 16)


@given(st.floats(-0.5, 1.5) | st.integers(0, 255).map(lambda n: n / 250))
@example(0.0)
@example(1.02)
@example(2.0)
def test_bytes_reach_a_threshold_where_what_they_stand_for_does(threshold: float) -> None:
    decoded = decode_probability(EVERY)

    expected = ProbabilityRaster(decoded).at_least(threshold)

    np.testing.assert_array_equal(expected, decoded >= threshold)
    ours = ProbabilityRaster(EVERY).at_least(threshold)
    np.testing.assert_array_equal(ours, expected)


@given(st.lists(st.integers(0, 255)))
def test_pixels_have_the_same_value_in_both_encodings(pixels: list[int]) -> None:
    chosen, decoded = np.array(pixels, dtype=np.int64), decode_probability(EVERY)
    values = ProbabilityRaster(EVERY).values(chosen)
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, decoded.ravel()[chosen])
    np.testing.assert_array_equal(ProbabilityRaster(decoded).values(chosen), values)
