from unittest import mock

import numpy as np
import shapely
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from shapely import affinity
from shapely.geometry import box

from tulip_ops.fields.delineation import simplify as simplifying
from tulip_ops.fields.delineation.simplify import simplify
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


@settings(deadline=None)
@given(rasters_of_letters, st.sampled_from([0.0, 300.0, 3000.0]))
@example(CHECKERBOARD.astype(np.int8), 0.0)
@example(np.kron(CHECKERBOARD, np.ones((3, 3))).astype(np.int8), 300.0)
@example(np.ones((9, 9), np.int8), 3000.0)
def test_simplification_leaves_a_valid_coverage(letters, minimum_area):
    grid = grid_of(letters)
    outlines = [o for n in (1, 2, 3) for o in rasterize.mask_to_polygons(letters == n, grid)]
    fields = simplify(outlines, resolution=10, minimum_area=minimum_area)
    assert all(field.is_valid and field.area > 0 for field in fields)
    assert shapely.coverage_is_valid(fields)
    assert len(fields) <= len(outlines)
    on_earth = [project(field, grid.epsg, 4326) for field in fields]
    assert all(field.is_valid for field in on_earth)


@settings(deadline=None)
@given(rasters_of_letters, st.sampled_from([0.0, 300.0]))
@example(np.tri(24, dtype=np.int8), 0.0)
@example(np.tri(24, dtype=np.int8) + 1, 0.0)
@example((np.indices((24, 24)).sum(axis=0) // 7 % 4).astype(np.int8), 0.0)
def test_points_on_straight_slopes_change_nothing(letters, minimum_area):
    grid = grid_of(letters)
    outlines = [o for n in (1, 2, 3) for o in rasterize.mask_to_polygons(letters == n, grid)]
    fields = simplify(outlines, resolution=10, minimum_area=minimum_area)
    with mock.patch.object(simplifying, "_turns", lambda points, _: np.ones(len(points), bool)):
        with_all = simplify(outlines, resolution=10, minimum_area=minimum_area)
    assert shapely.to_wkb(fields).tolist() == shapely.to_wkb(with_all).tolist()


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
    (outline,) = rasterize.mask_to_polygons(rasterize.polygons_to_labels([truth], grid) >= 0, grid)
    (field,) = simplify([outline], resolution=10, minimum_area=3000)
    assert abs(field.area / outline.area - 1) < 0.015


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
