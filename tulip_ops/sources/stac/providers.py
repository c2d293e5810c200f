"""What there is to know of a STAC API before it is asked: values, and the ones we know."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field

from tulip_ops.core.types import OffsetRule


class StacApi(BaseModel):
    """One STAC API with Sentinel-2 scenes, one raster a band. TULIP_STAC_APIS holds such values."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(pattern=r"^https?://", description="Its landing page.")
    collections: dict[str, OffsetRule] = Field(
        min_length=1,
        description="Collections in order of preference, each with where its radiometric offset"
        " is known from: declared, baseline, pixels or none.",
    )
    bands: dict[str, str] = Field(
        default={},
        description="Band by asset key, where the API's own names (red, B04, B04_10m) do not say.",
    )
    alternate: str | None = Field(
        default=None, description="Name of the alternate href to read from, such as https or s3."
    )
    token_url: str | None = Field(
        default=None,
        pattern=r"^https?://",
        description="Where shared access signatures come from; {collection} is filled in.",
    )
    s3_endpoint: str | None = Field(default=None, description="Of s3:// hrefs; default: AWS.")
    s3_profile: str | None = Field(
        default=None,
        description="AWS profile with the keys for s3:// hrefs; default: boto3's own chain.",
    )
    requester_pays: bool = Field(default=False, description="Agree to pay for reading s3:// hrefs.")
    requests_per_second: float = Field(default=5.0, gt=0, description="To the API, at most.")
    reads_per_second: float = Field(
        default=50.0, gt=0, description="Range requests for pixels, at most."
    )
    parallel_reads: int = Field(default=4, ge=1, le=16, description="Bands that are read at once.")
    timeout: float = Field(
        default=60.0, gt=0, description="Seconds within which one answer must be complete."
    )
    attempts: int = Field(default=4, ge=1, description="How often one request is sent.")
    longest_wait: float = Field(
        default=60.0, ge=0, description="Longest Retry-After that is waited for, in seconds."
    )
    verify_checksums: bool = Field(
        default=False,
        description="Fetch every band whole and compare its file:checksum, instead of its windows"
        " only.",
    )


BUILT_IN: Mapping[str, StacApi] = {
    "earth-search": StacApi(
        url="https://earth-search.aws.element84.com/v1",
        # the second is complete, but takes the 1000 from some scenes and not from others
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
"""By the names that TULIP_SOURCES calls them."""
