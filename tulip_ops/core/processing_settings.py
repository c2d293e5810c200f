"""How acquisitions are processed: the networks, the thresholds for fields, the resources."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from tulip_ops.core.setting_group import BOTH, SCREEN, SEGMENT, SettingGroup

_MONTH_DAY = re.compile(r"\d\d-\d\d")


class NetworkSettings(SettingGroup):
    """Which networks run, and what runs them."""

    models: Annotated[Path, BOTH] = Field(
        default=Path(__file__).resolve().parents[2] / "models",
        validation_alias="TULIP_MODELS",
        description="Folder of the networks.",
    )
    cloud_filter: Annotated[str, SCREEN] = Field(
        default="auto",
        validation_alias="TULIP_CLOUD_FILTER",
        description="Cloud filter as name/version; auto: the model that uses the most of the"
        " acquisition's bands, in its promoted version or else its newest.",
    )
    unet: Annotated[str, SEGMENT] = Field(
        default="auto",
        validation_alias="TULIP_UNET",
        description="U-Net as name/version; auto as for the cloud filter.",
    )
    engine: Annotated[Literal["auto", "keras", "openvino"], BOTH] = Field(
        default="auto",
        validation_alias="TULIP_ENGINE",
        description="What runs the networks: keras (TensorFlow, the reference), openvino (an export"
        " that `tulip models export` made and measured), or auto: an accepted export if there is"
        " one, else keras.",
    )
    precision: Annotated[Literal["auto", "fp32", "bf16", "int8"], BOTH] = Field(
        default="auto",
        validation_alias="TULIP_PRECISION",
        description="Number format that the networks compute in; auto: the fastest with an accepted"
        " export, else fp32.",
    )
    exports: Annotated[Path | None, BOTH] = Field(
        default=None,
        validation_alias="TULIP_EXPORTS",
        description="Folder for exports of the networks, as <name>/<version>/; default: beside each"
        " network's weights.",
    )


class FieldSettings(SettingGroup):
    """What counts as a clear acquisition, a detection, a field and its blooming season."""

    minimum_clear_fraction: Annotated[float, SCREEN] = Field(
        default=0.1,
        ge=0,
        le=1,
        validation_alias="TULIP_MINIMUM_CLEAR",
        description="Fraction of the ground over the areas that must be clear; an acquisition with"
        " less is skipped.",
    )
    minimum_area_m2: float = Field(
        default=3000.0,
        ge=0,
        validation_alias="TULIP_MINIMUM_AREA",
        description="Smallest detection that is kept, in square metres.",
    )
    bloom_window: tuple[str, str] = Field(
        default=("03-20", "06-05"),
        validation_alias="TULIP_BLOOM_WINDOW",
        description="First and last month-day of possible blooms, as a JSON list: clear looks"
        " between them decide whether a field bloomed.",
    )

    @field_validator("bloom_window")
    @classmethod
    def _check_bloom_window(cls, value: tuple[str, str]) -> tuple[str, str]:
        # a year without the 29th of February: a window must exist in every year
        days = [date.fromisoformat(f"2023-{text}") for text in value if _MONTH_DAY.fullmatch(text)]
        if len(days) < len(value):
            raise ValueError("each is a month and a day as MM-DD, such as 03-20")
        if days[0] >= days[1]:
            raise ValueError(
                "the first day must be before the last; a window over New Year is not supported"
            )
        return value

    fields_from: Literal["detections", "parcels"] = Field(
        default="detections",
        validation_alias="TULIP_FIELDS_FROM",
        description="Where fields get their outlines from: detections, or the registered parcels"
        " that `tulip parcels import` loaded. After changing it, run `tulip history --rebuild`.",
    )
    outlines: Literal["regular", "traced"] = Field(
        default="regular",
        validation_alias="TULIP_OUTLINES",
        description="How detections and fields are outlined: regular (straight edges and corners)"
        " or traced (along the edges of pixels). After changing it, run `tulip history --rebuild`.",
    )


class ExecutionSettings(SettingGroup):
    """Where steps run, and which resources they use."""

    runtime: Literal["process", "kubernetes"] = Field(
        default="process",
        validation_alias="TULIP_RUNTIME",
        description="Where Airflow runs the network steps; process: where its other tasks run,"
        " kubernetes: in pods of their own (docs/how-to/kubernetes.md).",
    )
    run_id: str | None = Field(
        default=None,
        validation_alias="TULIP_RUN_ID",
        description="Name of this run in the ledger and in the budget of processing units; a DAG"
        " passes its own. Default: each process is a run of its own.",
    )
    beam_options: tuple[str, ...] = Field(
        default=(),
        validation_alias="TULIP_BEAM_OPTIONS",
        description="Options of Beam for every `tulip beam`, as a JSON list. Only here may an"
        " option name a program, an image or a package, as --environment_config does.",
    )
    batch: Annotated[int, BOTH] = Field(
        default=1,
        ge=1,
        validation_alias="TULIP_BATCH",
        description="How many acquisitions one start of a network step processes at most: its own,"
        " then those that wait for the same step in the ledger.",
    )
    threads: Annotated[int, BOTH] = Field(
        default=2,
        ge=1,
        validation_alias="TULIP_THREADS",
        description="Threads of one step for networks and codecs.",
    )
    memory_gb: Annotated[float, SEGMENT] = Field(
        default=2.0,
        gt=0,
        validation_alias="TULIP_MEMORY_GB",
        description="Gigabytes that a step may use for pixels and networks, however large the"
        " raster.",
    )
    no_progress_seconds: Annotated[float, BOTH] = Field(
        default=600.0,
        gt=0,
        validation_alias="TULIP_NO_PROGRESS_SECONDS",
        description="Seconds without a finished window or a byte read after which the process of a"
        " step ends with exit code 1 and the stacks of its threads, to be tried again.",
    )
