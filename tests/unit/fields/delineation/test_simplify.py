from itertools import pairwise

import numpy as np
import pytest
import shapely
from shapely import affinity
from shapely.geometry import Polygon, box

from tulip_ops.fields.delineation.simplify import simplify
from tulip_ops.raster import rasterize
from tulip_ops.raster.grid import Grid

GRID = Grid(32631, 600_000.0, 5_900_040.0, 120, 120)


def slanted(width: float, height: float, angle: float) -> Polygon:
    """A rectangle around the middle of GRID, off the pixel lattice."""
    field = affinity.rotate(box(-width / 2, -height / 2, width / 2, height / 2), angle)
    return affinity.translate(field, 600_603.0, 5_899_436.0)


def traced(*fields: Polygon) -> list[Polygon]:
    return rasterize.mask_to_polygons(rasterize.polygons_to_labels(fields, GRID) >= 0, GRID)


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
def test_a_rectangle_at_any_angle_loses_its_stairs_and_keeps_its_area(angle):
    truth = slanted(210.0, 640.0, angle)
    (outline,) = traced(truth)
    (field,) = simplify([outline], resolution=10, minimum_area=3000)
    assert field.area == pytest.approx(outline.area, rel=0.01)
    assert shapely.hausdorff_distance(field.boundary, truth.boundary, densify=0.02) < 12
    overlap = field.intersection(truth).area / field.union(truth).area
    assert overlap >= outline.intersection(truth).area / outline.union(truth).area
    assert unevenness(field, truth) <= 0.8 * unevenness(outline, truth) + 1e-9
    assert len(field.exterior.coords) <= max(17, 0.7 * len(outline.exterior.coords))


def test_a_rectangle_along_the_pixels_is_kept_as_it_is():
    outline = box(600_100, 5_899_000, 600_300, 5_899_500)
    (field,) = simplify([outline], resolution=10, minimum_area=3000)
    assert field.equals(outline)
    assert len(field.exterior.coords) == 5


def test_holes_are_kept_and_tiny_ones_filled():
    outline = box(600_000, 5_899_000, 600_400, 5_899_400)
    yard = box(600_100, 5_899_100, 600_150, 5_899_150)
    speck = box(600_300, 5_899_300, 600_320, 5_899_320)
    (field,) = simplify([outline - yard - speck], resolution=10, minimum_area=3000)
    assert field.equals(outline - yard)


def test_small_pieces_and_slivers_are_left_out():
    large = box(600_000, 5_899_000, 600_200, 5_899_200)
    small = box(600_300, 5_899_000, 600_350, 5_899_050)
    sliver = box(600_400, 5_898_000, 600_410, 5_899_000)
    fields = simplify([small, large, sliver], resolution=10, minimum_area=3000)
    assert [field.equals(large) for field in fields] == [True]


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
    fields = simplify(outlines, resolution=10, minimum_area=500)
    assert len(fields) == 3
    assert shapely.coverage_is_valid(fields)
    assert all(
        one.boundary.intersection(other.boundary).length > 20
        for one, other in zip(fields, fields[1:] + fields[:1], strict=True)
    )
    gaps = shapely.union_all(fields).area - sum(field.area for field in fields)
    assert gaps == pytest.approx(0, abs=1e-6)


def test_nothing_in_nothing_out():
    assert simplify([], resolution=10, minimum_area=3000) == []
    assert simplify([box(0, 0, 10, 10)], resolution=10, minimum_area=3000) == []
