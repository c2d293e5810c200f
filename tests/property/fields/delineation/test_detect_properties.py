"""Fields found some rows at a time are those that are found in one piece."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from shapely import get_coordinates
from shapely.geometry import MultiPolygon, box

from tulip_ops.core.types import Area
from tulip_ops.fields.delineation.connected_components import components_touching_bottom, widened
from tulip_ops.fields.delineation.detect import detect, detect_rows, threads_that_fit
from tulip_ops.raster.grid import Grid
from tulip_ops.raster.probability import decode_probability
from tulip_ops.raster.projection import project

EVERYWHERE = [Area("everywhere", MultiPolygon([box(0, 45, 10, 60)]))]


def ground(height: int, width: int, seed: int) -> np.ndarray:
    """Fields side by side and across each other, with noise, speckle and what was not seen."""
    random = np.random.default_rng(seed)
    tulip = np.full((height, width), 0.05)
    for _ in range(random.integers(1, 9)):
        row, column = random.integers(0, height), random.integers(0, width)
        tall, wide = random.integers(3, 40, 2)
        tulip[row : row + tall, column : column + wide] = random.uniform(0.6, 1)
        tulip[row : row + tall, min(column + wide, width - 1)] = random.uniform(0.4, 0.8)
    tulip += random.normal(0, 0.02, tulip.shape)
    tulip[random.random(tulip.shape) < 0.01] = 0.9
    tulip[random.random(tulip.shape) < 0.01] = np.nan
    tulip = np.clip(np.rint(tulip * 250), 0, 250) / 250
    return np.stack([tulip, tulip * 0.5]).astype(np.float32)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 90), st.integers(1, 60), st.integers(1, 64), st.integers(0, 10_000))
def test_fields_do_not_depend_on_how_many_rows_are_taken_at_once(
    height: int, width: int, rows: int, seed: int
) -> None:
    probability = ground(height, width, seed)
    grid = Grid(32631, 600_000.0, 5_800_000.0, width, height)
    asked = {"threshold": 0.5, "in_flower": 0.4, "minimum_area": 1500.0, "noise": 0.01}

    whole = detect_rows(lambda r: probability[:, r], grid, EVERYWHERE, rows=height, **asked)
    parts = detect_rows(
        lambda r: probability[:, r], grid, EVERYWHERE, rows=rows, threads=2, **asked
    )

    assert parts == whole


@settings(max_examples=20, deadline=None)
@given(st.integers(30, 90), st.integers(30, 60), st.integers(0, 10_000))
def test_outlines_can_be_left_along_pixel_edges(height: int, width: int, seed: int) -> None:
    probability = ground(height, width, seed)
    grid = Grid(32631, 600_000.0, 5_800_000.0, width, height)
    asked = {"threshold": 0.5, "in_flower": 0.4, "minimum_area": 1500.0}

    traced = detect(probability, grid, EVERYWHERE, outlines="traced", **asked)

    assert len(traced) == len(detect(probability, grid, EVERYWHERE, **asked))
    for found in traced:
        corners = get_coordinates(project(found.geometry, 4326, grid.epsg)) / 10
        assert np.abs(corners - np.rint(corners)).max() < 1e-3


@given(arrays.arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_widened_pixels_are_those_within_one_of_a_present_one(present: np.ndarray) -> None:
    around = np.pad(present, 1)
    height, width = present.shape
    expected = [[around[y : y + 3, x : x + 3].any() for x in range(width)] for y in range(height)]

    np.testing.assert_array_equal(widened(present), expected)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 90), st.integers(1, 60), st.integers(0, 10_000))
def test_fields_in_stored_steps_are_those_in_what_they_stand_for(
    height: int, width: int, seed: int
) -> None:
    steps = np.nan_to_num(np.rint(ground(height, width, seed) * 250), nan=255).astype(np.uint8)
    probability = decode_probability(steps)
    grid = Grid(32631, 600_000.0, 5_800_000.0, width, height)
    asked = {"threshold": 0.5, "in_flower": 0.4, "minimum_area": 1500.0, "noise": 0.01, "rows": 40}

    decoded = detect_rows(lambda r: probability[:, r], grid, EVERYWHERE, **asked)
    stored = detect_rows(lambda r: steps[:, r], grid, EVERYWHERE, **asked)

    assert stored == decoded


@given(st.integers(0, 10_000), st.integers(1, 5))
def test_what_reaches_down_is_what_hangs_together_with_the_last_rows(seed: int, rows: int) -> None:
    random = np.random.default_rng(seed)
    present = random.random(random.integers(1, 25, 2)) < random.uniform(0.2, 0.7)

    flooded = present.copy()
    flooded[:-rows] = False
    while True:  # a flood by hand
        padded = np.pad(flooded, 1)
        height, width = present.shape
        wider = np.logical_or.reduce(
            [padded[y : y + height, x : x + width] for y in range(3) for x in range(3)]
        )
        if (flooded == (wider & present)).all():
            break
        flooded = wider & present

    np.testing.assert_array_equal(components_touching_bottom(present, rows), flooded)


@given(st.integers(1, 20_000), st.floats(0.1, 64), st.integers(1, 256))
def test_more_memory_never_means_fewer_threads(width: int, memory: float, threads: int) -> None:
    used = threads_that_fit(width, memory, threads)
    assert 1 <= used <= threads
    assert threads_that_fit(width, 2 * memory, threads) >= used
    assert threads_that_fit(2 * width, memory, threads) <= used


def test_a_whole_tile_is_not_worked_on_in_all_parts_at_once() -> None:
    assert [threads_that_fit(10_980, 2.0, threads) for threads in (1, 2, 64)] == [1, 2, 5]
    assert threads_that_fit(10_980, 0.5, 64) == 1
