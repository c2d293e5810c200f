"""The settings. The environment is read here alone and handed down as arguments."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

from tulip_ops.core.errors import BadSetting
from tulip_ops.core.kubernetes_settings import PodSettings
from tulip_ops.core.types import NETWORK_STEPS, NetworkStep, OffsetRule


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


LOCAL_ENV = "local.env"
"""Written by the local stack into the state folder, readable by its user only."""


@dataclass(frozen=True, slots=True)
class ReadBy:
    """Marks a setting by the steps that read it and may run in pods; `pods` passes it on to those.

    Secrets are never marked: pods have them from Kubernetes Secrets.
    """

    steps: tuple[NetworkStep, ...]


_SCREEN, _SEGMENT = ReadBy(("screen",)), ReadBy(("segment",))
_BOTH = ReadBy(NETWORK_STEPS)


class Settings(PodSettings, BaseSettings):
    """Each field is an environment variable: `TULIP_` and its name in capitals.

    Variables win over `<state>/local.env`, which the local stack writes, and that over the
    defaults. Empty variables count as unset.
    """

    model_config = SettingsConfigDict(
        env_prefix="TULIP_", env_ignore_empty=True, extra="ignore", populate_by_name=True
    )

    state: Path = Field(
        Path(".tulip"), description="Folder of everything that the local stack keeps."
    )
    database_url: SecretStr | None = Field(
        None,
        description="PostgreSQL with PostGIS as postgresql://user:password@host:port/name;"
        " the steps need the rights of tulip_writer.",
    )
    database_owner_url: SecretStr | None = Field(
        None,
        description="The same database as its owner, for migrations and roles;"
        " default: TULIP_DATABASE_URL.",
    )
    database_reader_url: SecretStr | None = Field(
        None, description="The same database with the rights of tulip_reader, for queries."
    )
    airflow_database_url: SecretStr | None = Field(
        None,
        description="PostgreSQL for the local Airflow's own tables; default: a private server.",
    )
    store: Annotated[str | None, _BOTH] = Field(
        None,
        description="Folder or s3://bucket/prefix of the products; default: <state>/store.",
    )
    copies_gb: Annotated[float, _BOTH] = Field(
        10.0,
        ge=0,
        description="Gigabytes of copies of an S3 store's products to keep in <state>/copies; those"
        " used in the last hour stay in any case.",
    )
    archive: str | None = Field(
        None,
        description="Folder or s3://bucket/prefix with a static STAC catalog;"
        " default: <state>/archive.",
    )
    s3_endpoint: Annotated[str | None, _BOTH] = Field(
        None, description="URL of an S3-compatible service; default: AWS."
    )
    sources: tuple[str, ...] = Field(
        ("archive",), description="Sources to ask, in this order, as a JSON list."
    )
    stac_apis: dict[str, StacApi] = Field(
        {},
        description="STAC APIs of your own by the name that TULIP_SOURCES calls them, as a JSON"
        " object: docs/how-to/earth-search.md.",
    )
    stac_headers: dict[str, dict[str, SecretStr]] = Field(
        {},
        description="Headers with credentials that a STAC API and its files are asked with, by its"
        " name, as a JSON object.",
    )
    l1c_bucket: str = Field(
        "sentinel-s2-l1c", description="Bucket of the source l1c; its readers pay."
    )
    l1c_endpoint: str | None = Field(
        None, description="URL of the S3 service that holds that bucket; default: AWS."
    )
    sh_deployment: Literal["copernicus", "commercial"] = Field(
        "copernicus",
        description="Which Sentinel Hub: copernicus (Copernicus Data Space, free quota) or"
        " commercial.",
    )
    sh_url: str | None = Field(
        None,
        description="Base URL of a Sentinel Hub deployment; default: that of TULIP_SH_DEPLOYMENT.",
    )
    sh_token_url: str | None = Field(
        None,
        description="Where that deployment hands out OAuth tokens; default: that of"
        " TULIP_SH_DEPLOYMENT.",
    )
    sh_client_id: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("TULIP_SH_CLIENT_ID", "SH_CLIENT_ID"),
        description="OAuth client of Sentinel Hub; SH_CLIENT_ID is read as well.",
    )
    sh_client_secret: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("TULIP_SH_CLIENT_SECRET", "SH_CLIENT_SECRET"),
        description="Its secret; SH_CLIENT_SECRET is read as well.",
    )
    sh_instance_id: SecretStr | None = Field(
        None, description="Configuration instance of Sentinel Hub's WMS, for sentinel-hub-wms."
    )
    sh_layer: str = Field(
        "TRUE_COLOR", description="Layer of that instance that renders 8-bit true colour."
    )
    sh_timeout: float = Field(
        300.0, gt=0, description="Seconds within which an answer of Sentinel Hub must be complete."
    )
    sh_attempts: int = Field(
        4, ge=1, description="How often one request to Sentinel Hub is sent before it is given up."
    )
    sh_longest_wait: float = Field(
        120.0,
        ge=0,
        description="Longest Retry-After of Sentinel Hub, in seconds, that is waited for.",
    )
    units_per_run: float = Field(
        2000.0, ge=0, description="Processing units of Sentinel Hub that one run may use."
    )
    units_per_month: float = Field(
        10000.0,
        ge=0,
        description="Processing units of Sentinel Hub that all runs together may use in a calendar"
        " month (UTC).",
    )
    run_id: str | None = Field(
        None,
        description="What this run is called in the ledger and in the budget of processing units;"
        " a DAG hands in its own. Default: each process is a run of its own.",
    )
    models: Annotated[Path, _BOTH] = Field(
        Path(__file__).resolve().parents[2] / "models", description="Folder of the networks."
    )
    cloud_filter: Annotated[str, _SCREEN] = Field(
        "auto",
        description="Cloud filter as name/version; auto takes the model with the most bands that"
        " the acquisition offers, in its promoted version or else its newest.",
    )
    unet: Annotated[str, _SEGMENT] = Field(
        "auto", description="U-Net as name/version; auto as for the cloud filter."
    )
    engine: Annotated[Literal["auto", "keras", "openvino"], _BOTH] = Field(
        "auto",
        description="What runs the networks: keras (TensorFlow, the reference), openvino (an export"
        " that `tulip models export` made and measured), or auto: an accepted export where there is"
        " one, else keras.",
    )
    precision: Annotated[Literal["auto", "fp32", "bf16", "int8"], _BOTH] = Field(
        "auto",
        description="Numbers that the networks compute with; auto: the fastest that an export was"
        " accepted with, else fp32.",
    )
    exports: Annotated[Path | None, _BOTH] = Field(
        None,
        description="Folder for exports of the networks, as <name>/<version>/; default: beside each"
        " network's weights.",
    )
    memory_gb: Annotated[float, _SEGMENT] = Field(
        2.0,
        gt=0,
        description="Gigabytes that a step may use for pixels and networks, however large the"
        " raster.",
    )
    minimum_clear: Annotated[float, _SCREEN] = Field(
        0.1,
        ge=0,
        le=1,
        description="Share of the ground over the areas that must be clear; an acquisition with"
        " less is skipped.",
    )
    minimum_area: float = Field(
        3000.0, ge=0, description="Smallest detection that is kept, in square metres."
    )
    true_color_stretch: float = Field(
        2.5,
        gt=0,
        description="Gain of 8-bit TRUE_COLOR renderings: reflectance = value / 255 / gain.",
    )
    look_back_days: int = Field(
        60, ge=1, description="How far back discovery looks by default, in days."
    )
    stale_after_days: float | None = Field(
        None,
        gt=0,
        description="Days after which a source whose newest item over an area is older counts as"
        " stale. Default: when two overpasses that `tulip revisit` expects are missing.",
    )
    publication_hours: float = Field(
        48.0,
        ge=0,
        description="Hours that sources may take to publish an overpass before it counts as late.",
    )
    bloom_window: tuple[str, str] = Field(
        ("03-20", "06-05"),
        description="First and last month-day of possible blooms, as a JSON list: clear looks"
        " between them decide whether a field bloomed.",
    )
    fields_from: Literal["detections", "parcels"] = Field(
        "detections",
        description="What gives fields their outlines: detections, or the registered parcels that"
        " `tulip parcels import` brought in. After a change of it, run `tulip history --rebuild`.",
    )
    runtime: Literal["process", "kubernetes"] = Field(
        "process",
        description="Where Airflow runs the network steps; process: where its other tasks run,"
        " kubernetes: in pods of their own (docs/how-to/kubernetes.md).",
    )
    batch: Annotated[int, _BOTH] = Field(
        1,
        ge=1,
        description="How many acquisitions one start of a network step carries at most: its own,"
        " then those that the ledger says wait for the same step.",
    )
    no_progress_seconds: Annotated[float, _BOTH] = Field(
        600.0,
        gt=0,
        description="Seconds without a window answered or a byte read after which the process of a"
        " step ends with exit code 1 and the stacks of its threads, to be tried again.",
    )
    threads: Annotated[int, _BOTH] = Field(
        2, ge=1, description="Threads of one step for networks and codecs."
    )

    @classmethod
    def load(cls) -> Self:
        """Settings from the environment and `<state>/local.env`.

        `BadSetting` names the first bad one. The URLs of the file belong to one database: none is
        used beside a TULIP_DATABASE_URL of the environment.
        """
        state = Path(os.environ.get("TULIP_STATE") or ".tulip")
        try:
            settings = cls(_env_file=state / LOCAL_ENV)  # type: ignore[call-arg]  # pydantic-settings' own keyword
            given = cls(_env_file=None)  # type: ignore[call-arg]
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            name = "TULIP_" + str(first["loc"][0]).upper()
            raise BadSetting(f"{name}: {first['msg']}; see `tulip settings`") from None
        if given.database_url is None:
            return settings
        urls = ("database_owner_url", "database_reader_url")
        return settings.model_copy(update={name: getattr(given, name) for name in urls})

    @cached_property
    def store_place(self) -> str:
        return self.store or str(self.state / "store")

    @cached_property
    def archive_place(self) -> str:
        return self.archive or str(self.state / "archive")

    def writer_url(self) -> str:
        """The database for the steps; `BadSetting` if none is set."""
        if self.database_url is None:
            raise BadSetting(
                "no database is set: run `make demo`, or set TULIP_DATABASE_URL to"
                " postgresql://user:password@host:port/name"
            )
        return self.database_url.get_secret_value()

    def reader_url(self) -> str:
        """The database for queries; `BadSetting` if none is set."""
        if self.database_reader_url is None:
            return self.writer_url()
        return self.database_reader_url.get_secret_value()

    def owner_url(self) -> str:
        """The database for migrations; `BadSetting` if none is set."""
        if self.database_owner_url is None:
            return self.writer_url()
        return self.database_owner_url.get_secret_value()


def read_by(step: NetworkStep) -> tuple[str, ...]:
    """Names of the settings that a step reads where it runs in a pod, without secrets."""
    return tuple(
        name
        for name, field in Settings.model_fields.items()
        if any(isinstance(mark, ReadBy) and step in mark.steps for mark in field.metadata)
    )


def in_order() -> list[tuple[str, FieldInfo]]:
    """Every setting as people look for it: those that few need come last."""
    fields = Settings.model_fields.items()
    return sorted(fields, key=lambda named: named[0] in PodSettings.model_fields)


def inherited_environment() -> dict[str, str]:
    """What this process hands on to programs that it starts.

    Without what is meant for another Airflow or another Python.
    """
    foreign = ("AIRFLOW", "PYTHON")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
