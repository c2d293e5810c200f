import copy
import math
from datetime import UTC, datetime
from typing import Any

import pytest

from tulip_ops.core.errors import BadScene
from tulip_ops.core.types import AcquisitionId
from tulip_ops.sources.stac_bands import DeclaredFile
from tulip_ops.sources.stac_item import parse_scene

ADDRESS = "/archive/scene/item.json"
SQUARE = [[[5.0, 52.0], [6.0, 52.0], [6.0, 53.0], [5.0, 53.0], [5.0, 52.0]]]


def item(**changes: Any) -> dict[str, Any]:
    """An item as this project writes it: STAC 1.1, one multiband asset."""
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "id": "S2A_31UFU_20160501_0_L2A",
        "geometry": {"type": "Polygon", "coordinates": SQUARE},
        "bbox": [5, 52, 6, 53],
        "properties": {"datetime": "2016-05-01T10:53:10Z"},
        "links": [],
        "assets": {
            "reflectance": {
                "href": "./reflectance.tif",
                "roles": ["data"],
                "bands": [{"name": "red"}, {"name": "green"}, {"name": "blue"}],
                "raster:scale": 0.0001,
                "raster:offset": -0.1,
                "nodata": 0,
            }
        },
    } | changes


EARTH_SEARCH_C1: dict[str, Any] = item(
    id="S2B_T31UFU_20240420T105018_L2A",
    collection="sentinel-2-c1-l2a",
    properties={
        "datetime": "2024-04-20T10:53:13.245000Z",
        "platform": "sentinel-2b",
        "grid:code": "MGRS-31UFU",
        "s2:sequence": "1",
        "s2:processing_baseline": "05.10",
    },
    assets={
        "visual": {"href": "https://x/TCI.tif", "roles": ["visual"], "eo:bands": [{"name": "B04"}]},
        "red": {
            "href": "https://x/B04.tif",
            "type": "image/tiff",
            "roles": ["data", "reflectance"],
            "eo:bands": [{"name": "B04", "common_name": "red"}],
            "raster:bands": [{"nodata": 0, "scale": 0.0001, "offset": -0.1}],
        },
        "red-jp2": {
            "href": "s3://x/B04.jp2",
            "type": "image/jp2",
            "eo:bands": [{"name": "B04", "common_name": "red"}],
            "raster:bands": [{"scale": 0.0001}],
        },
        "rededge1": {
            "href": "https://x/B05.tif",
            "eo:bands": [{"name": "B05", "common_name": "rededge"}],
            "raster:bands": [{"nodata": 0, "scale": 0.0001, "offset": -0.1}],
        },
        "scl": {"href": "https://x/SCL.tif", "raster:bands": [{"data_type": "uint8"}]},
    },
)


def test_an_item_of_ours_is_read() -> None:
    scene = parse_scene(item(), ADDRESS)
    assert scene.id == AcquisitionId.parse("S2A_31UFU_20160501_0_L2A")
    assert scene.sensed_at == datetime(2016, 5, 1, 10, 53, 10, tzinfo=UTC)
    assert scene.footprint.bounds == (5, 52, 6, 53)
    assert list(scene.bands) == ["blue", "green", "red"]
    red = scene.bands["red"]
    assert (red.href, red.index) == ("/archive/scene/reflectance.tif", 1)
    assert (red.scale, red.offset, red.nodata) == (1e-4, -0.1, 0)
    offered = scene.acquisition("archive")
    assert (offered.href, offered.bands) == (ADDRESS, ("blue", "green", "red"))


def test_an_item_of_earth_search_is_read() -> None:
    scene = parse_scene(EARTH_SEARCH_C1, ADDRESS)
    assert str(scene.id) == "S2B_31UFU_20240420_1_L2A"
    assert scene.baseline == "05.10"
    assert {name: band.href for name, band in scene.bands.items()} == {
        "red": "https://x/B04.tif",
        "rededge1": "https://x/B05.tif",
    }


def test_a_product_name_says_what_the_id_does_not() -> None:
    name = "S2A_MSIL2A_20160501T105310_N0202_R051_T31UFU_20160501T105306"
    assert str(parse_scene(item(id=name), ADDRESS).id) == "S2A_31UFU_20160501_0_L2A"
    properties = {"datetime": "2016-05-01T10:53:10Z", "s2:product_uri": name + ".SAFE"}
    scene = parse_scene(item(id="mine", properties=properties), ADDRESS)
    assert str(scene.id) == "S2A_31UFU_20160501_0_L2A"
    assert scene.baseline == "02.02"


