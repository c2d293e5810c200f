import json
import logging
from pathlib import Path

import geopandas as gpd
import pyarrow.parquet as pq
import pytest
import shapely
from shapely.geometry import LineString, MultiPolygon, Point, Polygon, box

from tulip_ops.core.errors import BadArea, ProductDamaged
from tulip_ops.core.types import Area, Detection
from tulip_ops.storage.detections_file import read_detections, write_detections
from tulip_ops.storage.vector_files import read_areas, write_areas

WEST, EAST = box(5.60, 52.70, 5.65, 52.75), box(5.70, 52.70, 5.75, 52.75)
RING = Polygon(WEST.exterior, [box(5.62, 52.72, 5.63, 52.73).exterior])
DETECTIONS = [
    Detection(0, RING, 1234.5, 0.9, 0.1, 0.25),
    Detection(1, EAST, 99.25, 0.7, 0.2, 0.0),
]


def geojson(path: Path, *features: tuple[dict[str, object], object]) -> Path:
    collection = {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": properties,
                "geometry": shapely.geometry.mapping(shape),
            }
            for properties, shape in features
        ],
    }
    path.write_text(json.dumps(collection))
    return path


@pytest.mark.parametrize("detections", [DETECTIONS, []])
def test_detections_come_back_as_they_were(tmp_path, detections):
    path = tmp_path / "detections.parquet"
    write_detections(path, detections)
    assert read_detections(path) == detections


def test_detections_are_geoparquet_that_others_read(tmp_path):
    path = tmp_path / "detections.parquet"
    write_detections(path, DETECTIONS, acquisition="SIM_31UFU_20260420_0_L2A", unet="unet/1")
    frame = gpd.read_parquet(path)
    assert frame.crs == "EPSG:4326"
    assert frame.geometry.tolist() == [RING, EAST]
    assert frame["unet"].tolist() == ["unet/1"] * 2
    assert frame["area_m2"].tolist() == [1234.5, 99.25]
    geo = json.loads(pq.read_metadata(path).metadata[b"geo"])
    assert geo["columns"]["geometry"]["bbox"] == [5.60, 52.70, 5.75, 52.75]
    assert geo["columns"]["geometry"]["geometry_types"] == ["Polygon"]
    assert read_detections(path) == DETECTIONS


def test_no_detections_are_a_file_that_others_read(tmp_path):
    write_detections(tmp_path / "none.parquet", [], unet="unet/1")
    frame = gpd.read_parquet(tmp_path / "none.parquet")
    assert len(frame) == 0
    assert frame.crs == "EPSG:4326"


def test_equal_detections_give_equal_bytes(tmp_path):
    for name in ("one", "two"):
        write_detections(tmp_path / name, DETECTIONS, unet="unet/1")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_what_is_not_detections_is_refused(tmp_path):
    path = tmp_path / "detections.parquet"
    path.write_text("not parquet")
    with pytest.raises(ProductDamaged, match=r"detections\.parquet.*tulip vectorize"):
        read_detections(path)
    gpd.GeoDataFrame({"area_m2": [1.0]}, geometry=[WEST], crs=4326).to_parquet(path)
    with pytest.raises(ProductDamaged):
        read_detections(path)


def test_areas_come_back_as_they_were(tmp_path):
    areas = [Area("polder", MultiPolygon([RING])), Area("both", MultiPolygon([WEST, EAST]))]
    write_areas(tmp_path / "areas.geojson", areas)
    assert read_areas(tmp_path / "areas.geojson") == areas


def test_names_come_from_the_name_column(tmp_path):
    path = geojson(
        tmp_path / "x.geojson",
        ({"name": "Noordoostpolder (Súd)"}, WEST),
        ({"name": "noordoostpolder-sud"}, EAST),
        ({"name": None}, RING),
    )
    names = [area.name for area in read_areas(path)]
    assert names == ["noordoostpolder-sud", "noordoostpolder-sud-2", "x"]


def test_names_come_from_the_file_where_no_column_has_them(tmp_path):
    path = geojson(tmp_path / "My Fields.geojson", ({}, WEST), ({}, EAST))
    assert [area.name for area in read_areas(path)] == ["my-fields", "my-fields-2"]


def test_a_given_name_takes_all_polygons_together(tmp_path):
    path = geojson(tmp_path / "x.geojson", ({"name": "a"}, WEST), ({"name": "b"}, EAST))
    (area,) = read_areas(path, "polder")
    assert area.name == "polder"
    assert area.geometry.equals(MultiPolygon([WEST, EAST]))
    with pytest.raises(BadArea, match="cannot name an area"):
        read_areas(path, "Not A Name")


def test_a_geopackage_in_the_national_grid_lies_on_earth(tmp_path):
    path = tmp_path / "areas.gpkg"
    frame = gpd.GeoDataFrame({"name": ["polder"]}, geometry=[WEST], crs=4326).to_crs(28992)
    frame.to_file(path, layer="first")
    frame.assign(name="second").to_file(path, layer="second")
    first, second = read_areas(path)
    assert (first.name, second.name) == ("polder", "second")
    assert first.geometry.symmetric_difference(WEST).area < 1e-9


def test_a_repair_is_told(tmp_path, caplog):
    bow_tie = Polygon([(5.6, 52.7), (5.7, 52.8), (5.7, 52.7), (5.6, 52.8)])
    with caplog.at_level(logging.WARNING):
        (area,) = read_areas(geojson(tmp_path / "x.geojson", ({}, bow_tie)))
    assert area.geometry.is_valid
    assert len(area.geometry.geoms) == 2
    assert "feature 1" in caplog.text
    assert "Self-intersection" in caplog.text


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (Point(5.7, 52.7), "is a Point"),
        (LineString([(5.7, 52.7), (5.8, 52.8)]), "is a LineString"),
        (Polygon(), "no geometry"),
        (Polygon([(5.6, 52.7), (5.7, 52.8), (5.6, 52.7)]), "encloses no ground"),
        (box(150_000, 500_000, 151_000, 501_000), "no place|leaves the Earth"),
    ],
)
def test_what_is_no_polygon_on_the_earth_is_refused(tmp_path, shape, message):
    path = geojson(tmp_path / "x.geojson", ({}, WEST), ({}, shape))
    with pytest.raises(BadArea, match=message):
        read_areas(path)


def test_unreadable_empty_and_missing_files_are_refused(tmp_path):
    (tmp_path / "x.geojson").write_text("{ not json")
    for path in (tmp_path / "x.geojson", tmp_path / "missing.gpkg"):
        with pytest.raises(BadArea, match="cannot be read"):
            read_areas(path)
    with pytest.raises(BadArea, match="no polygon"):
        read_areas(geojson(tmp_path / "empty.geojson"))


def test_a_file_without_crs_is_refused(tmp_path):
    path = tmp_path / "x.fgb"
    with pytest.warns(UserWarning, match="crs"):
        gpd.GeoDataFrame(geometry=[WEST]).to_file(path, driver="FlatGeobuf", engine="pyogrio")
    with pytest.raises(BadArea, match="declares no CRS"):
        read_areas(path)


def test_a_real_register_of_parcels(real_data):
    path = real_data / "brp_2023" / "brpgewaspercelen_definitief_2023.gpkg"
    areas = read_areas(path)
    assert len(areas) == 100
    assert len({area.name for area in areas}) == 100
    west, south, east, north = shapely.total_bounds([area.geometry for area in areas])
    assert 3 < west < east < 8
    assert 50 < south < north < 54
