import numpy as np
import pytest

from tulip_ops.core.errors import DeadBand
from tulip_ops.raster.dead_bands import BandRange

BANDS = ("red", "green", "blue")


def image(*constants: float | None) -> np.ndarray:
    """Three bands: a constant, or None for one that varies."""
    varying = np.linspace(0.05, 0.3, 20, dtype=np.float32).reshape(4, 5)
    return np.stack([varying if c is None else np.full_like(varying, c) for c in constants])


def check(*parts: np.ndarray) -> None:
    found = BandRange(BANDS)
    for part in parts:
        found.add(part)
    found.require_alive("S2A_31UFU_20260420_0_L2A")


@pytest.mark.parametrize("value", [0.0, 0.4])
def test_a_band_of_one_value_is_named(value):
    with pytest.raises(DeadBand, match=rf"S2A_31UFU_20260420_0_L2A .*{value:g} .* in green"):
        check(image(None, value, None))


def test_a_closed_sky_may_saturate_every_band():
    check(image(0.4, 0.4, 0.4))


def test_what_varies_between_parts_is_alive():
    check(image(None, 0.1, None), image(None, 0.2, None))


def test_pixels_that_were_not_measured_do_not_count():
    part = image(None, 0.0, None)
    part[:, :2] = np.nan
    with pytest.raises(DeadBand, match="green"):
        check(part)
    check(np.full_like(part, np.nan))
