import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from tulip_ops.raster.reflectance import decode, encode

REFLECTANCE = arrays(
    np.float32,
    array_shapes(max_dims=3),
    elements=st.floats(float(np.float32(-0.0998)), 6.453125, width=32) | st.just(np.nan),
)


@given(REFLECTANCE)
def test_storing_reflectance_loses_at_most_half_a_dn(reflectance: np.ndarray) -> None:
    np.testing.assert_allclose(decode(encode(reflectance)), reflectance, atol=0.5e-4 + 1e-6)


@given(arrays(np.uint16, array_shapes(max_dims=3)))
def test_every_dn_survives(dn: np.ndarray) -> None:
    np.testing.assert_array_equal(encode(decode(dn)), dn)
