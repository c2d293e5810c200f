"""The area of two real rasterized truth masks, ours against an independent computation.

The oracle counts mask pixels and weighs each with the area of its own square in EPSG:28992,
the Dutch national grid, whose scale is within 0.02 % of true here. It shares no code with
tracing, our projections or geodesics.
"""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from shapely.affinity import affine_transform

from tulip_ops.fields.delineation.regularize import regularize
from tulip_ops.fields.delineation.small_pieces import without_small_pieces
from tulip_ops.fields.delineation.zonal_stats import in_reading_order, zonal_detections
from tulip_ops.raster import rasterize, reader
from tulip_ops.raster.grid import Grid
from tulip_ops.raster.mgrs import tile_grid
from tulip_ops.raster.probability import ProbabilityRaster
from tulip_ops.raster.projection import geodesic_area, project

MASKS = (
    "tulip_91c1b440a0f65242f57db540e1045342_geopedia_ttl1904.tif",
    "tulip_91c1b440cae95242f57db5400df85242_geopedia_ttl1904.tif",
)


@pytest.fixture
def folder(real_data: Path) -> Path:
    return real_data / "noordoostpolder_2016"


def area_in_the_national_grid(path: Path) -> float:
    with rasterio.open(path) as source:
        rows, columns = np.nonzero(source.read(1) == 255)
        left, top = source.transform @ (columns, rows)
        right, bottom = source.transform @ (columns + 1, rows + 1)
        squares = gpd.GeoSeries(shapely.box(left, bottom, right, top), crs=source.crs)
    return float(squares.to_crs("EPSG:28992").area.sum())


@pytest.mark.parametrize("name", MASKS)
def test_traced_on_its_own_pixels(folder: Path, name: str):
    truth = folder / name
    with rasterio.open(truth) as source:
        present = source.read(1) == 255
        # pixels that are not quite square: trace on a grid of ones, then place the corners
        ones = Grid(3857, 0.0, float(source.height), source.width, source.height, 1.0)
        to_source = source.transform @ ~ones.transform
    outlines = [
        affine_transform(outline, to_source.to_shapely())
        for outline in rasterize.mask_to_polygons(present, ones)
    ]
    ours = sum(geodesic_area(project(outline, 3857, 4326)) for outline in outlines)
    assert ours == pytest.approx(area_in_the_national_grid(truth), rel=0.0005)


def test_regular_on_the_10_m_grid_of_the_tile(folder: Path):
    """Pixels of 10 m move each side by up to half a pixel; over many fields that cancels."""
    oracle, traced, regular = 0.0, 0.0, 0.0
    for truth in (folder / name for name in MASKS):
        with rasterio.open(truth) as source:
            scene = shapely.box(*source.bounds)
        tile = tile_grid("31UFU")
        grid = tile.window(project(scene, 3857, tile.epsg).bounds)
        share = reader.read_warped([(str(truth), 1)], grid, scale=1 / 255)
        probability = np.nan_to_num(share[0])
        outlines = rasterize.mask_to_polygons(probability >= 0.5, grid)
        large = without_small_pieces(outlines, resolution=10, minimum_area=3000)
        fields = regularize(large, grid, ProbabilityRaster(probability), threshold=0.5)
        assert shapely.coverage_is_valid(fields)
        labels = rasterize.polygons_to_labels(fields, grid)
        tulip = ProbabilityRaster(probability)
        detections = in_reading_order(
            zonal_detections(fields, labels, tulip, tulip, grid, in_flower=0.5)
        )
        assert len(detections) == len(fields) >= 5
        assert min(detection.tulip_probability for detection in detections) > 0.9
        of_outlines = sum(geodesic_area(project(o, grid.epsg, 4326)) for o in outlines)
        of_detections = sum(detection.area_m2 for detection in detections)
        exact = area_in_the_national_grid(truth)
        assert [of_outlines, of_detections] == pytest.approx([exact] * 2, rel=0.008)
        oracle, traced, regular = (
            oracle + exact,
            traced + of_outlines,
            regular + of_detections,
        )
    assert [traced, regular] == pytest.approx([oracle] * 2, rel=0.005)
