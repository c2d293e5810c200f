"""Matches changed ground to fields again: the first part of `tulip history`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from tulip_ops.core.types import FieldEvidence, SeasonDetection
from tulip_ops.fields import matching, overlaps, season_fields
from tulip_ops.fields.season_fields import SeasonField
from tulip_ops.postgis import fields, season_detections
from tulip_ops.postgis.connection import Connection
from tulip_ops.postgis.detections import Season
from tulip_ops.postgis.fields import Outline

if TYPE_CHECKING:
    from shapely.geometry import Polygon

FieldsFrom = Literal["detections", "parcels"]


def update_fields(
    database: Connection, season: Season, ground: Sequence[Polygon], fields_from: FieldsFrom
) -> int:
    """Match what overlaps the ground on which the season's fields were drawn anew.

    Everything that the change can reach is joined anew, and nothing else is touched: the fields
    are the same as if all detections of all seasons had been joined at once. Returns how many
    outlines of the season were drawn.
    """
    draw = _from_parcels if fields_from == "parcels" else _from_detections
    drawn, replaced = draw(database, season, ground)
    others = _linked_outlines(database, season, drawn, replaced)
    others, replaced = (fields.with_links(database, kept) for kept in (others, replaced))
    outlines = [(season.year, found) for found in drawn]
    outlines += [
        (o.season, SeasonField(o.geometry, o.area_m2, o.detection_ids, o.parcel_id, _evidence(o)))
        for o in others
    ]
    identities, kinships = matching.match_seasons(outlines)
    before = [*replaced, *others]
    known = fields.fields_near(
        database,
        {outline.field_id for outline in before},
        [identity.geometry for identity in identities],
        simulated=season.simulated,
    )
    labels = {n: o.field_id for n, o in enumerate(others, start=len(drawn))}
    recognized = matching.reuse_ids(identities, known, labels)
    fields.save_matches(
        database,
        simulated=season.simulated,
        before=before,
        known=known,
        identities=[
            (field_id, identity.geometry, identity.area_m2)
            for field_id, identity in zip(recognized, identities, strict=True)
        ],
        outlines=[
            (number, _outline(*outlines[index]))
            for number, identity in enumerate(identities)
            for index in identity.outlines
        ],
        kinships=[(k.parent, k.child, k.season, k.kind, k.share) for k in kinships],
    )
    return len(drawn)


def _outline(season: int, shape: SeasonField) -> Outline:
    known = shape.evidence
    return Outline(
        0,
        season,
        shape.geometry,
        shape.area_m2,
        shape.parcel_id,
        known.detected_area_m2 if known else None,
        known.tulip_probability if known else None,
        known.touches_edge if known else False,
        shape.detection_ids,
    )


def _evidence(outline: Outline) -> FieldEvidence | None:
    if outline.detected_area_m2 is None or outline.tulip_probability is None:
        return None
    return FieldEvidence(outline.detected_area_m2, outline.tulip_probability, outline.touches_edge)


def _from_detections(
    database: Connection, season: Season, ground: Sequence[Polygon]
) -> tuple[list[SeasonField], list[Outline]]:
    """Outlines that the season's detections draw, and those that they take the place of.

    Detections that overlap are followed from one to the next, until nothing more is reached.
    """
    found: dict[int, tuple[int, str, SeasonDetection]] = {}
    frontier = list(ground)
    while frontier:
        near = [
            entry
            for entry in season_detections.near(database, season, frontier)
            if entry[0] not in found
        ]
        reached = overlaps.overlapping(
            frontier, [e[2].geometry for e in near], overlaps.MIN_OVERLAP_SHARE
        )
        found |= {near[index][0]: near[index] for index in reached}
        frontier = [near[index][2].geometry for index in reached]
    replaced = fields.outlines_of(database, season, found, [], ground)
    return season_fields.cluster(list(found.values())), replaced


def _from_parcels(
    database: Connection, season: Season, ground: Sequence[Polygon]
) -> tuple[list[SeasonField], list[Outline]]:
    """As `_from_detections`, where the registered parcels under the detections are the outlines.

    Each parcel depends on the detections on it alone.
    """
    near = fields.parcels_near(database, season, ground)
    touched = overlaps.overlapping(
        ground, [parcel[1] for parcel in near], overlaps.MIN_OVERLAP_SHARE
    )
    parcels = [near[index] for index in touched]
    ids = {parcel[0] for parcel in parcels}
    detections = season_detections.near(database, season, [p[1] for p in parcels])
    replaced = fields.outlines_of(database, season, [d[0] for d in detections], ids, ground)
    return season_fields.match_parcels(parcels, detections), [
        outline for outline in replaced if outline.parcel_id in ids or outline.parcel_id is None
    ]


def _linked_outlines(
    database: Connection,
    season: Season,
    drawn: Sequence[SeasonField],
    replaced: Sequence[Outline],
) -> list[Outline]:
    """The outlines of all seasons that can be one field with what was drawn or replaced."""
    gone = {(outline.field_id, outline.season) for outline in replaced}
    found: dict[tuple[int, int], Outline] = {}
    frontier = [field.geometry for field in drawn] + [outline.geometry for outline in replaced]
    while frontier:
        near = [
            outline
            for outline in fields.outlines_near(database, frontier, simulated=season.simulated)
            if (outline.field_id, outline.season) not in gone | found.keys()
        ]
        # a hair less than what links, so that rounding never leaves one out
        reached = overlaps.overlapping(
            frontier,
            [outline.geometry for outline in near],
            matching.MIN_LINK_OVERLAP - overlaps.MIN_OVERLAP_SHARE,
        )
        found |= {(near[i].field_id, near[i].season): near[i] for i in reached}
        frontier = [near[index].geometry for index in reached]
    return list(found.values())
