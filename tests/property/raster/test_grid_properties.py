from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Point

from tulip_ops.raster.grid import Grid
from tulip_ops.raster.mgrs import tile_at, tile_grid
from tulip_ops.raster.projection import project

PARENT = Grid(32631, 600000.0, 5900040.0, 10980, 10980)


@given(
    st.floats(-5000, 104000),
    st.floats(-5000, 104000),
    st.floats(0.01, 60000),
    st.floats(0.01, 60000),
)
def test_a_window_is_the_smallest_part_of_its_parent_that_covers(
    east: float, south: float, width: float, height: float
) -> None:
    left, top = PARENT.left + east, PARENT.top - south
    asked = (left, top - height, left + width, top)
    shared = (
        max(asked[0], PARENT.bounds[0]),
        max(asked[1], PARENT.bounds[1]),
        min(asked[2], PARENT.bounds[2]),
        min(asked[3], PARENT.bounds[3]),
    )
    if shared[2] - shared[0] < 0.001 or shared[3] - shared[1] < 0.001:
        return
    window = PARENT.window(asked)
    column, row = ~PARENT.transform @ (window.left, window.top)
    assert column == int(column)
    assert row == int(row)
    assert 0 <= column <= PARENT.width - window.width
    assert 0 <= row <= PARENT.height - window.height
    slack = 1e-4
    got = window.bounds
    assert got[0] <= shared[0] + slack
    assert got[1] <= shared[1] + slack
    assert got[2] >= shared[2] - slack
    assert got[3] >= shared[3] - slack
    assert got[0] > shared[0] - 10 - slack
    assert got[1] > shared[1] - 10 - slack
    assert got[2] < shared[2] + 10 + slack
    assert got[3] < shared[3] + 10 + slack


@given(st.floats(-180, 180), st.floats(-79.9, 83.9))
def test_a_place_lies_in_the_square_of_its_tile(longitude: float, latitude: float) -> None:
    tile = tile_at(longitude, latitude)
    grid = tile_grid(tile)
    place = project(Point(longitude, latitude), 4326, grid.epsg)
    # the square is the tile without its overlap, after the corner moved outward by < 60 m
    assert grid.left <= place.x <= grid.left + 100_060
    assert grid.top - 100_060 <= place.y <= grid.top
    assert grid.epsg % 100 == int(tile[:2])
    if abs(latitude) > 1e-9:
        assert (grid.epsg > 32700) == (latitude < 0)
