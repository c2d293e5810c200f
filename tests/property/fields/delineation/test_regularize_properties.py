from itertools import combinations

import numpy as np
import shapely
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from shapely import affinity
from shapely.geometry import Polygon, box
from shapely.geometry.base import BaseGeometry

from tulip_ops.fields.delineation.corners import REACH as MOVED
from tulip_ops.fields.delineation.regularize import LARGEST_CHANGE, LARGEST_SHIFT, regularize
from tulip_ops.fields.delineation.zonal_stats import in_reading_order, zonal_detections
from tulip_ops.raster import rasterize
from tulip_ops.raster.grid import Grid
from tulip_ops.raster.probability import ProbabilityRaster
from tulip_ops.raster.projection import project

sides = st.integers(1, 24)
rasters_of_booleans = arrays.arrays(bool, st.tuples(sides, sides))
rasters_of_letters = arrays.arrays(np.int8, st.tuples(sides, sides), elements=st.integers(0, 3))
CHECKERBOARD = np.indices((9, 9)).sum(axis=0) % 2 == 0


def grid_of(array: np.ndarray) -> Grid:
    return Grid(32631, 600_000.0, 5_900_040.0, array.shape[1], array.shape[0])


@settings(deadline=None)
@given(rasters_of_booleans)
@example(np.zeros((5, 5), bool))
@example(np.ones((5, 5), bool))
@example(CHECKERBOARD)
def test_tracing_and_burning_gives_the_raster_back(present):
    outlines = rasterize.mask_to_polygons(present, grid_of(present))
    assert ((rasterize.polygons_to_labels(outlines, grid_of(present)) >= 0) == present).all()
    assert shapely.coverage_is_valid(outlines)


def regular(outlines: list[Polygon], tulip: np.ndarray) -> list[Polygon]:
    return regularize(outlines, grid_of(tulip), ProbabilityRaster(tulip), threshold=0.5)


def outlines_of(letters: np.ndarray) -> list[Polygon]:
    grid = grid_of(letters)
    return [o for n in (1, 2, 3) for o in rasterize.mask_to_polygons(letters == n, grid)]


def soft(letters: np.ndarray, seed: int) -> np.ndarray:
    """Probability of at least 0.5 where there is a letter, less elsewhere, some not seen."""
    random = np.random.default_rng(seed)
    tulip = random.uniform(0, 0.499, letters.shape) + 0.5 * (letters > 0)
    tulip[random.random(letters.shape) < 0.05] = np.nan
    return tulip.astype(np.float32)


