"""The domain types of all packages. No I/O, no clock, no arrays."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias, get_args

from tulip_ops.core.errors import BadAcquisitionId, BadArea

if TYPE_CHECKING:
    from shapely.geometry import MultiPolygon, Polygon

JSON: TypeAlias = Any
"""A value that `json.loads` returns, or a part of one."""

StepName: TypeAlias = Literal["acquire", "screen", "segment", "vectorize", "record"]
NetworkStep: TypeAlias = Literal["screen", "segment"]
"""The steps that run a network, in pods where TULIP_RUNTIME is kubernetes."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an acquisition."""

    name: StepName
    state: str
    """State of the acquisition in the ledger after the step."""
    help: str
    """For `tulip --help`."""


STEPS = (
    Step(
        "acquire",
        "acquired",
        "Read the pixels over the areas; reflectance on the tile's 10 m grid.",
    ),
    Step("screen", "screened", "Run the cloud filter: where is the ground clear?"),
    Step("segment", "segmented", "Run the U-Net: where do tulips grow, where do they flower?"),
    Step("vectorize", "vectorized", "Turn probabilities into polygons with their figures."),
    Step("record", "recorded", "Write the detections into PostGIS in one transaction."),
)
"""The steps of one acquisition, in their order."""
STATES: dict[str, str] = {step.name: step.state for step in STEPS}
"""State of the acquisition after each step, by the name of the step."""
NETWORK_STEPS: tuple[NetworkStep, ...] = get_args(NetworkStep)

SIMULATED_PLATFORM = "SIM"

BANDS = (
    "blue",
    "green",
    "red",
    "rededge1",
    "rededge2",
    "rededge3",
    "nir",
    "nir08",
    "swir16",
    "swir22",
)
"""STAC common names in the order of Sentinel-2's B02 B03 B04 B05 B06 B07 B08 B8A B11 B12."""

OffsetRule = Literal["declared", "baseline", "pixels", "none"]
"""How to find out the radiometric offset of a provider's pixels.

declared: the STAC item is right. baseline: the provider never subtracts it, so it follows from
the processing baseline. pixels: the provider subtracts it from some scenes and the item is not
reliable, so the pixels decide. none: the provider always subtracts it.
"""

_ID = re.compile(
    r"(?P<platform>S2[A-D]|SIM)"
    r"_(?P<tile>(?:0[1-9]|[1-5]\d|60)[C-HJ-NP-X][A-HJ-NP-Z][A-HJ-NP-V])"
    r"_(?P<day>\d{8})_(?P<sequence>\d{1,3})_(?P<level>L1C|L2A)"
)
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_BASELINE = re.compile(r"N?(?P<major>\d{1,2})\.?(?P<minor>\d{2})")


@dataclass(frozen=True, slots=True, order=True)
class AcquisitionId:
    """`S2B_31UFU_20260420_0_L2A`: one scene of one MGRS tile, one overpass, one processing.

    Invariant: `AcquisitionId.parse(str(i)) == i`.
    """

    platform: str
    """S2A to S2D, or SIM for a scene made by the simulator."""
    tile: str
    """MGRS tile, such as 31UFU."""
    day: date
    """Day of sensing, UTC."""
    sequence: int
    """Counts the datastrips or reprocessings of one overpass, from 0."""
    level: str
    """L1C (top of atmosphere) or L2A (surface reflectance)."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse an id; `BadAcquisitionId` for any other text."""
        match = _ID.fullmatch(text)
        if match is None:
            raise BadAcquisitionId(
                f"{text!r} is not an acquisition id; one looks like S2B_31UFU_20260420_0_L2A"
            )
        try:
            day = date.fromisoformat(match["day"])
        except ValueError:
            raise BadAcquisitionId(
                f"{text!r} names no day: {match['day']} is not YYYYMMDD"
            ) from None
        return cls(match["platform"], match["tile"], day, int(match["sequence"]), match["level"])

    def __str__(self) -> str:
        return f"{self.platform}_{self.tile}_{self.day:%Y%m%d}_{self.sequence}_{self.level}"

    @property
    def season(self) -> int:
        """Calendar year of the bloom."""
        return self.day.year

    @property
    def simulated(self) -> bool:
        """Whether the pixels come from the simulator and not from a satellite."""
        return self.platform == SIMULATED_PLATFORM


@dataclass(frozen=True, slots=True)
class Area:
    """An area of interest."""

    name: str
    """Lower-case letters, digits, `-` and `_`; unique."""
    geometry: MultiPolygon
    """EPSG:4326, longitude first; valid and not empty."""
    sources: tuple[str, ...] = ()
    """Sources to ask for this area, the preferred one first; empty: TULIP_SOURCES."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise BadArea(
                f"{self.name!r} cannot name an area:"
                " use up to 63 lower-case letters, digits, - and _"
            )
        if self.geometry.is_empty or not self.geometry.is_valid:
            raise BadArea(f"the geometry of area {self.name} is empty or invalid; repair it first")
        west, south, east, north = self.geometry.bounds
        if west < -180 or east > 180 or south < -90 or north > 90:
            raise BadArea(
                f"the geometry of area {self.name} leaves the Earth in longitude and latitude:"
                f" {west:.1f} {south:.1f} {east:.1f} {north:.1f}; declare its CRS in the file"
            )


@dataclass(frozen=True, slots=True)
class Acquisition:
    """Metadata of one acquisition, from a source."""

    id: AcquisitionId
    sensed_at: datetime
    """UTC, with its zone."""
    source: str
    """Name of the source that offered it."""
    href: str
    """Address of the STAC item in that source."""
    footprint: MultiPolygon
    """Ground covered by the scene, EPSG:4326."""
    bands: tuple[str, ...]
    """STAC common names that the scene offers, in its own order."""
    baseline: str | None = None
    """Processing baseline as `05.11` (see `processing_baseline`); None if unknown."""
    relative_orbit: int | None = None
    """1 to 143, as `sat:relative_orbit`; None if unknown."""
    provider_cloud_cover: float | None = None
    """Percent of the scene, 0 to 100: the provider's `eo:cloud_cover`."""


