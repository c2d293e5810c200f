"""Fields with an identity, and their outlines by season."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tulip_ops.core.types import Field
from tulip_ops.postgis.connection import Connection, query, transaction, wkb
from tulip_ops.postgis.detections import Season
from tulip_ops.postgis.field_seasons import FieldSeasonKey, key_columns

if TYPE_CHECKING:
    from shapely.geometry import Polygon


@dataclass(frozen=True, slots=True)
class Outline:
    """The outline of a field in one season."""

    field_id: int
    season: int
    geometry: Polygon
    """EPSG:4326, valid."""
    area_m2: float
    """Geodesic, square metres."""
    parcel_id: int | None
    """The registered parcel that gives it; None where a season detection does."""
    detected_area_m2: float | None
    tulip_probability: float | None
    touches_edge: bool
    """As `FieldEvidence` has them; None where nothing was drawn since evidence is summed up."""
    detection_ids: tuple[int, ...] = ()
    """The season detections that are this field, as far as `with_links` was asked."""


def outlines_of(
    connection: Connection,
    season: Season,
    detection_ids: Iterable[int],
    parcel_ids: Iterable[int],
    ground: Iterable[Polygon],
) -> list[Outline]:
    """Outlines of the season from these detections or parcels, and those without any.

    detection_ids: season detections. ground: where they changed; outlines that rest on none are
    looked for there.
    """
    values = {
        **season._asdict(),
        "detection_ids": list(detection_ids),
        "parcel_ids": list(parcel_ids),
        "outlines": [wkb(outline) for outline in ground],
    }
    return [Outline(*row) for row in connection.execute(query("outlines_of"), values)]


def outlines_near(
    connection: Connection, outlines: Iterable[Polygon], *, simulated: bool
) -> list[Outline]:
    """Outlines of all seasons near any of `outlines`, sorted by season and field."""
    values = {"outlines": [wkb(outline) for outline in outlines], "simulated": simulated}
    return [Outline(*row) for row in connection.execute(query("outlines_near"), values)]


def parcels_near(
    connection: Connection, season: Season, outlines: Iterable[Polygon]
) -> list[tuple[int, Polygon, float]]:
    """(id, outline, square metres) of the season's registered parcels near any of `outlines`."""
    values = {"year": season.year, "outlines": [wkb(outline) for outline in outlines]}
    return connection.execute(query("parcels_near"), values).fetchall()


def fields_near(
    connection: Connection,
    field_ids: Iterable[int],
    outlines: Iterable[Polygon],
    *,
    simulated: bool,
) -> list[Field]:
    """These fields, and fields without outlines near any of `outlines`."""
    values = {
        "field_ids": list(field_ids),
        "outlines": [wkb(outline) for outline in outlines],
        "simulated": simulated,
    }
    return [Field(*row) for row in connection.execute(query("fields_near"), values)]


def with_links(connection: Connection, outlines: Sequence[Outline]) -> list[Outline]:
    """The outlines with the season detections that each was drawn from."""
    keys = key_columns([(outline.field_id, outline.season) for outline in outlines])
    links: dict[FieldSeasonKey, list[int]] = {}
    for field_id, season, detection_id in connection.execute(query("outline_links"), keys):
        links.setdefault((field_id, season), []).append(detection_id)
    return [
        replace(outline, detection_ids=tuple(links.get((outline.field_id, outline.season), ())))
        for outline in outlines
    ]


