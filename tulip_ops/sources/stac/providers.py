"""Configuration of STAC APIs, and the built-in ones."""

from __future__ import annotations

from collections.abc import Mapping

from tulip_ops.core.source_settings import StacApi

BUILT_IN: Mapping[str, StacApi] = {
    "earth-search": StacApi(
        url="https://earth-search.aws.element84.com/v1",
        # the second is complete, but subtracts the 1000 from some scenes only
        # (Element84/earth-search issues 9 and 71)
        collections={"sentinel-2-c1-l2a": "declared", "sentinel-2-l2a": "pixels"},
    ),
    "planetary-computer": StacApi(
        url="https://planetarycomputer.microsoft.com/api/stac/v1",
        collections={"sentinel-2-l2a": "baseline"},
        token_url="https://planetarycomputer.microsoft.com/api/sas/v1/token/{collection}",  # noqa: S106 - where tokens come from
    ),
    "copernicus": StacApi(
        url="https://stac.dataspace.copernicus.eu/v1",
        collections={"sentinel-2-l2a": "baseline"},
        s3_endpoint="https://eodata.dataspace.copernicus.eu",
        s3_profile="copernicus",
        requests_per_second=4,  # it answers more than 5 with 429
        parallel_reads=4,  # it serves no more connections at once
    ),
}
"""By their names in TULIP_SOURCES."""
