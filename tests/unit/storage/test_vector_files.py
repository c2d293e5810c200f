import json
import logging
import math
import shutil
import zipfile
from pathlib import Path

import geopandas as gpd
import pyarrow.parquet as pq
import pytest
import shapely
from shapely.geometry import LineString, MultiPolygon, Point, Polygon, box

from tulip_ops.core.errors import BadArea, BadTrainingData, ProductDamaged
from tulip_ops.core.types import Area, Detection
from tulip_ops.storage.detections_file import read_detections, write_detections
from tulip_ops.storage.vector_files import read_areas, read_parcels, write_areas

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
    bent = shapely.segmentize(WEST, 0.001)
    frame = gpd.GeoDataFrame({"name": ["polder"]}, geometry=[bent], crs=4326).to_crs(28992)
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


def test_all_that_is_wrong_is_named_at_once(tmp_path: Path) -> None:
    broken = {"type": "Polygon", "coordinates": [[[5.6, 52.7], [5.7, 52.7], [5.7, 52.8]]]}
    nan = {"type": "Polygon", "coordinates": [[[5, 52], [math.nan, 52], [5, 53], [5, 52]]]}
    path = geojson(tmp_path / "x.geojson", ({}, WEST), ({}, Point(5, 52)), ({}, WEST), ({}, EAST))
    document = json.loads(path.read_text())
    document["features"][2]["geometry"] = nan
    document["features"][3]["geometry"] = broken
    path.write_text(json.dumps(document))
    with pytest.raises(BadArea) as error:
        read_areas(path)
    problems = str(error.value).split("; ")
    assert [line.split(" of ")[0] for line in problems if line.startswith("feature")] == [
        "feature 2",
        "feature 3",
        "feature 4",
    ]


def test_a_crs_without_a_place_on_the_earth_is_refused(tmp_path: Path) -> None:
    site = (
        'ENGCRS["Site",EDATUM["Site"],CS[Cartesian,2],AXIS["x",east],AXIS["y",north],UNIT["m",1]]'
    )
    frame = gpd.GeoDataFrame({"name": ["a"]}, geometry=[box(0, 0, 100, 100)], crs=site)
    frame.to_file(tmp_path / "cad.gpkg")
    with pytest.raises(BadArea, match=r"cad\.gpkg has a CRS without a place"):
        read_areas(tmp_path / "cad.gpkg")


@pytest.mark.parametrize("column", ["name", "Name", "NAME"])
def test_the_name_column_may_be_capitalized(tmp_path: Path, column: str) -> None:
    path = geojson(tmp_path / "x.geojson", ({column: "west"}, WEST), ({column: " "}, EAST))
    assert [area.name for area in read_areas(path)] == ["west", "x"]


def test_kml_has_the_names_of_its_placemarks(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame({"Name": ["Bollenveld 1"]}, geometry=[WEST], crs=4326)
    frame.to_file(tmp_path / "areas.kml", driver="KML")
    assert [area.name for area in read_areas(tmp_path / "areas.kml")] == ["bollenveld-1"]


def test_names_in_other_scripts_are_never_merged(tmp_path: Path) -> None:
    def named(*names: str) -> list[str]:
        shapes = [({"name": name}, WEST) for name in names]
        return [area.name for area in read_areas(geojson(tmp_path / "x.geojson", *shapes))]

    tokyo, kyoto, both = named("東京"), named("京都"), named("東京", "京都")
    assert both == tokyo + kyoto
    assert tokyo != kyoto
    assert named("Łódź", "Straße", "Curaçao") == ["lodz", "strasse", "curacao"]


def test_geoparquet_and_a_folder_in_a_zip_are_read(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame({"name": ["a", "b"]}, geometry=[WEST, EAST], crs=4326)
    frame.to_parquet(tmp_path / "areas.parquet")
    (tmp_path / "shapes").mkdir()
    frame.to_file(tmp_path / "shapes" / "areas.shp")
    packed = shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path, "shapes")
    for path in (tmp_path / "areas.parquet", Path(packed)):
        assert [area.name for area in read_areas(path)] == ["a", "b"]
    packed = shutil.make_archive(str(tmp_path / "empty"), "zip", tmp_path / "shapes", "areas.dbf")
    with pytest.raises(BadArea, match="holds no vector file"):
        read_areas(Path(packed))


def test_what_crosses_the_180th_meridian_is_refused_unless_cut_there(tmp_path: Path) -> None:
    jump = Polygon([(179.9, -17), (-179.9, -17), (-179.9, -16), (179.9, -16)])
    path = geojson(tmp_path / "x.geojson", ({"name": "fiji"}, jump))
    with pytest.raises(BadArea, match=r"fiji.*spans 360 degrees.*cut it there"):
        read_areas(path)
    cut = MultiPolygon([box(179.9, -17, 180, -16), box(-180, -17, -179.9, -16)])
    (area,) = read_areas(geojson(tmp_path / "x.geojson", ({"name": "fiji"}, cut)))
    assert area.geometry.area == pytest.approx(0.2)


def test_an_area_without_ground_is_refused(tmp_path: Path) -> None:
    path = geojson(tmp_path / "x.geojson", ({"name": "dot"}, box(5.67, 52.71, 5.670001, 52.710001)))
    with pytest.raises(BadArea, match=r"dot.*far less than a pixel"):
        read_areas(path)


def test_a_straight_edge_of_the_national_grid_stays_straight_there(tmp_path: Path) -> None:
    wide = box(100_000, 450_000, 260_000, 460_000)
    gpd.GeoDataFrame(geometry=[wide], crs=28992).to_file(tmp_path / "wide.gpkg")
    (area,) = read_areas(tmp_path / "wide.gpkg")
    back = gpd.GeoSeries([area.geometry], crs=4326).to_crs(28992).iloc[0]
    assert back.hausdorff_distance(wide) < 0.5


@pytest.mark.parametrize(
    "content",
    [
        "<OGRVRTDataSource><OGRVRTLayer name='a'><SrcDataSource>{0}</SrcDataSource></OGRVRTLayer>",
        '{{"type": "gdal_streamed_alg", "command_line": "gdal vector pipeline ! read {0}"}}',
        "<OGRWFSDataSource><URL>http://127.0.0.1/</URL></OGRWFSDataSource>",
        "<GMLxx xmlns:gml='http://www.opengis.net/gml'/>",
        "<!-- <OGRVRTDataSource> --><kml/>",
    ],
)
@pytest.mark.parametrize("name", ["x.geojson", "x.kml", "x.gpkg", "x.zip"])
def test_a_text_that_names_other_files_is_refused(tmp_path: Path, content: str, name: str) -> None:
    other = geojson(tmp_path / "other.geojson", ({"name": "a"}, WEST))
    path = tmp_path / name
    path.write_text(content.format(other))
    for read in (read_areas, lambda found: read_parcels(found, "name", WEST)):
        with pytest.raises((BadArea, BadTrainingData), match="of another kind"):
            read(path)


def test_a_text_that_names_other_files_is_refused_in_a_zip(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("in/a.kml", "<OGRVRTDataSource/>")
    with pytest.raises(BadArea, match=r"a\.kml is of another kind"):
        read_areas(tmp_path / "x.zip")
