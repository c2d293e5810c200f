"""Which items are one acquisition."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.services import providers
from tests.services.providers import Files, Published
from tulip_ops.core.errors import BadScene
from tulip_ops.core.source_settings import StacApi
from tulip_ops.core.types import BANDS
from tulip_ops.sources.datastrips import MergedDatastrips, merge_datastrips
from tulip_ops.sources.granule import parse_granule
from tulip_ops.sources.stac.providers import BUILT_IN

EARTH_SEARCH = BUILT_IN["earth-search"]
GROUND = providers.ground(64)


class Described(Files):
    """Files that nobody reads."""

    def described(self, band: str) -> dict[str, Any]:
        return {"file:size": 10, "proj:shape": [64, 64], "proj:transform": [10, 0, 0, 0, -10, 0]}


FILES = Described("https://files.test/x", {band: Path(f"/x/{band}.tif") for band in BANDS})


def c1(published: Published) -> dict[str, Any]:
    return providers.earth_search_c1(published, FILES)


def l2a(published: Published) -> dict[str, Any]:
    return providers.earth_search_l2a(published, FILES, applied=True)


def group(*items: Mapping[str, Any], api: StacApi = EARTH_SEARCH) -> list[MergedDatastrips]:
    parsed = [
        parse_granule(item, api, f"https://api.test/{item['collection']}/{item['id']}")
        for item in items
    ]
    return merge_datastrips(parsed, list(api.collections))


def ids(found: list[MergedDatastrips]) -> list[str]:
    return [str(overpass.id) for overpass in found]


ID = "S2B_31UFU_20260420_{}_L2A"
STRIP = replace(GROUND, datastrip="20260420T105311", sequence=1)
STATION = replace(GROUND, station="SGS_", sequence=1)
AGAIN = replace(GROUND, generated="20260601T120000", sequence=1)
NEWER = replace(GROUND, baseline="05.12", generated="20260601T120000", sequence=1)


@pytest.mark.parametrize("publish", [c1, l2a])
@pytest.mark.parametrize("second", [STRIP, STATION], ids=["datastrip", "station"])
def test_pieces_of_an_overpass_are_one(publish: Any, second: Published) -> None:
    items = [publish(GROUND), publish(second)]
    if publish is c1:
        items[1]["id"] += "_b"
    for order in (items, items[::-1]):
        [overpass] = group(*order)
        assert str(overpass.id) == ID.format(0)
        assert len(overpass.granules) == 2
        assert overpass.granules[0].scene.address.endswith(items[0]["id"])


@pytest.mark.parametrize("publish", [c1, l2a])
@pytest.mark.parametrize("second", [AGAIN, NEWER], ids=["same baseline", "newer baseline"])
def test_what_was_processed_again_stays_apart(publish: Any, second: Published) -> None:
    items = [publish(GROUND), publish(second)]
    if publish is c1:
        items[1]["id"] += "_b"
    for order in (items, items[::-1]):
        first, latest = group(*order)
        assert ids([first, latest]) == [ID.format(0), ID.format(1)]
        assert latest.granules[0].generated > first.granules[0].generated


def test_a_datastrip_processed_again_takes_the_others_along() -> None:
    again = replace(AGAIN, sequence=2)
    first, latest = group(l2a(GROUND), l2a(STRIP), l2a(again))
    assert ids([first, latest]) == [ID.format(0), ID.format(2)]
    assert [len(overpass.granules) for overpass in (first, latest)] == [2, 2]
    assert {granule.sequence for granule in latest.granules} == {1, 2}


def test_two_passes_on_one_day_are_two_acquisitions() -> None:
    later = replace(GROUND, datatake="20260420T123019", datastrip="20260420T123021")
    assert ids(group(c1(GROUND), c1(later))) == [ID.format(0), ID.format(1)]


def test_the_second_collection_fills_gaps_alone() -> None:
    other_day = replace(GROUND, datatake="20260425T105019", datastrip="20260425T105021")
    found = group(l2a(GROUND), l2a(other_day), c1(GROUND))
    assert [overpass.granules[0].collection for overpass in found] == [
        "sentinel-2-c1-l2a",
        "sentinel-2-l2a",
    ]


def test_providers_agree_on_ids() -> None:
    everyone = {
        "earth-search": [c1(GROUND), c1(NEWER)],
        "planetary-computer": [providers.planetary_computer(one, FILES) for one in (GROUND, NEWER)],
        "copernicus": [providers.copernicus(one, FILES, "eodata") for one in (GROUND, NEWER)],
    }
    everyone["earth-search"][1]["id"] += "_b"
    found = {}
    for name, items in everyone.items():
        acquisitions = [one.acquisition("") for one in group(*items, api=BUILT_IN[name])]
        found[name] = [replace(one, href="") for one in acquisitions]
    assert [str(one.id) for one in found["copernicus"]] == [ID.format(0), ID.format(1)]
    assert found["earth-search"] == found["planetary-computer"] == found["copernicus"]


def test_an_item_counts_once_however_often_it_is_listed() -> None:
    [overpass] = group(c1(GROUND), c1(GROUND))
    assert len(overpass.granules) == 1


def test_the_whole_is_described() -> None:
    west = providers.without(GROUND, columns=slice(32, None))
    east = replace(providers.without(STRIP, columns=slice(0, 32)), cloud_cover=37.5)
    [overpass] = group(l2a(west), l2a(east))
    acquisition = overpass.acquisition("earth-search")
    [alone] = group(l2a(GROUND))
    whole = alone.acquisition("earth-search")
    assert acquisition.footprint.area == pytest.approx(whole.footprint.area, rel=1e-3)
    assert acquisition.provider_cloud_cover == pytest.approx(25, abs=0.1)
    assert overpass.hrefs == {f"https://files.test/x/{band}.tif" for band in BANDS}
    assert overpass.digest() != alone.digest()


def test_files_are_described_as_declared() -> None:
    granule = parse_granule(c1(GROUND), EARTH_SEARCH, "https://api.test/1")
    assert granule.rule == "declared"
    assert granule.offset == -0.1
    assert granule.datatake == "20260420T105019"
    assert granule.sequence is None
    red = granule.scene.bands["red"]
    assert (red.scale, red.nodata, red.declared.size) == (1e-4, 0, 10)


def test_rasters_and_not_their_jpeg_2000_twins_are_read() -> None:
    granule = parse_granule(l2a(GROUND), EARTH_SEARCH, "https://api.test/1")
    assert {band.href.rpartition(".")[2] for band in granule.scene.bands.values()} == {"tif"}
    assert granule.subtracted is True
    assert granule.sequence == 0


def test_alternate_hrefs_are_taken_where_wanted() -> None:
    item = c1(GROUND)
    item["assets"]["red"]["alternate"] = {"s3": {"href": "s3://bucket/B04.tif"}}
    api = EARTH_SEARCH.model_copy(update={"alternate": "s3"})
    bands = parse_granule(item, api, "https://api.test/1").scene.bands
    assert bands["red"].href == "s3://bucket/B04.tif"
    assert bands["blue"].href.startswith("https://files.test/")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"collection": "other"}, "not asked for"),
        ({"assets": []}, "no STAC item"),
        ({"properties": None}, "no STAC item"),
        ({"geometry": None}, "no STAC item"),
    ],
)
def test_what_is_no_scene_is_refused(change: dict[str, Any], told: str) -> None:
    with pytest.raises(BadScene, match=told):
        parse_granule({**c1(GROUND), **change}, EARTH_SEARCH, "https://api.test/1")


def test_every_word_of_an_item_is_in_its_digest() -> None:
    item = c1(GROUND)
    changed = json.loads(json.dumps(item))
    changed["assets"]["red"]["raster:bands"][0]["offset"] = 0
    one, other = (
        parse_granule(document, EARTH_SEARCH, "https://api.test/1") for document in (item, changed)
    )
    assert one.digest != other.digest
    assert parse_granule(item, EARTH_SEARCH, "https://elsewhere.test/1").digest == one.digest


def test_nothing_measured_has_no_cloud_cover_to_weigh() -> None:
    silent = c1(GROUND)
    del silent["properties"]["eo:cloud_cover"]
    [overpass] = group(silent)
    assert overpass.acquisition("x").provider_cloud_cover is None
    assert np.isfinite(overpass.acquisition("x").footprint.area)
