"""What seasons say of fields.

A history is one transaction: `lock_history`, `supersede` for each season, then what
`season_detections` says has changed; for the ground that changed, `fields.outlines_of` and
`fields.outlines_near` say what has to be matched again, and `fields.save_matches` keeps it; then
`observations.unobserved` and `observations.write_observations`, `take_stale`,
`observations.observations_of`, `evidence_of` and `write_field_seasons`. Each function changes only
rows that differ, so that a repeated history changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tulip_ops.core.types import Field, FieldEvidence, FieldSeason, SeasonVerdict
from tulip_ops.postgis.connection import Connection, query
from tulip_ops.postgis.detections import Season

FieldSeasonKey = tuple[int, int]
"""(id of the field, season)."""

Neighbourhood = tuple[int, bool, int]
"""(cell of 1/4 by 1/8 degree, whether simulated, season)."""


def supersede(connection: Connection, season: Season) -> int:
    """Mark the acquisitions of a season that a newer processing replaces; returns changed rows.

    Within one overpass (platform, tile and day), an acquisition supersedes those of a lower level,
    baseline or sequence, compared in this order, whose ground it covers, once it is recorded or
    skipped. Datastrips cover different ground, and all of them count. The result depends on the
    content of the ledger, not on the order of its entries.
    """
    return len(connection.execute(query("supersede"), season._asdict()).fetchall())


def take_stale(connection: Connection) -> dict[Neighbourhood, dict[FieldSeasonKey, bool]]:
    """Take all fields of the neighbourhoods and seasons with changes, and mark them as done.

    True if the field itself changed.
    """
    found: dict[Neighbourhood, dict[FieldSeasonKey, bool]] = {}
    for cell, simulated, season, field_id, own in connection.execute(query("take_stale")):
        found.setdefault((cell, simulated, season), {})[field_id, season] = own
    return found


def evidence_of(
    connection: Connection, keys: Sequence[FieldSeasonKey]
) -> dict[FieldSeasonKey, FieldEvidence]:
    """What the looks of the season together say of each field that they show."""
    rows = connection.execute(query("stale_evidence"), key_columns(keys))
    return {(field_id, season): FieldEvidence(*rest) for field_id, season, *rest in rows}


def write_field_seasons(
    connection: Connection, keys: Sequence[FieldSeasonKey], rows: Sequence[FieldSeason]
) -> Counter[int]:
    """Replace the field seasons of `keys` by `rows`; returns the changed rows by season."""
    onsets = [row.onset or (None, None) for row in rows]
    ends = [row.end or (None, None) for row in rows]
    stale = key_columns(keys)
    columns = {
        "stale_ids": stale["field_ids"],
        "stale_seasons": stale["seasons"],
        "field_id": [row.field_id for row in rows],
        "season": [row.season for row in rows],
        "verdict": [str(row.verdict) for row in rows],
        "clear_looks": [row.clear_looks for row in rows],
        "area_m2": [row.area_m2 for row in rows],
        "tulip_probability": [row.tulip_probability for row in rows],
        "looks_for": [row.looks_for for row in rows],
        "looks_against": [row.looks_against for row in rows],
        "touches_edge": [row.touches_edge for row in rows],
        "onset_earliest": [earliest for earliest, _ in onsets],
        "onset_latest": [latest for _, latest in onsets],
        "peak": [row.peak for row in rows],
        "peak_earliest": [row.peak_bounds[0] for row in rows],
        "peak_latest": [row.peak_bounds[1] for row in rows],
        "end_earliest": [earliest for earliest, _ in ends],
        "end_latest": [latest for _, latest in ends],
        "peak_bloom_fraction": [row.peak_bloom_fraction for row in rows],
        "confidence": [row.confidence for row in rows],
    }
    changed = connection.execute(query("write_field_seasons"), columns)
    return Counter(season for (season,) in changed)


def count_fields(connection: Connection, years: Sequence[int]) -> dict[Season, int]:
    """Number of fields by season; years: empty: all."""
    rows = connection.execute(query("count_season_fields"), {"years": list(years)})
    return {Season(year, simulated): count for year, simulated, count in rows}


def area_seasons(
    connection: Connection, area: str, *, simulated: bool
) -> list[tuple[Field, int, SeasonVerdict]]:
    """(field, season, verdict) of an area, sorted by field and season."""
    rows = connection.execute(query("area_seasons"), {"area": area, "simulated": simulated})
    return [(Field(*field), year, SeasonVerdict(verdict)) for *field, year, verdict in rows]


def key_columns(keys: Sequence[FieldSeasonKey]) -> dict[str, list[int]]:
    """The parameters `field_ids` and `seasons` of a query."""
    return {
        "field_ids": [field_id for field_id, _ in keys],
        "seasons": [season for _, season in keys],
    }
