"""One value of a wrong form is one named problem, never a traceback."""

import copy
import json
import math
from collections.abc import Iterator

import pytest

from tests.unit.sources.test_stac_item import ADDRESS, SQUARE, item
from tulip_ops.core.errors import BadScene
from tulip_ops.core.types import JSON
from tulip_ops.sources.stac_item import parse_footprint, parse_scene

ASSET = item()["assets"]["reflectance"] | {
    "type": "image/tiff",
    "gsd": 10,
    "proj:shape": [10, 10],
    "proj:transform": [10, 0, 0, 0, -10, 0],
    "file:size": 5,
    "raster:bands": [{"nodata": "nan"}],
}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("gsd", None),
        ("gsd", "ten"),
        ("roles", None),
        ("roles", [["data"]]),
        ("type", None),
        ("href", None),
        ("href", [[]]),
        ("href", {"a": None}),
        ("href", math.nan),
        ("href", True),
        ("raster:scale", "x"),
        ("raster:scale", math.nan),
        ("raster:offset", None),
        ("nodata", "none"),
        ("bands", None),
        ("bands", ["B04"]),
        ("eo:bands", ["B04"]),
        ("raster:bands", [{"scale": None}]),
        ("raster:bands", [{"nodata": [0]}]),
    ],
)
def test_the_field_of_an_asset_is_named(field: str, value: object) -> None:
    bad = item(assets={"data": ASSET | {field: value}})
    with pytest.raises(BadScene, match=rf"(?=.*asset data of {ADDRESS}).*{field}[ ,]"):
        parse_scene(bad, ADDRESS)


@pytest.mark.parametrize("field", ["id", "geometry", "properties", "assets", "links"])
def test_the_field_of_an_item_is_named(field: str) -> None:
    with pytest.raises(BadScene, match=rf"{ADDRESS} is no STAC item: {field} is missing or null"):
        parse_scene(item(**{field: None}), ADDRESS)


def mutations(value: JSON) -> Iterator[JSON]:
    """The same document with each of its values replaced, one at a time."""
    yield from (None, [], {}, "x", True, math.nan, math.inf, 10**400, -1, [[]], {"a": None})
    if isinstance(value, dict):
        for key in value:
            yield {name: one for name, one in value.items() if name != key}
            for changed in mutations(value[key]):
                yield {**value, key: changed}
    elif isinstance(value, list):
        for place, one in enumerate(value):
            for changed in mutations(one):
                yield [*value[:place], changed, *value[place + 1 :]]


def test_no_value_in_an_item_is_a_traceback() -> None:
    good = item(assets={"data": copy.deepcopy(ASSET), "red": {"href": "r.tif"}})
    good["properties"] |= {"sat:relative_orbit": 8, "s2:processing_baseline": "05.10"}
    messages = []
    for changed in mutations(good):
        try:
            parse_scene(changed, ADDRESS)
        except BadScene as error:
            messages.append(str(error))
    assert len(messages) > 200
    assert all(ADDRESS in message for message in messages)


def test_a_footprint_over_the_180th_meridian_is_cut_there() -> None:
    jump = [[[179.5, 52], [-179.5, 52], [-179.5, 53], [179.5, 53], [179.5, 52]]]
    found = parse_footprint({"type": "Polygon", "coordinates": jump})
    assert [part.bounds for part in sorted(found.geoms, key=lambda part: part.bounds)] == [
        (-180, 52, -179.5, 53),
        (179.5, 52, 180, 53),
    ]
    world = [[[-180, 52], [180, 52], [180, 53], [-180, 53], [-180, 52]]]
    with pytest.raises(ValueError, match="spans 360 degrees"):
        parse_footprint({"type": "Polygon", "coordinates": world})
    square = parse_footprint(json.loads(json.dumps({"type": "Polygon", "coordinates": SQUARE})))
    assert square.bounds == (5, 52, 6, 53)
