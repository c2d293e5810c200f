"""What holds of processing units whatever is asked."""

from hypothesis import given
from hypothesis import strategies as st

from tulip_ops.raster.grid import Grid
from tulip_ops.sources.sentinel_hub import processing_units
from tulip_ops.sources.sentinel_hub.requests import split

sides = st.integers(1, 12_000)
bands = st.integers(1, 13)


@given(sides, sides, bands, st.integers(1, 5), st.booleans())
def test_units_grow_with_everything_that_is_asked(
    width: int, height: int, count: int, samples: int, float32: bool
) -> None:
    price = processing_units.of_image(width, height, count, samples, float32=float32)
    assert price >= 0.005
    assert processing_units.of_image(width + 1, height, count, samples, float32=float32) >= price
    assert processing_units.of_image(width, height, count + 1, samples, float32=float32) >= price
    assert processing_units.of_image(width, height, count, samples + 1, float32=float32) >= price
    assert processing_units.of_image(height, width, count, samples, float32=float32) == price
    if not float32:
        assert processing_units.of_image(width, height, count, samples, float32=True) >= price


@given(st.integers(1, 6000), st.integers(1, 6000), bands, st.sampled_from([256, 1000, 2500]))
def test_splitting_costs_nothing_but_for_slivers(
    width: int, height: int, count: int, side: int
) -> None:
    """A window never costs less than a hundredth of 512 x 512 pixels."""
    windows = split(Grid(32631, 600000.0, 5900040.0, width, height), side)
    together = sum(processing_units.of_image(part.width, part.height, count) for part in windows)
    whole = processing_units.of_image(width, height, count)
    assert together >= whole - 1e-9
    least = max(0.005, 0.01 * count / 3)
    slivers = [p for p in windows if p.width * p.height / 512**2 * count / 3 < least]
    assert together <= whole + len(slivers) * least + 1e-9


@given(st.floats(0, 1e9), st.integers(0, 5000))
def test_a_search_costs_between_a_hundredth_and_one(km2: float, days: int) -> None:
    price = processing_units.of_search(km2, days)
    assert 0.01 <= price <= 1
    assert processing_units.of_search(km2, days + 30) >= price
    assert processing_units.of_search(km2 * 2, days) >= price
