"""Fields, their observations by acquisition, and their seasons.

A history is one transaction: `lock_history`, `supersede` for each season, `take_changes`; for the
ground that changed, `detections_near`, `outlines_of` and `outlines_near` return what is to be
matched again, and `save_matches` saves it; then `unobserved` and `write_observations`,
`take_stale`, `observations_of`, `areas_of` and `write_field_seasons`. Each function changes only
rows that differ, so that a repeated history changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING

from tulip_ops.core.types import (
    AcquisitionId,
    Detection,
    Field,
    FieldSeason,
    Observation,
    SeasonVerdict,
    Verdict,
)
from tulip_ops.postgis.connection import Connection, query, transaction, wkb
from tulip_ops.postgis.detections import Season

if TYPE_CHECKING:
    from shapely.geometry import Polygon

FieldSeasonKey = tuple[int, int]
"""(id of the field, season)."""

Neighbourhood = tuple[int, bool, int]
"""(cell of 1/4 by 1/8 degree, whether simulated, season)."""


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
    """The registered parcel it was taken from; None for an outline of detections."""
    detection_ids: tuple[int, ...] = ()
    """The detections of the season that belong to the field; filled by `with_links`."""


@dataclass(frozen=True, slots=True)
class Unobserved:
    """An acquisition, and the fields in it without an observation."""

    acquisition_id: AcquisitionId
    skipped: bool
    """True if the acquisition was skipped: it has no products, and its verdict is `not_seen`."""
    sha256: str
    """Of its recorded products; empty if it was skipped."""
    fields: tuple[Field, ...]


def supersede(connection: Connection, season: Season) -> int:
    """Mark the acquisitions of a season that a newer processing replaces; returns changed rows.

    Within one overpass (platform, tile and day), an acquisition supersedes those of a lower level,
    baseline or sequence, compared in this order, whose ground it covers, once it is recorded or
    skipped. Datastrips cover different ground, and all of them count. The result depends on the
    content of the ledger, not on the order of its entries.
    """
    return len(connection.execute(query("supersede"), season._asdict()).fetchall())


def take_changes(connection: Connection, years: Sequence[int]) -> dict[Season, list[Polygon]]:
    """Take the ground on which detections changed since the last history, and mark it as done.

    years: of the seasons; empty: all.
    """
    found: dict[Season, list[Polygon]] = {}
    rows = connection.execute(query("take_changes"), {"years": list(years)})
    for year, simulated, geometry in rows:
        found.setdefault(Season(year, simulated), []).append(geometry)
    return dict(sorted(found.items()))


def mark_all_changed(connection: Connection) -> None:
    """Make the next history match all fields again, for example with other outlines."""
    connection.execute(query("note_all"))


def detections_near(
    connection: Connection, season: Season, outlines: Iterable[Polygon]
) -> list[tuple[int, AcquisitionId, Detection]]:
    """(id, acquisition, detection) of the season's valid detections near any of the outlines."""
    values = {**season._asdict(), "outlines": [wkb(outline) for outline in outlines]}
    rows = connection.execute(query("detections_near"), values)
    return [
        (detection_id, AcquisitionId.parse(name), Detection(*rest))
        for detection_id, name, *rest in rows
    ]


