"""From the Catalog's features to acquisitions with the ids that all sources share."""

from datetime import UTC, datetime
from typing import Any

import pytest
from shapely.geometry import box, mapping

from tulip_ops.core.errors import BadScene
from tulip_ops.core.types import Acquisition
from tulip_ops.sources.sentinel_hub import items

FIRST = "S2B_MSIL2A_20260420T105031_N0510_R051_T31UFU_20260420T145031"
LATER = "S2B_MSIL2A_20260420T105031_N0511_R051_T31UFU_20260501T020304"
CATALOG = "https://hub/api/v1/catalog/1.0.0"
HREF = f"{CATALOG}/collections/sentinel-2-l2a/items"


def feature(name: str = FIRST, path: str | None = None, **properties: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": name,
        "geometry": mapping(box(5.5, 52.6, 6.0, 52.9)),
        "properties": {"datetime": "2026-04-20T10:50:40Z", "eo:cloud_cover": 12.5, **properties},
    }
    if path:
        found["assets"] = {"data": {"href": path}}
    return found


def offered(*features: dict[str, Any]) -> list[Acquisition]:
    granules = [items.parse_item(one, CATALOG) for one in features]
    return items.acquisitions(granules, CATALOG, "sentinel-hub", ("red", "nir"))


def ids(*features: dict[str, Any]) -> dict[str, str]:
    """By product: the acquisition's id."""
    return {items.products_of(one.href)[0]: str(one.id) for one in offered(*features)}


def test_a_feature_says_everything_but_the_pixels() -> None:
    [acquisition] = offered(feature(f"{FIRST}.SAFE"))
    assert str(acquisition.id) == "S2B_31UFU_20260420_0_L2A"
    assert acquisition.sensed_at == datetime(2026, 4, 20, 10, 50, 40, tzinfo=UTC)
    assert acquisition.href == f"{HREF}/{FIRST}.SAFE"
    assert items.products_of(acquisition.href) == (FIRST,)
    assert acquisition.bands == ("red", "nir")
    assert (acquisition.baseline, acquisition.relative_orbit) == ("05.10", 51)
    assert acquisition.provider_cloud_cover == 12.5
    assert acquisition.footprint.equals(box(5.5, 52.6, 6.0, 52.9))


def test_processings_are_numbered_as_they_were_made_in_whatever_order_they_come() -> None:
    expected = {FIRST: "S2B_31UFU_20260420_0_L2A", LATER: "S2B_31UFU_20260420_1_L2A"}
    assert ids(feature(LATER), feature(FIRST)) == expected
    assert ids(feature(FIRST), feature(LATER), feature(FIRST)) == expected


def test_the_path_on_aws_numbers_them_where_it_numbers_all() -> None:
    where = "s3://sentinel-s2-l2a/tiles/31/U/FU/2026/4/20"
    found = ids(feature(FIRST, f"{where}/1/"), feature(LATER, f"{where}/0"))
    assert found == {FIRST: "S2B_31UFU_20260420_1_L2A", LATER: "S2B_31UFU_20260420_0_L2A"}
    mixed = ids(feature(FIRST), feature(LATER, f"{where}/0/"))
    assert mixed == {FIRST: "S2B_31UFU_20260420_0_L2A", LATER: "S2B_31UFU_20260420_1_L2A"}


def test_datastrips_of_one_processing_are_one_acquisition() -> None:
    north = feature(f"{FIRST}.SAFE", datetime="2026-04-20T10:50:40Z")
    south_name = FIRST.replace("T145031", "T150000")
    south = feature(f"{south_name}.SAFE", datetime="2026-04-20T10:50:52Z")
    south["geometry"] = mapping(box(5.5, 52.3, 6.0, 52.6))
    [together] = offered(south, north)
    assert str(together.id) == "S2B_31UFU_20260420_0_L2A"
    assert together.href == (
        f"{CATALOG}/search?collections=sentinel-2-l2a&ids={FIRST}.SAFE,{south_name}.SAFE"
    )
    assert items.products_of(together.href) == (FIRST, south_name)
    assert together.footprint.equals(box(5.5, 52.3, 6.0, 52.9))
    assert together.bands == ("red", "nir")


def test_tiles_and_platforms_are_numbered_apart() -> None:
    found = ids(feature(FIRST), feature(FIRST.replace("T31UFU", "T31UGU")),
                feature(FIRST.replace("S2B", "S2C")))  # fmt: skip
    assert sorted(found.values()) == [
        "S2B_31UFU_20260420_0_L2A", "S2B_31UGU_20260420_0_L2A", "S2C_31UFU_20260420_0_L2A",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (feature("S2B_MSIL2A_nonsense"), "not the name"),
        (feature(FIRST.replace("31UFU", "31UFI")), "31UFI"),
        (feature(datetime="yesterday"), "when and where"),
        ({**feature(), "geometry": None}, "when and where"),
        ({"id": FIRST}, "when and where"),
        ({**feature(), "geometry": {"type": "Point", "coordinates": [5, 52]}}, "no polygon"),
        ({**feature(), "properties": {"datetime": None}}, "when and where"),
    ],
)
def test_what_is_no_acquisition_is_refused(bad: dict[str, Any], words: str) -> None:
    with pytest.raises(BadScene, match=words):
        items.parse_item(bad, CATALOG)
