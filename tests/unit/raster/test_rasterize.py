import numpy as np
from shapely.geometry import Polygon, box

from tests.unit.geotiffs import GRID
from tulip_ops.raster.rasterize import mask_to_polygons, polygons_to_labels


def test_outlines_follow_pixel_edges_and_keep_holes() -> None:
    present = np.zeros(GRID.shape, bool)
    present[2:8, 3:9] = True
    present[4:6, 5:7] = False
    present[8, 9] = True  # touches the first one's corner only
    first, second = sorted(mask_to_polygons(present, GRID), key=lambda polygon: -polygon.area)
    outer = box(600030, 5899960, 600090, 5900020)
    inner = box(600050, 5899980, 600070, 5900000)
    assert first.equals(Polygon(outer.exterior, [inner.exterior]))
    assert second.equals(box(600090, 5899950, 600100, 5899960))
    assert mask_to_polygons(np.zeros(GRID.shape, bool), GRID) == []


def test_burning_numbers_geometries_by_pixel_centre() -> None:
    left, top = GRID.left, GRID.top
    numbers = polygons_to_labels(
        [
            box(left, top - 20, left + 20, top),
            Polygon(),
            box(left + 14, top - 10, left + 34, top),  # covers the centres of columns 2 alone
        ],
        GRID,
    )
    assert numbers.dtype == np.int32
    assert numbers[:2, :4].tolist() == [[0, 2, 2, -1], [0, 0, -1, -1]]
    assert (numbers[2:] == -1).all()
    assert (polygons_to_labels([], GRID) == -1).all()
    assert (polygons_to_labels([Polygon()], GRID) == -1).all()