def outlines_of(
    connection: Connection,
    season: Season,
    detection_ids: Iterable[int],
    parcel_ids: Iterable[int],
    ground: Iterable[Polygon],
) -> list[Outline]:
    """Outlines of the season from these detections or parcels, and those without any.

    ground: where detections changed; outlines without detections are searched there.
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
    """The outlines with the ids of their detections."""
    keys = _key_columns([(outline.field_id, outline.season) for outline in outlines])
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
        connection.execute(query("note_stale"), _key_columns(stale))
    return ids


def unobserved(connection: Connection) -> list[Unobserved]:
    """Recorded or skipped acquisitions with fields that lack an observation, oldest first.

    An acquisition observes a field that intersects its footprint and the bounding box of one of
    its areas, or that has a detection in it. Only acquisitions and fields that are new or changed
    since the last history are considered.
    """
    rows = connection.execute(query("unobserved")).fetchall()
    return [
        Unobserved(AcquisitionId.parse(name), skipped, sha, tuple(Field(*row[3:]) for row in group))
        for (name, skipped, sha), group in groupby(rows, key=lambda row: row[:3])
    ]


def mark_observed(connection: Connection, unreadable: Iterable[AcquisitionId]) -> None:
    """Mark every acquisition as observed for every field, except the unreadable ones."""
    connection.execute(query("note_looked"), {"unable": [str(name) for name in unreadable]})


def write_observations(connection: Connection, observations: Sequence[Observation]) -> int:
    """Write observations in the place of older ones; returns the number of changed rows."""
    columns = {
        "field_id": [o.field_id for o in observations],
        "acquisition_id": [str(o.acquisition_id) for o in observations],
        "verdict": [str(o.verdict) for o in observations],
        "clear_fraction": [o.clear_fraction for o in observations],
        "tulip_probability": [o.tulip_probability for o in observations],
        "bloom_fraction": [o.bloom_fraction for o in observations],
    }
    return connection.execute(query("write_observations"), columns).rowcount


def take_stale(connection: Connection) -> dict[Neighbourhood, dict[FieldSeasonKey, bool]]:
    """Take all fields of the neighbourhoods and seasons with changes, and mark them as done.

    True if the field itself changed.
    """
    found: dict[Neighbourhood, dict[FieldSeasonKey, bool]] = {}
    for cell, simulated, season, field_id, own in connection.execute(query("take_stale")):
        found.setdefault((cell, simulated, season), {})[field_id, season] = own
    return found


def observations_of(
    connection: Connection, keys: Sequence[FieldSeasonKey]
) -> dict[FieldSeasonKey, list[Observation]]:
    """One observation per field and overpass, oldest first.

    Of several datastrips of an overpass, the newest one that saw the field is used.
    """
    found: dict[FieldSeasonKey, list[Observation]] = {}
    for field_id, season, name, verdict, *rest in connection.execute(
        query("stale_observations"), _key_columns(keys)
    ):
        said = Observation(field_id, AcquisitionId.parse(name), Verdict(verdict), *rest)
        found.setdefault((field_id, season), []).append(said)
    return found


def areas_of(connection: Connection, keys: Sequence[FieldSeasonKey]) -> dict[FieldSeasonKey, float]:
    """Square metres of each field detected in the season: the median over its overpasses."""
    rows = connection.execute(query("stale_areas"), _key_columns(keys))
    return {(field_id, season): area for field_id, season, area in rows}


def write_field_seasons(
    connection: Connection, keys: Sequence[FieldSeasonKey], rows: Sequence[FieldSeason]
) -> Counter[int]:
    """Replace the field seasons of `keys` by `rows`; returns the changed rows by season."""
    onsets = [row.onset or (None, None) for row in rows]
    ends = [row.end or (None, None) for row in rows]
    stale = _key_columns(keys)
    columns = {
        "stale_ids": stale["field_ids"],
        "stale_seasons": stale["seasons"],
        "field_id": [row.field_id for row in rows],
        "season": [row.season for row in rows],
        "verdict": [str(row.verdict) for row in rows],
        "clear_looks": [row.clear_looks for row in rows],
        "area_m2": [row.area_m2 for row in rows],
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
    }


def _link_columns(
    before: Sequence[Outline], now: Mapping[FieldSeasonKey, Outline]
) -> dict[str, list[int]]:
    old = {(o.field_id, detection_id) for o in before for detection_id in o.detection_ids}
    new = {(key[0], detection_id) for key, o in now.items() for detection_id in o.detection_ids}
    gone, come = sorted(old - new), sorted(new - old)
    return {
        "gone_field_ids": [field_id for field_id, _ in gone],
        "gone_detection_ids": [detection_id for _, detection_id in gone],
        "field_ids": [field_id for field_id, _ in come],
        "detection_ids": [detection_id for _, detection_id in come],
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


def _key_columns(keys: Sequence[FieldSeasonKey]) -> dict[str, list[int]]:
    return {
        "field_ids": [field_id for field_id, _ in keys],
        "seasons": [season for _, season in keys],
    }
