"""One bad item of an API is one problem, and hides no other."""

from collections.abc import Iterator
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from shapely.geometry import box

from tests.unit.sources.test_stac_item import item
from tulip_ops.core.source_settings import StacApi
from tulip_ops.sources.http_client import RateLimiter
from tulip_ops.sources.stac.client import StacClient

GOOD = item(collection="s2")


@pytest.mark.parametrize(
    "bad",
    [
        None,
        "text",
        [GOOD],
        {**GOOD, "links": None},
        {**GOOD, "id": ["a"], "links": [None]},
        {**GOOD, "assets": {"red": None}},
        {**GOOD, "assets": {"red": {"href": "red.tif", "gsd": None}}},
        {**GOOD, "assets": {"red": {"href": "red.tif", "alternate": {"s3": None}}}},
        {**GOOD, "collection": {"a": 1}},
    ],
)
def test_a_bad_item_hides_no_other(bad: Any) -> None:
    def pages_as_dicts() -> Iterator[dict[str, Any]]:
        yield {"features": [bad, GOOD | {"id": "S2A_31UFU_20160502_0_L2A"}]}

    api = StacApi(url="https://stac.test", collections={"s2": "none"}, alternate="s3")
    client = StacClient("mine", api, {}, RateLimiter(1e6))
    client.__dict__["_client"] = SimpleNamespace(
        search=lambda **_: SimpleNamespace(pages_as_dicts=pages_as_dicts)
    )
    found = client.granules(box(5, 52, 6, 53), date(2016, 5, 1), date(2016, 5, 3))
    assert [str(granule.scene.id) for granule in found] == ["S2A_31UFU_20160502_0_L2A"]
    assert len(client.problems) == 1
    assert "stac.test" in client.problems[0]
