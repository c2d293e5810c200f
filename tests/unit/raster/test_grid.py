import numpy as np
import pytest
from pyproj import Transformer
from shapely.geometry import MultiPolygon, Polygon, box

from tulip_ops.core.errors import BadArea, BadScene, NothingValid
from tulip_ops.raster.grid import Grid
from tulip_ops.raster.mgrs import tile_at, tile_grid, tiles_over
from tulip_ops.raster.projection import WGS84, geodesic_area, project


@pytest.mark.parametrize(
    ("tile", "epsg", "left", "top"),
    [
        ("31UFU", 32631, 600000, 5900040),
        ("32TQM", 32632, 699960, 4700040),
        ("10SEG", 32610, 499980, 4200000),
        ("33UUP", 32633, 300000, 5400000),
        ("32UPV", 32632, 600000, 5500020),
        ("36RUU", 32636, 300000, 3400020),
        ("56HLH", 32756, 300000, 6300040),
        ("53HPA", 32753, 600000, 6100000),
    ],
)
def test_tiles_lie_where_sentinel_2_puts_them(tile: str, epsg: int, left: int, top: int) -> None:
    assert tile_grid(tile) == Grid(epsg, left, top, 10980, 10980, 10.0)


@pytest.mark.parametrize(
    ("longitude", "latitude", "tile"),
    [
        (5.75, 52.7, "31UFU"),
        (151.2, -33.86, "56HLH"),
        (5.3, 60.4, "32VKN"),  # Bergen: zone 32 reaches west over Norway
        (15.6, 78.2, "33XWG"),  # Longyearbyen: zone 33 is 12 degrees wide there
        (-180.0, 0.5, "01NAA"),
        (180.0, -0.5, "01MAV"),
    ],
)
def test_places_lie_in_their_tile(longitude: float, latitude: float, tile: str) -> None:
    assert tile_at(longitude, latitude) == tile


@pytest.mark.parametrize("text", ["", "31UF", "31ufu", "61UFU", "31IFU", "31UZU", "32UAA"])
def test_what_names_no_square_is_refused(text: str) -> None:
    with pytest.raises(BadScene, match="31UFU"):
        tile_grid(text)


def test_the_poles_have_no_tile() -> None:
    with pytest.raises(BadScene, match=r"88\.0000"):
        tile_at(0, 88)


def test_a_window_covers_what_is_asked_and_no_more() -> None:
    grid = Grid(32631, 600000, 5900040, 100, 50)
    window = grid.window((600011, 5899960, 600029, 5900030))
    assert window == Grid(32631, 600010, 5900030, 2, 7)
    assert grid.window(window.bounds) == window
    assert grid.window((0, 0, 1e7, 1e7)) == grid


@pytest.mark.parametrize("bounds", [(0, 0, 1, 1), (601000, 5899540, 602000, 5900040)])
def test_a_window_elsewhere_is_refused(bounds: tuple[float, float, float, float]) -> None:
    with pytest.raises(NothingValid, match="outside the grid"):
        Grid(32631, 600000, 5900040, 100, 50).window(bounds)


def test_a_grid_has_pixels() -> None:
    with pytest.raises(ValueError, match="pixels"):
        Grid(32631, 0, 0, 0, 5)


def test_projection_keeps_longitude_first() -> None:
    x, y = Transformer.from_crs(4326, 32631, always_xy=True).transform(5.75, 52.7)
    square = box(5.75, 52.7, 5.76, 52.71)
    assert project(square, 4326, 32631).exterior.coords[1] != (x, y)
    assert (x, y) in list(project(square, 4326, 32631).exterior.coords)
    there_and_back = project(project(square, 4326, 28992), 28992, 4326)
    assert there_and_back.equals_exact(square, 1e-6)


def test_what_has_no_place_in_a_crs_is_refused() -> None:
    with pytest.raises(BadArea, match="EPSG:32631"):
        project(box(600000, 5800000, 600010, 5800010), 4326, 32631)


def test_area_is_of_the_ellipsoid_and_leaves_holes_out() -> None:
    outer = box(5.7, 52.7, 5.8, 52.8)
    inner = box(5.74, 52.74, 5.76, 52.76)
    whole, hole = geodesic_area(outer), geodesic_area(inner)
    ring = Polygon(outer.exterior, [inner.exterior])
    assert geodesic_area(ring) == pytest.approx(whole - hole, rel=1e-12)
    backwards = Polygon(outer.exterior.coords[::-1], [inner.exterior.coords])
    assert geodesic_area(backwards) == pytest.approx(whole - hole, rel=1e-12)
    apart = MultiPolygon([ring, inner])
    assert geodesic_area(apart) == pytest.approx(whole, rel=1e-12)
    # an equal-area projection of the same ellipsoid agrees
    laea = project(outer.segmentize(0.001), 4326, 3035).area
    assert whole == pytest.approx(laea, rel=2e-5)


def test_web_mercator_would_be_nearly_three_times_too_large() -> None:
    square = box(5.7, 52.7, 5.701, 52.701)
    assert project(square, 4326, 3857).area / geodesic_area(square) == pytest.approx(2.71, abs=0.02)
    assert np.isclose(project(square, 4326, 32631).area / geodesic_area(square), 1, atol=2e-3)


@pytest.mark.parametrize(
    ("width", "height", "most", "heights"),
    [
        (10980, 2000, 12_000_000, [1024, 976]),
        (100, 600, 100, [512, 88]),
        (100, 600, 10**6, [600]),
        (5, 512, 5 * 512, [512]),
    ],
)
def test_strips_are_the_grid_without_overlap(
    width: int, height: int, most: int, heights: list[int]
) -> None:
    grid = Grid(32631, 600000.0, 5900040.0, width, height)
    strips = list(grid.strips(most))
    assert [strip.height for strip in strips] == heights
    assert strips[0].top == grid.top
    assert [strip.bounds[1] for strip in strips[:-1]] == [strip.top for strip in strips[1:]]
    assert strips[-1].bounds[1] == grid.bounds[1]
    assert {(strip.left, strip.width, strip.epsg) for strip in strips} == {(600000.0, width, 32631)}


@pytest.mark.parametrize(
    ("ground", "tiles"),
    [
        (box(5.65, 52.65, 5.75, 52.7), {"31UFU"}),
        (box(5.9, 52.6, 6.1, 52.7), {"31UFU", "31UGU", "32ULD"}),
        (box(-70, -33.5, -69.9, -33.4), {"19HCC", "19HDC"}),
    ],
)
def test_the_tiles_over_a_place_are_found(ground: Polygon, tiles: set[str]) -> None:
    assert tiles <= set(tiles_over(ground))
    for tile in tiles_over(ground):
        grid = tile_grid(tile)
        assert project(box(*grid.bounds), grid.epsg, WGS84).intersects(ground)


def test_the_tile_of_every_corner_is_among_those_over_a_place() -> None:
    ground = box(4.5, 51.5, 6.8, 53.4)
    corners = {tile_at(x, y) for x in (4.5, 6.8) for y in (51.5, 53.4)}
    assert corners <= set(tiles_over(ground))
