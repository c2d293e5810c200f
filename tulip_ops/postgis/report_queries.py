"""The data of an area report."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from tulip_ops.core.types import Area, SeasonVerdict, Verdict
from tulip_ops.postgis import areas
from tulip_ops.postgis.connection import Connection, query

if TYPE_CHECKING:
    from shapely.geometry import Polygon


@dataclass(frozen=True, slots=True)
class FieldSeasonRow:
    """A field in a season; see tulip.bloom_history."""

    field_id: int
    size_m2: float
    """Of the field's outline; `area_m2` is the area in this season."""
    season: int
    verdict: SeasonVerdict
    change: str
    clear_looks: int
    """Inside the bloom window."""
    area_m2: float | None
    onset_earliest: date | None
    onset_latest: date | None
    peak: date | None
    end_earliest: date | None
    end_latest: date | None
    geometry: Polygon
    """EPSG:4326."""
    tulip_probability: float | None
    """By all clear looks of the season together; None where the season shows no field."""
    confidence: float
    """That the verdict is right."""
    doubtful: bool
    """Whether it bloomed with a confidence below 0.5."""
    looks_for: int
    looks_against: int
    touches_edge: bool
    """Whether a part may lie outside the ground that was seen."""


@dataclass(frozen=True, slots=True)
class ObservationRow:
    """One field in one acquisition."""

    field_id: int
    season: int
    day: date
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class AcquisitionRow:
    """An acquisition over the area; see tulip.acquisition."""

    acquisition_id: str
    day: date
    season: int
    state: str
    verdict: str | None
    clear_fraction: float | None
    counts: bool
    """False if a newer processing replaces it."""


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A network that made detections in the area."""

    role: str
    name: str
    version: str
    sha256: str
    detections: int
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class SeasonRow:
    """A row of tulip.season_summary."""

    season: int
    recorded: int
    skipped: int
    failed: int
    unfinished: int
    clear_looks: float | None
    bloomed: int
    not_bloomed: int
    not_seen: int
    hectares: float | None
    change_ha: float | None
    first_bloom_day: date | None
    median_peak: date | None
    doubtful: int
    """Of those that bloomed, the ones with a confidence below 0.5."""


@dataclass(frozen=True, slots=True)
class AreaHistory:
    """The history of an area, of either simulated or real acquisitions."""

    area: Area
    simulated: bool
    seasons: tuple[SeasonRow, ...]
    """By season."""
    fields: tuple[FieldSeasonRow, ...]
    """By field and season."""
    observations: tuple[ObservationRow, ...]
    """By field and day."""
    acquisitions: tuple[AcquisitionRow, ...]
    """By day."""
    models: tuple[ModelRow, ...]


def kinds(connection: Connection, area: str) -> list[bool]:
    """Which kinds of acquisitions an area has: False for real, True for simulated ones."""
    return [row[0] for row in connection.execute(query("report_kinds"), {"area": area})]


def area_history(connection: Connection, area: str, *, simulated: bool) -> AreaHistory:
    """Read the history of an area within `layers.snapshot`; `AreaNotFound`."""
    (found,) = areas.get_areas(connection, [area])
    values = {"area": area, "simulated": simulated}

    def rows(name: str) -> list[tuple[Any, ...]]:
        return connection.execute(query(name), values).fetchall()

    return AreaHistory(
        found,
        simulated,
        tuple(SeasonRow(*row) for row in rows("report_seasons")),
        tuple(_field(row) for row in rows("report_fields")),
        tuple(_look(row) for row in rows("report_looks")),
        tuple(AcquisitionRow(*row) for row in rows("report_acquisitions")),
        tuple(ModelRow(*row) for row in rows("report_models")),
    )


def _field(row: tuple[Any, ...]) -> FieldSeasonRow:
    field_id, size, season, verdict, *rest = row
    return FieldSeasonRow(field_id, size, season, SeasonVerdict(verdict), *rest)


def _look(row: tuple[Any, ...]) -> ObservationRow:
    field_id, season, day, verdict = row
    return ObservationRow(field_id, season, day, Verdict(verdict))
