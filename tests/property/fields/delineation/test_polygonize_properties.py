"""Outlines by array operations, judged by those that GDAL traces."""

import numpy as np
import pytest
import shapely
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from rasterio.features import shapes
from shapely import affinity
from shapely.geometry import Point, Polygon, box, shape

from tulip_ops.fields.delineation.polygonize import polygonize, rasterize_coverage
from tulip_ops.raster.grid import Grid

sides = st.integers(1, 16)
letters = arrays.arrays(np.int8, st.tuples(sides, sides), elements=st.integers(0, 3))


def numbered(letters: np.ndarray) -> np.ndarray:
    """Every piece of a letter but 0 is a region of its own, as GDAL finds them."""
    labels = np.full(letters.shape, -1, np.int32)
    pieces = shapes(letters.astype(np.int16), mask=letters > 0, connectivity=4)
    for number, (piece, _) in enumerate(pieces):
        for row, column in np.ndindex(letters.shape):
            if shapely.contains_xy(shape(piece), column + 0.5, row + 0.5):
                labels[row, column] = number
    return labels


def by_gdal(labels: np.ndarray, grid: Grid) -> list[Polygon]:
    found = shapes(labels, mask=labels >= 0, connectivity=4, transform=grid.transform)
    return [shape(piece) for piece, _ in sorted(found, key=lambda pair: pair[1])]


def grid_of(array: np.ndarray) -> Grid:
    return Grid(32631, 600_000.0, 5_900_040.0, array.shape[1], array.shape[0])


@given(letters)
@example(np.kron(np.indices((5, 5)).sum(axis=0) % 2, np.ones((2, 2))).astype(np.int8))
@example(np.array([[1, 1, 1], [1, 0, 1], [1, 1, 0]], np.int8))
@example(np.array([[1, 1, 1, 1], [1, 0, 1, 1], [1, 1, 0, 1], [1, 1, 1, 1]], np.int8))
@example(np.zeros((3, 3), np.int8))
def test_outlines_are_those_that_gdal_traces(letters: np.ndarray) -> None:
    labels = numbered(letters)
    ours, theirs = polygonize(labels, grid_of(labels)), by_gdal(labels, grid_of(labels))

    assert len(ours) == len(theirs)
    for our, their in zip(ours, theirs, strict=True):
        assert our.is_valid
        assert our.normalize().wkb == their.normalize().wkb
    np.testing.assert_array_equal(rasterize_coverage(ours, grid_of(labels)), labels)


@given(letters, st.integers(0, 12), st.integers(0, 4))
def test_only_small_rings_are_left_out(letters: np.ndarray, least: int, hole: int) -> None:
    labels = numbered(letters)
    every = polygonize(labels, grid_of(labels))
    kept = polygonize(labels, grid_of(labels), smallest=least, smallest_hole=hole)

    large = [outline for outline in every if Polygon(outline.exterior).area >= least * 100]
    expected = [
        Polygon(o.exterior, [h for h in o.interiors if Polygon(h).area >= hole * 100])
        for o in large
    ]
    assert [o.normalize().wkb for o in kept] == [o.normalize().wkb for o in expected]


def test_a_region_in_pieces_is_refused() -> None:
    labels = np.array([[0, -1, 0]], np.int32)

    with pytest.raises(ValueError, match="region 0 is in pieces"):
        polygonize(labels, grid_of(labels))


@given(st.floats(0, 180), st.floats(20, 200), st.floats(20, 200), st.integers(0, 9))
def test_slanted_polygons_are_filled_where_pixel_centres_lie_in_them(
    angle: float, width: float, height: float, seed: int
) -> None:
    grid = Grid(32631, 600_000.0, 5_800_000.0, 50, 40)
    shift = np.random.default_rng(seed).uniform(-20, 20, 2)
    middle = (600_250 + shift[0], 5_799_800 + shift[1])
    shell = affinity.rotate(box(-width / 2, -height / 2, width / 2, height / 2), angle)
    polygon = affinity.translate(shell, *middle).difference(Point(middle).buffer(8))
    rows, columns = np.indices(grid.shape)
    centres = (600_005.0 + 10 * columns, 5_799_995.0 - 10 * rows)

    labels = rasterize_coverage([polygon], grid)

    inside = shapely.contains_xy(polygon, *centres)
    near = shapely.dwithin(polygon.boundary, shapely.points(*centres), 1e-6)
    assert ((labels == 0) == inside)[~near].all()
    assert set(np.unique(labels)) <= {-1, 0}
