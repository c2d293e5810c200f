"""Fields where tiles and UTM zones meet: what two tiles show becomes one field."""

from collections.abc import Sequence

import numpy as np
import pytest
import shapely
from numpy.typing import NDArray
from shapely import affinity
from shapely.geometry import MultiPolygon, Polygon, box

from tulip_ops.core.types import Area, Detection, SeasonDetection
from tulip_ops.fields import season_fields
from tulip_ops.fields.delineation.detect import detect
from tulip_ops.raster import rasterize
from tulip_ops.raster.grid import Grid
from tulip_ops.raster.projection import WGS84, geodesic_area, project

WEST = Grid(32631, 700_000.0, 5_845_000.0, 200, 160)
FINE = 5


def seen(truth: Sequence[Polygon], grid: Grid) -> NDArray[np.float32]:
    """(2, height, width): the share of each pixel that is field, on a grid of its own."""
    fine = Grid(
        grid.epsg, grid.left, grid.top, grid.width * FINE, grid.height * FINE,
        grid.resolution / FINE,
    )  # fmt: skip
    inside = (
        rasterize.polygons_to_labels([project(field, 32631, grid.epsg) for field in truth], fine)
        >= 0
    )
    share = inside.reshape(grid.height, FINE, grid.width, FINE).mean(axis=(1, 3), dtype=np.float32)
    return np.stack([share, share])


def shown(truth: Sequence[Polygon], grid: Grid) -> list[Detection]:
    area = Area("here", MultiPolygon([box(5, 52, 7, 54)]))
    return detect(seen(truth, grid), grid, [area], threshold=0.5, in_flower=0.5, minimum_area=3000)


def entry(number: int, tile: str, one: Detection) -> tuple[int, str, SeasonDetection]:
    cut = (one.border_clear_fraction or 0) < 1
    return number, tile, SeasonDetection(one.geometry, one.area_m2, one.tulip_probability, cut)


def overlap(one: Polygon, other: Polygon) -> float:
    return float(one.intersection(other).area / one.union(other).area)


@pytest.fixture
def truth() -> list[Polygon]:
    """Fields in EPSG:32631, some turned against the pixels."""
    places = [(15, 300, 200), (15, 900, 350), (50, 550, 1050), (0, 1200, 900)]
    return [
        affinity.rotate(box(700_000 + x, 5_844_000 - y / 2, 700_150 + x, 5_844_400 - y / 2), angle)
        for angle, x, y in places
    ]


def other_zone(reach: Polygon) -> Grid:
    left, bottom, right, top = project(reach, 32631, 32632).bounds
    left, top = left // 10 * 10, top // 10 * 10
    return Grid(32632, left, top, int((right - left) // 10), int((top - bottom) // 10))


def test_two_utm_zones_show_the_same_fields(truth: list[Polygon]) -> None:
    east = other_zone(box(*WEST.bounds).buffer(-50, join_style="mitre"))
    ones, others = shown(truth, WEST), shown(truth, east)
    assert len(ones) == len(others) == len(truth)
    found = season_fields.cluster(
        [entry(n, "31UFU", d) for n, d in enumerate(ones)]
        + [entry(n + 10, "32ULD", d) for n, d in enumerate(others)]
    )
    assert [len(field.detection_ids) for field in found] == [2] * len(truth)
    for field in truth:
        on_earth = project(field, 32631, WGS84)
        best = max(found, key=lambda one: overlap(one.geometry, on_earth))
        assert overlap(best.geometry, on_earth) > 0.93
        assert best.area_m2 == pytest.approx(geodesic_area(on_earth), rel=0.02)


def test_what_the_edge_of_a_raster_cuts_says_so_and_the_whole_field_wins(
    truth: list[Polygon],
) -> None:
    cut = WEST.window((700_000, WEST.bounds[1], 700_380, WEST.top))
    part, *_ = sorted(shown(truth, cut), key=lambda detection: detection.geometry.bounds[0])
    whole = shown(truth, WEST)
    assert part.border_clear_fraction is not None
    assert part.border_clear_fraction < 1
    assert all(detection.border_clear_fraction == 1 for detection in whole)
    (here,) = [d for d in whole if d.geometry.intersects(part.geometry)]
    assert part.area_m2 < 0.8 * here.area_m2
    (field,) = season_fields.cluster([entry(0, "31UFU", part), entry(1, "32ULD", here)])
    assert shapely.equals(field.geometry, here.geometry)


def test_within_one_raster_nothing_is_cut_however_large() -> None:
    """Longer than any window or chip of the networks."""
    grid = Grid(32631, 700_000.0, 5_845_000.0, 1400, 40)
    (field,) = shown([box(700_100, 5_844_700, 713_900, 5_844_900)], grid)
    assert field.area_m2 == pytest.approx(13_800 * 200, rel=0.002)