def save_matches(
    connection: Connection,
    *,
    simulated: bool,
    before: Sequence[Outline],
    known: Sequence[Field],
    identities: Sequence[tuple[int | None, Polygon, float]],
    outlines: Sequence[tuple[int, Outline]],
    kinships: Sequence[tuple[int, int, int, str, float]],
) -> list[int]:
    """Replace fields and their outlines; returns the fields' ids.

    before: the old outlines with their detections; known: the old fields; those that do not
    recur are removed. identities: (old id, or None for a new field; outline; area). outlines:
    (index into `identities`, outline); its field_id is ignored. kinships: (index of the parent,
    index of the child, season, kind, share). A field with a new outline loses its observations,
    which were made on the old one.
    """
    with transaction(connection):
        ids = _save_fields(connection, identities, simulated=simulated)
        now = {(ids[number], outline.season): outline for number, outline in outlines}
        gone = [o for o in before if (o.field_id, o.season) not in now]
        gone_keys = {"field_ids": [o.field_id for o in gone], "seasons": [o.season for o in gone]}
        connection.execute(query("remove_outlines"), gone_keys)
        connection.execute(query("write_outlines"), _outline_columns(now))
        connection.execute(query("write_links"), _link_columns(before, now))
        involved = sorted({*ids, *(field.id for field in known)})
        connection.execute(query("write_lineage"), _kinship_columns(kinships, ids, involved))
        connection.execute(query("remove_fields"), {"field_ids": involved})
        stale = sorted({*now, *((o.field_id, o.season) for o in before)})
        connection.execute(query("note_stale"), key_columns(stale))
    return ids


def _save_fields(
    connection: Connection,
    identities: Sequence[tuple[int | None, Polygon, float]],
    *,
    simulated: bool,
) -> list[int]:
    """Add new fields and redraw the others; returns the id of each."""
    new = [(geometry, area) for field_id, geometry, area in identities if field_id is None]
    added = iter(
        row[0]
        for row in connection.execute(
            query("add_fields"), {"simulated": simulated, **_shape_columns(new)}
        ).fetchall()
    )
    ids = [next(added) if field_id is None else field_id for field_id, _, _ in identities]
    old = [identity for identity in identities if identity[0] is not None]
    columns = _shape_columns([(geometry, area) for _, geometry, area in old])
    connection.execute(
        query("redraw_fields"), {"field_ids": [field_id for field_id, _, _ in old], **columns}
    )
    return ids


def _shape_columns(shapes: Sequence[tuple[Polygon, float]]) -> dict[str, list[object]]:
    return {
        "geometries": [wkb(geometry) for geometry, _ in shapes],
        "areas": [area for _, area in shapes],
    }


def _outline_columns(outlines: Mapping[FieldSeasonKey, Outline]) -> dict[str, list[object]]:
    return {
        "field_ids": [field_id for field_id, _ in outlines],
        "seasons": [season for _, season in outlines],
        **_shape_columns([(o.geometry, o.area_m2) for o in outlines.values()]),
        "parcel_ids": [outline.parcel_id for outline in outlines.values()],
        "detected_areas": [outline.detected_area_m2 for outline in outlines.values()],
        "probabilities": [outline.tulip_probability for outline in outlines.values()],
        "edges": [outline.touches_edge for outline in outlines.values()],
    }


def _link_columns(
    before: Sequence[Outline], now: Mapping[FieldSeasonKey, Outline]
) -> dict[str, list[int]]:
    old = {(o.field_id, o.season, number) for o in before for number in o.detection_ids}
    new = {(*key, number) for key, o in now.items() for number in o.detection_ids}
    gone, come = sorted(old - new), sorted(new - old)
    return {
        "gone_field_ids": [field_id for field_id, _, _ in gone],
        "gone_seasons": [season for _, season, _ in gone],
        "gone_detection_ids": [number for _, _, number in gone],
        "field_ids": [field_id for field_id, _, _ in come],
        "seasons": [season for _, season, _ in come],
        "detection_ids": [number for _, _, number in come],
    }


def _kinship_columns(
    kinships: Sequence[tuple[int, int, int, str, float]],
    ids: Sequence[int],
    involved: Sequence[int],
) -> dict[str, list[object]]:
    return {
        "field_ids": list(involved),
        "parent_ids": [ids[parent] for parent, _, _, _, _ in kinships],
        "child_ids": [ids[child] for _, child, _, _, _ in kinships],
        "seasons": [season for _, _, season, _, _ in kinships],
        "kinds": [kind for _, _, _, kind, _ in kinships],
        "shares": [share for _, _, _, _, share in kinships],
    }
