import json
from datetime import UTC, datetime
from pathlib import Path

import pystac
import pytest
from shapely.geometry import MultiPolygon, box, shape

from tulip_ops.core.types import BANDS, Acquisition, AcquisitionId, ModelReference
from tulip_ops.raster.grid import Grid
from tulip_ops.raster.projection import geodesic_area
from tulip_ops.storage import stac_items
from tulip_ops.storage.product_store import ProductStore
from tulip_ops.storage.products import CLOUD, DETECTIONS, REFLECTANCE, TULIP

GRID = Grid(32631, 678730.0, 5848340.0, 162, 161)


def acquisition(name: str = "S2A_31UFU_20160501_0_L2A") -> Acquisition:
    return Acquisition(
        id=AcquisitionId.parse(name),
        sensed_at=datetime(2016, 5, 1, 10, 53, 10, tzinfo=UTC),
        source="archive",
        href="/archive/item.json",
        footprint=MultiPolygon([box(5.6, 52.7, 5.7, 52.8)]),
        bands=("blue", "green", "red"),
    )


def validate(document: dict) -> None:
    """Against the core schema that pystac brings; extensions' schemas are on the network."""
    pystac.Item.from_dict({**document, "stac_extensions": []}, migrate=False).validate()


def test_a_product_item_is_valid_stac_and_says_what_the_rasters_are() -> None:
    written = datetime(2026, 4, 1, 12, tzinfo=UTC)
    item = stac_items.product_item(
        acquisition(), GRID, ("blue", "green", "red"), written_at=written
    )
    validate(item)
    assert item["stac_version"] == "1.1.0"
    assert item["id"] == "S2A_31UFU_20160501_0_L2A"
    expected = {
        "datetime": "2016-05-01T10:53:10Z",
        "created": "2026-04-01T12:00:00Z",
        "platform": "sentinel-2a",
        "constellation": "sentinel-2",
        "gsd": 10.0,
        "grid:code": "MGRS-31UFU",
        "proj:code": "EPSG:32631",
        "proj:shape": [161, 162],
        "proj:transform": [10.0, 0.0, 678730.0, 0.0, -10.0, 5848340.0],
        "tulip:simulated": False,
        "tulip:bands": ["blue", "green", "red"],
    }
    assert expected.items() <= item["properties"].items()
    assert item["links"][0]["rel"] == "derived_from"
    assert geodesic_area(shape(item["geometry"])) == pytest.approx(1620 * 1610, rel=1e-3)
    assert item["bbox"] == list(shape(item["geometry"]).bounds)


def test_simulated_scenes_are_called_so() -> None:
    properties = stac_items.product_item(acquisition("SIM_31UFU_20160501_0_L2A"), GRID, ())[
        "properties"
    ]
    assert properties["platform"] == "simulated"
    assert properties["tulip:simulated"] is True
    assert "constellation" not in properties


def test_an_item_stays_valid_as_products_are_published(tmp_path: Path) -> None:
    store, scene = ProductStore(str(tmp_path)), acquisition()
    store.start_item(scene.id, stac_items.product_item(scene, GRID, ("red",)))
    with store.writing(scene.id, TULIP) as path:
        path.write_bytes(b"abc")
        store.publish(
            scene.id,
            TULIP,
            path,
            recipe="ab",
            model=ModelReference("unet", "1", "ff"),
            fields=stac_items.product_fields(TULIP),
            properties={"tulip:threshold": 0.5},
        )
    document = json.loads((tmp_path / str(scene.id) / "item.json").read_text())
    validate(document)
    read = pystac.Item.from_file(tmp_path / str(scene.id) / "item.json")
    assert Path(str(read.assets["tulip"].get_absolute_href())).read_bytes() == b"abc"


def test_fields_of_products_are_those_of_published_items() -> None:
    assert stac_items.product_fields(REFLECTANCE, ("red",)) == {
        "bands": [{"name": "red", "eo:common_name": "red"}],
        "data_type": "uint16",
        "raster:scale": 1e-4,
        "raster:offset": -0.1,
        "nodata": 0,
    }
    assert stac_items.product_fields(TULIP) == {
        "bands": [{"name": "tulip"}, {"name": "bloom"}],
        "data_type": "uint8",
        "raster:scale": 0.004,
        "raster:offset": 0.0,
        "nodata": 255,
    }
    assert stac_items.product_fields(CLOUD)["bands"] == [{"name": "cloud"}]
    assert stac_items.product_fields(DETECTIONS) == {}


def test_bands_carry_the_names_of_the_eo_extension() -> None:
    fields = stac_items.encoding_fields(BANDS, dtype="uint16", scale=1e-4, offset=-0.1, nodata=0)
    assert fields["bands"][3] == {"name": "rededge1", "eo:common_name": "rededge071"}
    assert fields["nodata"] == 0
    assert "nodata" not in stac_items.encoding_fields(("red",), dtype="float32")
    assert (
        stac_items.encoding_fields(("red",), dtype="float32", nodata=float("nan"))["nodata"]
        == "nan"
    )


def test_a_new_catalog_is_valid_stac() -> None:
    catalog = stac_items.new_catalog()
    pystac.Catalog.from_dict(catalog).validate()
    assert [link["rel"] for link in catalog["links"]] == ["root"]
