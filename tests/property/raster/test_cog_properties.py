from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from tulip_ops.raster.cog import (
    probability_writer,
    read_probability,
    read_reflectance,
    write_reflectance,
)
from tulip_ops.raster.grid import Grid

SHARED_FOLDER = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def cubes(low: float, high: float) -> st.SearchStrategy[np.ndarray]:
    """(bands, height, width) float32 between bounds that float32 holds, NaN among them."""
    return arrays(
        np.float32,
        array_shapes(min_dims=3, max_dims=3, max_side=12),
        elements=st.floats(low, high, width=32) | st.just(np.nan),
    )


def grid_of(shape: tuple[int, ...]) -> Grid:
    return Grid(32631, 678730.0, 5848340.0, shape[-1], shape[-2])


@given(cubes(-0.0625, 6.453125))
@SHARED_FOLDER
def test_reflectance_survives_within_half_a_dn(tmp_path: Path, reflectance: np.ndarray) -> None:
    grid, path = grid_of(reflectance.shape), tmp_path / "r.tif"
    bands = tuple(f"band{number}" for number in range(len(reflectance)))
    write_reflectance(path, reflectance, grid, bands)
    values, read_bands, read_grid = read_reflectance(path)
    assert (read_bands, read_grid) == (bands, grid)
    np.testing.assert_allclose(values, reflectance, atol=0.5e-4 + 1e-6)


@given(cubes(0.0, 1.0))
@SHARED_FOLDER
def test_probability_survives_within_half_a_step(tmp_path: Path, probability: np.ndarray) -> None:
    grid, path = grid_of(probability.shape), tmp_path / "p.tif"
    with probability_writer(path, grid, [f"p{n}" for n in range(len(probability))]) as draft:
        draft.write(probability, 0, 0)
    values, read_grid = read_probability(path)
    assert read_grid == grid
    np.testing.assert_allclose(values, probability, atol=0.5 / 250 + 1e-6)
