import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays

from tulip_ops.raster.grid import Grid
from tulip_ops.raster.rasterize import mask_to_polygons, polygons_to_labels


@given(arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=24)))
def test_burning_the_outlines_gives_the_raster_back(present: np.ndarray) -> None:
    grid = Grid(32631, 678730.0, 5848340.0, present.shape[1], present.shape[0])
    outlines = mask_to_polygons(present, grid)
    assert all(outline.is_valid for outline in outlines)
    assert sum(outline.area for outline in outlines) == pytest.approx(100 * present.sum())
    numbers = polygons_to_labels(outlines, grid)
    np.testing.assert_array_equal(numbers >= 0, present)
    assert set(np.unique(numbers[present])) == set(range(len(outlines)))
