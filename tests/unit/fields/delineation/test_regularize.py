from itertools import pairwise

import numpy as np
import pytest
import shapely
from shapely import affinity
from shapely.geometry import Point, Polygon, box

from tulip_ops.fields.delineation.regularize import regularize
from tulip_ops.raster import rasterize
from tulip_ops.raster.grid import Grid
from tulip_ops.raster.probability import ProbabilityRaster

GRID = Grid(32631, 600_000.0, 5_900_040.0, 120, 120)


def slanted(width: float, height: float, angle: float) -> Polygon:
    """A rectangle around the middle of GRID, off the pixel lattice."""
    field = affinity.rotate(box(-width / 2, -height / 2, width / 2, height / 2), angle)
    return affinity.translate(field, 600_603.0, 5_899_436.0)


def traced(*fields: Polygon) -> list[Polygon]:
    return rasterize.mask_to_polygons(rasterize.polygons_to_labels(fields, GRID) >= 0, GRID)


def straightened(outlines: list[Polygon], grid: Grid = GRID) -> list[Polygon]:
    """The outlines as they are where probability says nothing of where in a pixel they lie."""
    present = rasterize.polygons_to_labels(outlines, grid) >= 0
    tulip = ProbabilityRaster(present.astype(np.float32))
    return regularize(outlines, grid, tulip, threshold=0.5)


def shares(field: Polygon, fine: int = 5) -> np.ndarray:
    """Share of each pixel of GRID that a field covers."""
    finer = Grid(GRID.epsg, GRID.left, GRID.top, 120 * fine, 120 * fine, 10 / fine)
    covered = rasterize.polygons_to_labels([field], finer) >= 0
    return covered.reshape(120, fine, 120, fine).mean(axis=(1, 3)).astype(np.float32)


def angles(field: Polygon) -> np.ndarray:
    """Degrees by which the outline turns at each vertex, small ones left out."""
    side = np.diff(np.asarray(field.exterior.coords), axis=0)
    heading = np.arctan2(side[:, 1], side[:, 0])
    turn = np.degrees((np.roll(heading, -1) - heading + np.pi) % (2 * np.pi) - np.pi)
    return turn[np.abs(turn) > 10]


def pixels(rows: list[str]) -> list[Polygon]:
    """Outlines of the equal letters in `rows`, at 10 m; dots are ground."""
    letters = np.array([list(row) for row in rows])
    grid = Grid(32631, 600_000.0, 5_900_040.0, letters.shape[1], letters.shape[0])
    present = [
        rasterize.mask_to_polygons(letters == letter, grid)
        for letter in sorted({*letters.flat} - {"."})
    ]
    return [outline for outlines in present for outline in outlines]


def unevenness(polygon: Polygon, truth: Polygon) -> float:
    """Metres that the border scatters about straight lines along the sides of a rectangle."""
    border = polygon.exterior
    steps = shapely.line_interpolate_point(border, np.arange(0, border.length))
    points = shapely.get_coordinates(steps)
    scatter = []
    corners = np.asarray(truth.exterior.coords)
    for start, end in pairwise(corners):
        length = np.hypot(*(end - start))
        x, y = (end - start) / length
        along, off = (points - start) @ (x, y), (points - start) @ (-y, x)
        side = (along > 25) & (along < length - 25) & (np.abs(off) < 20)
        line = np.polynomial.Polynomial.fit(along[side], off[side], 1)
        scatter.append((off[side] - line(along[side])).std())
    return max(scatter)


@pytest.mark.parametrize("angle", [0, 3, 7, 18, 30, 45, 61, 88])
def test_a_rectangle_at_any_angle_is_one_again(angle):
    truth = slanted(210.0, 640.0, angle)
    (outline,) = traced(truth)
    (field,) = straightened([outline])
    assert field.area == pytest.approx(outline.area, rel=0.01)
    assert shapely.hausdorff_distance(field.boundary, truth.boundary, densify=0.02) < 10
    overlap = field.intersection(truth).area / field.union(truth).area
    assert overlap >= outline.intersection(truth).area / outline.union(truth).area
    assert unevenness(field, truth) <= 0.4 * unevenness(outline, truth) + 1e-9
    assert np.abs(angles(field)) == pytest.approx([90] * 4, abs=10)


@pytest.mark.parametrize("angle", [3, 18, 45])
def test_probability_places_edges_within_pixels(angle):
    truth = slanted(210.0, 640.0, angle)
    covered = shares(truth)
    (outline,) = rasterize.mask_to_polygons(covered >= 0.5, GRID)
    (field,) = regularize([outline], GRID, ProbabilityRaster(covered), threshold=0.5)
    assert field.intersection(truth).area / field.union(truth).area > 0.985
    assert shapely.hausdorff_distance(field.boundary, truth.boundary, densify=0.02) < 7


def test_a_bend_stays_a_bend():
    """A field along a dyke of 600 to 900 m radius."""
    dyke = Point(600_000, 5_899_000).buffer(900, 64) - Point(600_000, 5_899_000).buffer(600, 64)
    truth = dyke & box(600_300, 5_899_000, 601_150, 5_900_000)
    (outline,) = traced(truth)
    (field,) = straightened([outline])
    assert shapely.hausdorff_distance(field.boundary, truth.boundary, densify=0.01) < 13
    assert field.area == pytest.approx(truth.area, rel=0.01)
    assert len(field.exterior.coords) < 0.3 * len(outline.exterior.coords)


def test_an_l_keeps_its_inner_corner():
    truth = affinity.rotate(slanted(400, 400, 0) - box(600_603, 5_899_436, 601_000, 5_900_000), 20)
    (field,) = straightened(traced(truth))
    assert len(angles(field)) == 6
    assert shapely.hausdorff_distance(field.boundary, truth.boundary, densify=0.02) < 12


def test_a_rectangle_along_the_pixels_is_kept_as_it_is():
    outline = box(600_100, 5_899_000, 600_300, 5_899_500)
    (field,) = straightened([outline])
    assert field.equals(outline)
    assert len(field.exterior.coords) == 5


def test_holes_are_kept():
    outline = box(600_000, 5_899_000, 600_400, 5_899_400)
    yard = box(600_100, 5_899_100, 600_150, 5_899_150)
    (field,) = straightened([outline - yard])
    assert field.equals(outline - yard)


def test_neighbours_keep_sharing_their_border():
    outlines = pixels(
        [
            "aaaaaaaabbbb",
            "aaaaaaaabbbb",
            "aaaaaaabbbbb",
            "aaaaaabbbbbb",
            "aaaaaabbbbbb",
            "aaaaabbbbbbb",
            "aaaaabbbbccc",
            "aaaaccccccc.",
            "aaaaccccccc.",
            "aaaacccccc..",
        ]
    )
    fields = straightened(outlines)
    assert len(fields) == 3
    assert shapely.coverage_is_valid(fields)
    assert all(
        one.boundary.intersection(other.boundary).length > 20
        for one, other in zip(fields, fields[1:] + fields[:1], strict=True)
    )
    gaps = shapely.union_all(fields).area - sum(field.area for field in fields)
    assert gaps == pytest.approx(0, abs=1e-6)


def test_nothing_in_nothing_out():
    assert straightened([]) == []


def test_a_single_pixel_stays():
    (field,) = straightened([box(600_100, 5_899_000, 600_110, 5_899_010)])
    assert field.equals(box(600_100, 5_899_000, 600_110, 5_899_010))
