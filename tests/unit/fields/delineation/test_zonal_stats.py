import numpy as np
import pytest
from shapely.geometry import box

from tulip_ops.fields.delineation.zonal_stats import in_reading_order, zonal_detections
from tulip_ops.raster import rasterize
from tulip_ops.raster.grid import Grid
from tulip_ops.raster.probability import ProbabilityRaster
from tulip_ops.raster.projection import geodesic_area, project

GRID = Grid(32631, 600_000.0, 5_900_040.0, 120, 120)


def figured(
    polygons: list, labels: np.ndarray, tulip: np.ndarray, bloom: np.ndarray, grid: Grid
) -> list:
    tulips, blooms = ProbabilityRaster(tulip), ProbabilityRaster(bloom)
    return zonal_detections(polygons, labels, tulips, blooms, grid, in_flower=0.5)


def test_nothing_in_nothing_out():
    nothing = np.full(GRID.shape, np.nan, dtype=np.float32)
    nowhere = np.full(GRID.shape, -1, dtype=np.int32)
    assert (
        in_reading_order(
            zonal_detections(
                [],
                nowhere,
                ProbabilityRaster(nothing),
                ProbabilityRaster(nothing),
                GRID,
                in_flower=0.5,
            )
        )
        == []
    )


def test_figures_are_those_of_the_pixels_of_each_polygon():
    south = box(600_000, 5_899_000, 600_200, 5_899_100)
    north = box(600_000, 5_899_500, 600_100, 5_899_600)
    polygons = [south, north]
    labels = rasterize.polygons_to_labels(polygons, GRID)
    tulip = np.where(labels == 0, 0.8, 0.6).astype(np.float32)
    bloom = np.zeros_like(tulip)
    half = np.flatnonzero(labels.ravel() == 0)
    tulip.ravel()[half[:40]] = np.nan
    tulip.ravel()[half[40:80]] = 0.4
    bloom.ravel()[half[40:80]] = 0.5
    first, second = in_reading_order(
        zonal_detections(
            polygons,
            labels,
            ProbabilityRaster(tulip),
            ProbabilityRaster(bloom),
            GRID,
            in_flower=0.5,
        )
    )
    assert (first.ordinal, second.ordinal) == (0, 1)
    assert first.geometry.equals(project(north, 32631, 4326))
    assert first.tulip_probability == pytest.approx(0.6)
    assert first.tulip_probability_std == pytest.approx(0, abs=1e-6)
    assert first.bloom_fraction == 0
    assert second.tulip_probability == pytest.approx((40 * 0.4 + 120 * 0.8) / 160)
    assert second.tulip_probability_std == pytest.approx(0.4 * np.sqrt(0.25 * 0.75))
    assert second.bloom_fraction == pytest.approx(0.25)
    assert second.area_m2 == pytest.approx(geodesic_area(second.geometry))
    assert second.area_m2 == pytest.approx(20_000, rel=1e-3)  # UTM's scale is off by up to 0.04 %


def test_order_is_north_to_south_then_west_to_east():
    grid = Grid(32631, 600_000.0, 5_900_040.0, 20, 20)
    corners = [(100, 5_899_900), (0, 5_899_900), (50, 5_900_000)]
    polygons = [box(600_000 + x, y, 600_040 + x, y + 40) for x, y in corners]
    ones = np.ones(grid.shape, dtype=np.float32)
    labels = rasterize.polygons_to_labels(polygons, grid)
    detections = in_reading_order(
        zonal_detections(
            polygons, labels, ProbabilityRaster(ones), ProbabilityRaster(ones), grid, in_flower=0.5
        )
    )
    west = [project(d.geometry, 4326, 32631).bounds[0] - 600_000 for d in detections]
    assert west == pytest.approx([50, 0, 100], abs=1e-3)


def test_a_polygon_over_no_seen_pixel_is_left_out():
    polygons = [
        box(600_000, 5_899_900, 600_050, 5_899_950),
        box(600_101, 5_899_901, 600_104, 5_899_904),
    ]
    ones = np.ones(GRID.shape, dtype=np.float32)
    labels = rasterize.polygons_to_labels(polygons, GRID)
    ((_, only),) = zonal_detections(
        polygons, labels, ProbabilityRaster(ones), ProbabilityRaster(ones), GRID, in_flower=0.5
    )
    assert only.geometry.equals(project(polygons[0], 32631, 4326))
    unseen = np.full_like(ones, np.nan)
    assert (
        zonal_detections(
            polygons,
            labels,
            ProbabilityRaster(unseen),
            ProbabilityRaster(unseen),
            GRID,
            in_flower=0.5,
        )
        == []
    )