def test_of_two_assets_the_finer_one_is_read() -> None:
    band = {"bands": [{"name": "B04"}], "raster:scale": 1e-4}
    assets = {
        "B04_60m": {"href": "./coarse.jp2", **band},
        "B04_10m": {"href": "./fine.jp2", **band},
        "B8A_20m": {"href": "./nir.jp2", "raster:scale": 1e-4},
    }
    scene = parse_scene(item(assets=assets), ADDRESS)
    assert [band.href for band in scene.bands.values()] == [
        "/archive/scene/fine.jp2",
        "/archive/scene/nir.jp2",
    ]
    assert list(scene.bands) == ["red", "nir08"]


def test_bands_may_differ_in_what_their_numbers_mean() -> None:
    document = item()
    document["assets"]["reflectance"]["bands"][2] |= {"raster:scale": 1.0, "raster:offset": 0}
    document["assets"]["reflectance"]["bands"][1] |= {"nodata": "nan"}
    scene = parse_scene(document, ADDRESS)
    assert (scene.bands["blue"].scale, scene.bands["blue"].offset) == (1.0, 0.0)
    assert scene.bands["red"].scale == 1e-4
    assert math.isnan(scene.bands["green"].nodata or 0)


def test_truth_and_pictures_hold_no_reflectance() -> None:
    document = item()
    pixels = document["assets"]["reflectance"]
    document["assets"] = {
        "a-truth": {**pixels, "roles": ["truth"]},
        "thumbnail": pixels,
        "z": {**pixels, "href": "z.tif"},
    }
    assert parse_scene(document, ADDRESS).bands["red"].href == "/archive/scene/z.tif"


def test_floats_need_no_scale() -> None:
    assets = {"red": {"href": "red.tif", "bands": [{"data_type": "float32"}]}}
    band = parse_scene(item(assets=assets), ADDRESS).bands["red"]
    assert (band.scale, band.offset, band.nodata) == (1.0, 0.0, None)


def test_a_footprint_that_crosses_itself_is_mended() -> None:
    bow_tie = [[[5, 52], [6, 53], [6, 52], [5, 53], [5, 52]]]
    scene = parse_scene(item(geometry={"type": "Polygon", "coordinates": bow_tie}), ADDRESS)
    assert scene.footprint.is_valid
    assert scene.footprint.area == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"geometry": None}, "no STAC item"),
        ({"geometry": {"type": "Point", "coordinates": [5, 52]}}, "no polygon"),
        ({"geometry": {"type": "Polygon", "coordinates": "x"}}, "no STAC item"),
        ({"properties": {}}, "datetime"),
        ({"properties": {"datetime": "yesterday"}}, "yesterday"),
        ({"assets": []}, "no STAC item"),
        ({"assets": {}}, "describes no band"),
        ({"assets": {"red": {"raster:scale": 1}}}, "has no href"),
        ({"assets": {"red": {"href": "red.tif"}}}, "asset red .* raster:scale"),
        ({"id": "mine"}, "do not say platform, grid:code, tulip:level"),
        ({"id": "S2A_31UFU_20160231_0_L2A"}, "20160231"),
        (
            {"id": "LC09_L2A", "properties": {"datetime": "2016-05-01", "platform": "landsat-9"}},
            "do not say platform, grid:code",
        ),
    ],
)
def test_what_an_item_lacks_is_said(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(BadScene, match=message) as caught:
        parse_scene(item(**copy.deepcopy(changes)), ADDRESS)
    assert ADDRESS in str(caught.value)


@pytest.mark.parametrize("key", ["id", "geometry", "properties", "assets"])
def test_an_item_without_its_parts_is_none(key: str) -> None:
    document = item()
    del document[key]
    with pytest.raises(BadScene, match="no STAC item"):
        parse_scene(document, ADDRESS)


def test_what_an_item_promises_of_its_files_is_kept() -> None:
    scene = item()
    asset = scene["assets"]["reflectance"]
    asset |= {
        "proj:code": "EPSG:32631",
        "proj:shape": [10980, 10980],
        "proj:transform": [10, 0, 600000, 0, -10, 5900040, 0, 0, 1],
        "file:size": 1234,
        "file:checksum": "1220" + "AB" * 32,
    }
    declared = parse_scene(scene, "item.json").bands["red"].declared
    assert declared == DeclaredFile(
        32631, (10980, 10980), (10, 0, 600000, 0, -10, 5900040), 1234, "1220" + "ab" * 32
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [("proj:shape", [1]), ("proj:shape", ["a", "b"]), ("proj:transform", 3), ("file:size", "big")],
)
def test_rubbish_in_what_an_item_promises_is_said(key: str, value: object) -> None:
    scene = item()
    scene["assets"]["reflectance"][key] = value
    with pytest.raises(BadScene, match="its proj: or file: fields cannot"):
        parse_scene(scene, "item.json")


def test_a_crs_of_the_item_counts_for_its_assets() -> None:
    scene = item()
    scene["properties"]["proj:epsg"] = 32632
    assert parse_scene(scene, "item.json").bands["red"].declared == DeclaredFile(epsg=32632)
