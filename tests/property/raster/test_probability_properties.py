"""Where probability reaches a threshold, asked of the bytes that stand for it."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from tulip_ops.raster.probability import as_it_is, decode_probability, reached

EVERY = np.arange(256, dtype=np.uint8).reshape(16, 16)


@given(st.floats(-0.5, 1.5) | st.integers(0, 255).map(lambda n: n / 250))
@example(0.0)
@example(1.02)
@example(2.0)
def test_bytes_reach_a_threshold_where_what_they_stand_for_does(threshold: float) -> None:
    decoded = decode_probability(EVERY)

    expected = reached(decoded, threshold, as_it_is)

    np.testing.assert_array_equal(expected, decoded >= threshold)
    ours = reached(EVERY, threshold, decode_probability)
    np.testing.assert_array_equal(ours, expected)
