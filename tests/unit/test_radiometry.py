import numpy as np
import pytest

from tulip_ops.errors import OffsetContradiction
from tulip_ops.radiometry import check_offset, decode, encode, true_color_scale

FIELD_DN = {"blue": 480, "green": 760, "red": 680, "nir": 3400}
"""Reflectance of Dutch tulip parcels, x 1e4."""


def scene(added: int, offset: float) -> np.ndarray:
    """(4, 50, 50) reflectance as read, of a field whose pixels carry `added`."""
    noise = np.random.default_rng(1).normal(0, 60, (4, 50, 50))
    dn = np.array(list(FIELD_DN.values()))[:, None, None] + noise + added
    return (dn * 1e-4 + offset).astype(np.float32)


def check(reflectance: np.ndarray, *, scale: float = 1e-4, offset: float = -0.1) -> None:
    check_offset(reflectance, tuple(FIELD_DN), scale=scale, offset=offset, name="S2A_X")


def test_pixels_that_carry_the_declared_offset_pass() -> None:
    check(scene(1000, -0.1))
    check(scene(0, 0.0), offset=0.0)


def test_pixels_without_the_declared_offset_are_refused() -> None:
    with pytest.raises(
        OffsetContradiction, match=r"S2A_X declares .* 1\d\d?% of 7500|9\d% of 7500 valid DN"
    ):
        check(scene(0, -0.1))


def test_few_dark_pixels_are_no_contradiction() -> None:
    reflectance = scene(1000, -0.1)
    reflectance[:3, :5] = -0.01
    check(reflectance)


def test_nothing_measured_is_no_contradiction() -> None:
    check(np.full((4, 3, 3), np.nan, dtype=np.float32))


def test_only_sentinel_2_numbers_are_judged() -> None:
    check(scene(0, -0.1), scale=1.0)


def test_what_was_not_measured_stays_so() -> None:
    reflectance = np.array([np.nan, -0.2, 0.0, 1.0, 9.0], dtype=np.float32)
    assert encode(reflectance).tolist() == [0, 1, 1000, 11000, 65535]
    np.testing.assert_allclose(
        decode(encode(reflectance)), [np.nan, -0.0999, 0.0, 1.0, 6.4535], atol=1e-6
    )


def test_the_brightest_step_of_a_rendering_is_the_stretch() -> None:
    assert 255 * true_color_scale(2.5) == pytest.approx(0.4)