@settings(deadline=None)
@given(rasters_of_letters, st.integers(0, 99))
@example(CHECKERBOARD.astype(np.int8), 0)
@example(np.kron(CHECKERBOARD, np.ones((3, 3))).astype(np.int8), 0)
@example(np.ones((9, 9), np.int8), 0)
@example(np.tri(24, dtype=np.int8) + 1, 0)
@example((np.indices((24, 24)).sum(axis=0) // 7 % 4).astype(np.int8), 0)
def test_regular_outlines_are_a_valid_coverage(letters, seed):
    assume(letters.any())
    outlines = outlines_of(letters)
    fields = regular(outlines, soft(letters, seed))
    assert len(fields) == len(outlines)
    assert all(field.is_valid and field.area > 0 for field in fields)
    assert shapely.coverage_is_valid(fields)
    assert box(*grid_of(letters).bounds).buffer(1e-9).covers(shapely.union_all(fields))
    on_earth = [project(field, grid_of(letters).epsg, 4326) for field in fields]
    assert all(field.is_valid for field in on_earth)


@settings(deadline=None)
@given(rasters_of_letters, st.integers(0, 99))
def test_neighbours_share_the_borders_that_they_shared(letters, seed):
    """No gaps: what all fields cover has no more holes and pieces than before."""
    outlines = outlines_of(letters)
    fields = regular(outlines, soft(letters, seed))
    together, before = shapely.union_all(fields), shapely.union_all(outlines)
    assert abs(together.area - sum(field.area for field in fields)) < 1e-6 * max(together.area, 1)
    assert len(shapely.get_parts(together)) >= len(shapely.get_parts(before))
    assert holes(together) <= holes(before)
    for one, other in pairs(outlines):
        if outlines[one].boundary.intersection(outlines[other].boundary).length > 0:
            assert fields[one].boundary.intersection(fields[other].boundary).length > 0


def holes(shape: BaseGeometry) -> int:
    return sum(len(part.interiors) for part in shapely.get_parts(shape))


def pairs(outlines: list[Polygon]) -> list[tuple[int, int]]:
    return list(combinations(range(len(outlines)), 2))


@settings(deadline=None)
@given(rasters_of_letters, st.integers(0, 99))
def test_areas_holes_and_borders_stay_about_where_they_were(letters, seed):
    outlines = outlines_of(letters)
    for outline, field in zip(outlines, regular(outlines, soft(letters, seed)), strict=True):
        allowed = max(LARGEST_CHANGE * outline.area, 10 * LARGEST_SHIFT * outline.length)
        assert abs(field.area - outline.area) <= allowed + 1e-6
        assert len(field.interiors) == len(outline.interiors)
        assert outline.boundary.buffer(10 * MOVED).covers(field.boundary)


@settings(deadline=None)
@given(rasters_of_letters, st.integers(0, 99), st.randoms(use_true_random=False))
def test_neither_order_nor_place_matters(letters, seed, random):
    outlines, tulip = outlines_of(letters), soft(letters, seed)
    fields = regular(outlines, tulip)
    order = random.sample(range(len(outlines)), len(outlines))
    again = regular([outlines[number] for number in order], tulip)
    assert [one.normalize() for one in again] == [fields[n].normalize() for n in order]
    below = Grid(32631, 600_000.0, 5_900_040.0 + 50, letters.shape[1], letters.shape[0] + 5)
    above = ProbabilityRaster(np.pad(tulip, ((5, 0), (0, 0)), constant_values=0))
    if (letters[0] == 0).all():  # outlines at the edge of a raster stay within it
        moved = regularize(outlines, below, above, threshold=0.5)
        assert [one.normalize() for one in moved] == [one.normalize() for one in fields]


@settings(deadline=None)
@given(
    st.floats(90, 280),
    st.floats(200, 400),
    st.floats(0, 180),
    st.tuples(st.floats(0, 10), st.floats(0, 10)),
)
def test_a_field_keeps_its_area(width, height, angle, shift):
    grid = Grid(32631, 0.0, 600.0, 60, 60)
    truth = affinity.rotate(box(-width / 2, -height / 2, width / 2, height / 2), angle)
    truth = affinity.translate(truth, 300 + shift[0], 300 + shift[1])
    present = rasterize.polygons_to_labels([truth], grid) >= 0
    (outline,) = rasterize.mask_to_polygons(present, grid)
    tulip = ProbabilityRaster(present.astype(np.float32))
    (field,) = regularize([outline], grid, tulip, threshold=0.5)
    assert abs(field.area / outline.area - 1) < 0.02


@settings(deadline=None)
@given(rasters_of_booleans, st.data())
def test_figures_are_those_of_the_pixels_under_each_polygon(present, data):
    grid = grid_of(present)
    values = st.floats(0, 1, width=32) | st.just(float("nan"))
    tulip = data.draw(arrays.arrays(np.float32, present.shape, elements=values))
    bloom = tulip * np.float32(0.7)
    outlines = rasterize.mask_to_polygons(present, grid)
    labels = rasterize.polygons_to_labels(outlines, grid)
    probability = ProbabilityRaster(tulip), ProbabilityRaster(bloom)
    detections = in_reading_order(
        zonal_detections(outlines, labels, *probability, grid, in_flower=0.5)
    )
    assert [detection.ordinal for detection in detections] == list(range(len(detections)))
    found = {detection.geometry.wkb: detection for detection in detections}
    for index, outline in enumerate(outlines):
        seen = tulip[labels == index]
        seen = seen[np.isfinite(seen)].astype(np.float64)
        detection = found.pop(project(outline, grid.epsg, 4326).wkb, None)
        assert (detection is None) == (len(seen) == 0)
        if detection is not None:
            assert abs(detection.tulip_probability - seen.mean()) < 1e-9
            assert abs(detection.tulip_probability_std - seen.std()) < 1e-9
            in_flower = (seen.astype(np.float32) * np.float32(0.7) >= 0.5).mean()
            assert (
                detection.bloom_fraction == in_flower
                or abs(detection.bloom_fraction - in_flower) < 1e-9
            )
    assert not found