def processing_baseline(text: object) -> str | None:
    """`05.11` for `05.11`, `5.11`, `0511` and `N0511`; None for any other text.

    Baselines in this form are ordered as strings.
    """
    match = _BASELINE.fullmatch(str(text).strip())
    return f"{int(match['major']):02}.{match['minor']}" if match else None


AlertKind: TypeAlias = Literal["silent", "refused", "stale"]
"""silent: a source does not answer; refused: its credential or settings are missing or
wrong; stale: it answers, and its newest item over an area is too old."""


@dataclass(frozen=True, slots=True)
class Alert:
    """A problem with a source."""

    source: str
    kind: AlertKind
    area: str | None
    """The area over which it is stale; None for a problem of the source itself."""
    message: str
    """One line for people, without secrets."""
    newest_at: datetime | None = None
    """Time of sensing of its newest item over the area; None if unknown."""


@dataclass(frozen=True, slots=True)
class ModelReference:
    """Identifies the network that made a product."""

    name: str
    """Folder below models/, such as unet-rgb."""
    version: str
    sha256: str
    """Of the weights file."""

    def __str__(self) -> str:
        return f"{self.name}/{self.version}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a step ended, for people, scripts and the ledger."""

    state: Literal["done", "skipped"]
    """skipped: nothing more is to be done for this acquisition; `summary` gives the reason."""
    fresh: bool
    """False if the product was current already, so that the step did nothing."""
    summary: str
    """One line for people."""
    figures: Mapping[str, float | int | str]
    """Numbers for the ledger; JSON types only."""


class Verdict(StrEnum):
    """Whether a field is in bloom in one acquisition."""

    BLOOM = "bloom"
    NO_BLOOM = "no_bloom"
    NOT_SEEN = "not_seen"


class SeasonVerdict(StrEnum):
    """Whether a field bloomed in one season."""

    BLOOMED = "bloomed"
    NOT_BLOOMED = "not_bloomed"
    NOT_SEEN = "not_seen"


@dataclass(frozen=True, slots=True)
class Detection:
    """One polygon of one acquisition by one model version."""

    ordinal: int
    """Counts the detections of the acquisition from 0, north to south, then west to east."""
    geometry: Polygon
    """EPSG:4326, valid, with holes."""
    area_m2: float
    """On the ellipsoid (geodesic), square metres."""
    tulip_probability: float
    """Mean over the polygon's pixels, in [0, 1]."""
    tulip_probability_std: float
    bloom_fraction: float
    """Share of the polygon's clear pixels that are in flower, in [0, 1]."""
    clear_fraction: float | None = None
    """Share of the polygon's pixels that are clear, in [0, 1]; None if not recorded."""
    border_clear_fraction: float | None = None
    """Share of its border with clear ground on the other side: below 1, clouds or the raster's edge
    may hide a part of the field. In [0, 1]; None if not recorded."""


@dataclass(frozen=True, slots=True)
class Field:
    """A tulip field with an identity across seasons."""

    id: int
    geometry: Polygon
    """EPSG:4326."""
    area_m2: float


@dataclass(frozen=True, slots=True)
class Observation:
    """One field in one acquisition."""

    field_id: int
    acquisition_id: AcquisitionId
    verdict: Verdict
    clear_fraction: float
    """Share of the field's pixels that were measured and clear, in [0, 1]."""
    tulip_probability: float | None
    """Mean over the clear pixels; None where none was clear."""
    bloom_fraction: float | None
    """Share of the clear pixels in flower; None where none was clear."""


@dataclass(frozen=True, slots=True)
class FieldSeason:
    """One field in one season: the summary of its observations."""

    field_id: int
    season: int
    verdict: SeasonVerdict
    clear_looks: int
    """Observations inside the bloom window that are not `not_seen`."""
    area_m2: float | None
    """Of the field as detected in this season; None where it was not detected."""
    onset: tuple[date | None, date] | None
    """Earliest and latest possible first day in bloom; the earliest is None without a
    clear observation before bloom; None if it did not bloom."""
    peak: date | None
    """Most likely day of full bloom; None if it did not bloom."""
    end: tuple[date, date | None] | None
    """Earliest and latest possible last day in bloom; mirrors `onset`."""
    peak_bloom_fraction: float | None
    """Largest observed bloom fraction, in [0, 1]; None if it did not bloom."""
    peak_bounds: tuple[date | None, date | None] = (None, None)
    """Earliest and latest possible day of the peak; each None if no observation bounds it."""
    confidence: float = 0.0
    """Confidence in the verdict, in [0, 1]. bloomed: probability that at least one observation of
    bloom is right; not_bloomed: share of the possible bloom periods with a clear observation;
    not_seen: 0."""
