"""Where acquisitions come from: the sources, and access to Sentinel Hub."""

from __future__ import annotations

from typing import Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, SecretStr

from tulip_ops.core.setting_group import SettingGroup
from tulip_ops.core.types import OffsetRule

LONGEST_LOOK_BACK = 7300
"""Days: twenty years, longer than Sentinel-2 has flown."""


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
    attempts: int = Field(
        default=4, ge=1, description="How many times one request is sent at most."
    )
    longest_wait: float = Field(
        default=60.0, ge=0, description="Longest Retry-After that is waited for, in seconds."
    )
    verify_checksums: bool = Field(
        default=False,
        description="Fetch every band whole and compare its file:checksum, instead of its windows"
        " only.",
    )


class SourceSettings(SettingGroup):
    """Which sources are queried, how they are reached, and how discovery looks for acquisitions."""

    order: tuple[str, ...] = Field(
        default=("archive",),
        validation_alias="TULIP_SOURCES",
        description="Sources to query, in this order, as a JSON list.",
    )
    stac_apis: dict[str, StacApi] = Field(
        default={},
        validation_alias="TULIP_STAC_APIS",
        description="STAC APIs of your own, by the name that TULIP_SOURCES uses, as a JSON object:"
        " docs/how-to/earth-search.md.",
    )
    stac_headers: dict[str, dict[str, SecretStr]] = Field(
        default={},
        validation_alias="TULIP_STAC_HEADERS",
        description="Request headers with credentials for a STAC API and its files, by the API's"
        " name, as a JSON object.",
    )
    l1c_bucket: str = Field(
        default="sentinel-s2-l1c",
        validation_alias="TULIP_L1C_BUCKET",
        description="Bucket of the source l1c; the requester pays.",
    )
    l1c_endpoint: str | None = Field(
        default=None,
        validation_alias="TULIP_L1C_ENDPOINT",
        description="URL of the S3 service that holds that bucket; default: AWS.",
    )
    true_color_stretch: float = Field(
        default=2.5,
        gt=0,
        validation_alias="TULIP_TRUE_COLOR_STRETCH",
        description="Gain of 8-bit TRUE_COLOR renderings: reflectance = value / 255 / gain.",
    )
    look_back_days: int = Field(
        default=60,
        ge=1,
        le=LONGEST_LOOK_BACK,
        validation_alias="TULIP_LOOK_BACK_DAYS",
        description="How far back discovery looks by default, in days.",
    )
    stale_after_days: float | None = Field(
        default=None,
        gt=0,
        le=LONGEST_LOOK_BACK,
        validation_alias="TULIP_STALE_AFTER_DAYS",
        description="Days after which a source whose newest item over an area is older counts as"
        " stale. Default: when two overpasses that `tulip revisit` expects are missing.",
    )
    publication_hours: float = Field(
        default=48.0,
        ge=0,
        le=24 * LONGEST_LOOK_BACK,
        validation_alias="TULIP_PUBLICATION_HOURS",
        description="Hours that sources may take to publish an overpass before it counts as late.",
    )


class SentinelHubSettings(SettingGroup):
    """Access to Sentinel Hub, and the budget of its processing units."""

    deployment: Literal["copernicus", "commercial"] = Field(
        default="copernicus",
        validation_alias="TULIP_SH_DEPLOYMENT",
        description="Which Sentinel Hub: copernicus (Copernicus Data Space, free quota) or"
        " commercial.",
    )
    url: str | None = Field(
        default=None,
        validation_alias="TULIP_SH_URL",
        description="Base URL of a Sentinel Hub deployment; default: that of TULIP_SH_DEPLOYMENT.",
    )
    token_url: str | None = Field(
        default=None,
        validation_alias="TULIP_SH_TOKEN_URL",
        description="OAuth token URL of that deployment; default: that of TULIP_SH_DEPLOYMENT.",
    )
    client_id: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("TULIP_SH_CLIENT_ID", "SH_CLIENT_ID"),
        description="OAuth client of Sentinel Hub; SH_CLIENT_ID is read as well.",
    )
    client_secret: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("TULIP_SH_CLIENT_SECRET", "SH_CLIENT_SECRET"),
        description="Its secret; SH_CLIENT_SECRET is read as well.",
    )
    instance_id: SecretStr | None = Field(
        default=None,
        validation_alias="TULIP_SH_INSTANCE_ID",
        description="Configuration instance of Sentinel Hub's WMS, for sentinel-hub-wms.",
    )
    layer: str = Field(
        default="TRUE_COLOR",
        validation_alias="TULIP_SH_LAYER",
        description="Layer of that instance that renders 8-bit true colour.",
    )
    timeout: float = Field(
        default=300.0,
        gt=0,
        validation_alias="TULIP_SH_TIMEOUT",
        description="Seconds within which an answer of Sentinel Hub must be complete.",
    )
    attempts: int = Field(
        default=4,
        ge=1,
        validation_alias="TULIP_SH_ATTEMPTS",
        description="How many times one request to Sentinel Hub is sent at most.",
    )
    longest_wait: float = Field(
        default=120.0,
        ge=0,
        validation_alias="TULIP_SH_LONGEST_WAIT",
        description="Longest Retry-After of Sentinel Hub that is waited for, in seconds.",
    )
    units_per_run: float = Field(
        default=2000.0,
        ge=0,
        validation_alias="TULIP_UNITS_PER_RUN",
        description="Processing units of Sentinel Hub that one run may use.",
    )
    units_per_month: float = Field(
        default=10000.0,
        ge=0,
        validation_alias="TULIP_UNITS_PER_MONTH",
        description="Processing units of Sentinel Hub that all runs together may use in a calendar"
        " month (UTC).",
    )
