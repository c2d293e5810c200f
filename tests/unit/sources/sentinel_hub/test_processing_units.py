"""The examples that the services themselves publish, and what our requests come to."""

import pytest

from tulip_ops.sources.sentinel_hub import processing_units


def test_one_unit_is_512_pixels_a_side_of_three_bands() -> None:
    assert processing_units.of_image(512, 512, 3) == 1.0


def test_the_published_examples() -> None:
    """NDVI of a parcel; two slices of four bands as floats (there twice that: orthorectified)."""
    assert processing_units.of_image(20, 20, 2) == pytest.approx(0.00667, abs=1e-5)
    assert processing_units.of_image(1024, 1024, 4, samples=2, float32=True) == pytest.approx(
        42.667 / 2, 1e-4
    )


def test_the_least_that_an_image_costs() -> None:
    assert processing_units.of_image(1, 1, 1) == 0.005


def test_a_whole_tile_of_ten_bands() -> None:
    assert processing_units.of_image(10980, 10980, 10) == pytest.approx(1533, abs=1)


@pytest.mark.parametrize(
    ("km2", "days", "expected"),
    [
        (100, 1, 0.01),
        (1e6, 30, 1.0),
        (5e4, 30, 0.05),
        (5e4, 31, 0.1),
        (5e4, 0, 0.05),
        (1e8, 365, 1.0),
    ],
)
def test_a_search_costs_by_area_and_months_begun(km2: float, days: int, expected: float) -> None:
    assert processing_units.of_search(km2, days) == pytest.approx(expected)
