"""Fields with an identity, what each acquisition says of them, and what each season says.

A history is one transaction: `lock_history`, then for each season `supersede`,
`season_detections`, `known_fields` and `save_fields`; then `unobserved` and
`write_observations` for all of them; then for each season `season_observations`, `season_areas`
and `write_field_seasons`. Each function touches only rows that change, so that a history of
what is known changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Protocol

from tulip_ops.domain import (
    AcquisitionId,
    Field,
    FieldSeason,
    Observation,
    SeasonVerdict,
    Verdict,
)
from tulip_ops.postgis.connection import Connection, for_each, query, transaction, wkb
from tulip_ops.postgis.detections import Season, season_detections, seasons
from tulip_ops.postgis.locks import lock_history

if TYPE_CHECKING:
    from shapely.geometry import Polygon

__all__ = [
    "FieldShape",
    "Season",
    "Unobserved",
    "area_seasons",
    "known_fields",
    "lock_history",
    "save_fields",
    "season_areas",
    "season_detections",
    "season_observations",
    "seasons",
    "supersede",
    "unobserved",
    "write_field_seasons",
    "write_observations",
]


class FieldShape(Protocol):
    """A field as the detections of a season draw it."""

    @property
    def geometry(self) -> Polygon:
        """EPSG:4326, valid."""

    @property
    def area_m2(self) -> float:
        """Geodesic, square metres."""

    @property
    def detection_ids(self) -> Sequence[int]:
        """The detections of the season that are this field."""


@dataclass(frozen=True, slots=True)
class Unobserved:
    """An acquisition that has yet to say something of fields under it."""

    acquisition_id: AcquisitionId
    skipped: bool
    """True where the acquisition was skipped: it has no products, and has not seen them."""
    fields: tuple[Field, ...]


def supersede(connection: Connection, season: Season) -> int:
    """Say of each acquisition of the season whether a newer processing counts in its place.

    Of one overpass (platform, tile and day), an acquisition supersedes those of a lower level,
    baseline or sequence, compared in this order, whose ground it covers, as soon as it was
    recorded or skipped. Datastrips cover different ground, and all of them count. Returns how
    many rows changed. The outcome depends on what the ledger holds, not on the order in which
    that came.
    """
    return len(connection.execute(query("supersede"), season._asdict()).fetchall())


def known_fields(connection: Connection, season: Season) -> list[Field]:
    """The fields that a detection of the season touches or is linked to, by id."""
    return [Field(*row) for row in connection.execute(query("known_fields"), season._asdict())]


def save_fields(
    connection: Connection,
    season: Season,
    kept: Mapping[int, FieldShape],
    new: Sequence[FieldShape],
) -> list[int]:
    """Keep the fields of a season and which detections they are; returns the ids of `new`.

    kept: by field id. A field keeps the outline of the first season that shows it, so that
    it stays where it is as seasons come. One that is drawn anew loses its observations, which
    were made on the old outline. Links of the season's detections that are in neither `kept` nor
    `new` go, and so do fields that no detection of any season is linked to or waits to be.
    """
    with transaction(connection):
        outlines = [
            {**season._asdict(), "field_id": field_id, **_columns(shape)}
            for field_id, shape in kept.items()
        ]
        redrawn = for_each(connection, "redraw_field", outlines)
        connection.execute(query("forget_field_observations"), {"field_ids": redrawn})
        ids: list[int] = for_each(
            connection, "add_field", [{**season._asdict(), **_columns(shape)} for shape in new]
        )
        links = [
            (field_id, detection_id)
            for field_id, shape in (*kept.items(), *zip(ids, new, strict=True))
            for detection_id in shape.detection_ids
        ]
        pairs = {"field_ids": [f for f, _ in links], "detection_ids": [d for _, d in links]}
        connection.execute(query("unlink_detections"), {**season._asdict(), **pairs})
        connection.execute(query("link_detections"), pairs)
        connection.execute(query("remove_orphan_fields"))
    return ids


def unobserved(connection: Connection) -> list[Unobserved]:
    """Every recorded or skipped acquisition with fields that it has said nothing of, oldest first.

    A field lies under an acquisition where it meets the footprint and the bounding box of an
    area that the acquisition lies over, or where the acquisition shows it.
    """
    rows = connection.execute(query("unobserved")).fetchall()
    return [
        Unobserved(AcquisitionId.parse(name), skipped, tuple(Field(*row[2:]) for row in group))
        for (name, skipped), group in groupby(rows, key=lambda row: row[:2])
    ]


def write_observations(connection: Connection, observations: Sequence[Observation]) -> int:
    """Keep the observations, in place of older ones; returns how many rows changed."""
    columns = {
        "field_id": [o.field_id for o in observations],
        "acquisition_id": [str(o.acquisition_id) for o in observations],
        "verdict": [str(o.verdict) for o in observations],
        "clear_fraction": [o.clear_fraction for o in observations],
        "tulip_probability": [o.tulip_probability for o in observations],
        "bloom_fraction": [o.bloom_fraction for o in observations],
    }
    return connection.execute(query("write_observations"), columns).rowcount


def season_observations(connection: Connection, season: Season) -> list[Observation]:
    """What each overpass of the season says of each field, by field and time.

    Of the datastrips of one overpass, the newest that saw the field speaks.
    """
    rows = connection.execute(query("season_observations"), season._asdict())
    return [
        Observation(field_id, AcquisitionId.parse(name), Verdict(verdict), *rest)
        for field_id, name, verdict, *rest in rows
    ]


def season_areas(connection: Connection, season: Season) -> dict[int, float]:
    """Square metres of each field detected in the season: the median over its acquisitions."""
    return dict(connection.execute(query("season_areas"), season._asdict()).fetchall())


def area_seasons(
    connection: Connection, area: str, *, simulated: bool
) -> list[tuple[Field, int, SeasonVerdict]]:
    """What each season says of the fields of an area, by field and season."""
    rows = connection.execute(query("area_seasons"), {"area": area, "simulated": simulated})
    return [(Field(*field), year, SeasonVerdict(verdict)) for *field, year, verdict in rows]


def write_field_seasons(connection: Connection, season: Season, rows: Sequence[FieldSeason]) -> int:
    """Make `rows` all that the season says; returns how many rows changed or went."""
    onsets = [row.onset or (None, None) for row in rows]
    ends = [row.end or (None, None) for row in rows]
    columns = {
        **season._asdict(),
        "field_id": [row.field_id for row in rows],
        "verdict": [str(row.verdict) for row in rows],
        "clear_looks": [row.clear_looks for row in rows],
        "area_m2": [row.area_m2 for row in rows],
        "onset_earliest": [earliest for earliest, _ in onsets],
        "onset_latest": [latest for _, latest in onsets],
        "peak": [row.peak for row in rows],
        "end_earliest": [earliest for earliest, _ in ends],
        "end_latest": [latest for _, latest in ends],
        "peak_bloom_fraction": [row.peak_bloom_fraction for row in rows],
    }
    with transaction(connection):
        gone = connection.execute(query("remove_field_seasons"), columns).rowcount
        return gone + connection.execute(query("write_field_seasons"), columns).rowcount


def _columns(shape: FieldShape) -> dict[str, object]:
    return {"geometry": wkb(shape.geometry), "area_m2": shape.area_m2}
