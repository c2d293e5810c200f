"""Splitting a grid into requests: nothing is left out, nothing asked for twice."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tulip_ops.raster.grid import Grid
from tulip_ops.sources.sentinel_hub.requests import split

grids = st.builds(
    Grid,
    st.just(32631),
    st.integers(60000, 80000).map(lambda tens: 10.0 * tens),
    st.integers(580000, 590000).map(lambda tens: 10.0 * tens),
    st.integers(1, 400),
    st.integers(1, 400),
)


@given(grids, st.integers(20, 300))
def test_each_pixel_is_asked_for_once(grid: Grid, side: int) -> None:
    asked = np.zeros(grid.shape, dtype=int)
    for window in split(grid, side):
        assert max(window.shape) <= side
        assert (window.epsg, window.resolution) == (grid.epsg, grid.resolution)
        column = (window.left - grid.left) / grid.resolution
        row = (grid.top - window.top) / grid.resolution
        assert (column, row) == (round(column), round(row))
        rows = slice(round(row), round(row) + window.height)
        asked[rows, round(column) : round(column) + window.width] += 1
    assert (asked == 1).all()


@given(grids, st.integers(400, 2500))
def test_what_fits_is_one_request(grid: Grid, side: int) -> None:
    assert split(grid, side) == [grid]
