"""Which detections are the same field, within a season and across seasons.

Season detections of neighbouring tiles that overlap are joined to the outlines of a season
(`cluster`), outlines of several seasons to fields (`match_seasons`). Both are pure functions, and
outlines that do not overlap do not affect each other: so after a change only what overlaps it,
directly or through others, must be joined again (`overlapping`).

Overlaps are ratios of areas, computed in longitude and latitude: within one field the
scale of a degree changes by less than a thousandth, and cancels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import shapely

from tulip_ops.core.types import Field, FieldEvidence, SeasonDetection
from tulip_ops.fields.reading_order import reading_order
from tulip_ops.raster.projection import geodesic_area

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry import Polygon

MIN_FREE_SHARE = 0.4
"""Share of a detection that must lie beyond the fields already found, in one piece, before it
becomes a field of its own. Two neighbours that one tile shows as one are about half and half; the
outline of the same field seen a pixel larger adds up to 0.27 around a field of 80 x 200 m."""

MIN_SAME_IOU = 0.3
"""Intersection over union from which a season's field and a known one are the same."""

MIN_SAME_SHARE = 0.6
"""The same for the intersection over the smaller of the two: a part of a field seen alone."""

MIN_OVERLAP_SHARE = 1e-9
"""Share of the smaller of two outlines below which they touch, and do not overlap."""

MIN_LINK_OVERLAP = 0.3
"""Share of the smaller of two outlines from which they can be one field, or one the parent of the
other: MIN_SAME_IOU and MIN_SAME_SHARE imply it."""

MIN_PARCEL_COVERAGE = 0.3
"""Share of a parcel that the season detections of one tile must cover to show tulips on it. Tulips
may grow on a part of it, beside other crops."""

_DIGITS = 9
"""Decimals to which ratios are rounded for comparison, so that float noise decides nothing."""


@dataclass(frozen=True, slots=True)
class SeasonField:
    """A field as one season outlines it."""

    geometry: Polygon
    """EPSG:4326, valid; from the season detection that agrees best with those of other tiles."""
    area_m2: float
    """Geodesic, square metres."""
    detection_ids: tuple[int, ...]
    """Ids of its season detections, ascending."""
    parcel_id: int | None = None
    """The registered parcel that gives the outline; None where a season detection does."""
    evidence: FieldEvidence | None = None
    """None where the season was drawn before evidence was summed up."""


@dataclass(frozen=True, slots=True)
class FieldIdentity:
    """A field across seasons."""

    geometry: Polygon
    """EPSG:4326: the outline of the first season that shows it."""
    area_m2: float
    outlines: tuple[int, ...]
    """Indices of its outlines, one per season that shows it, oldest first."""


@dataclass(frozen=True, slots=True)
class Lineage:
    """One season's field lies on the ground of an earlier one."""

    parent: int
    """Index of the earlier field."""
    child: int
    """Index of the season's field."""
    season: int
    kind: Literal["split", "merge", "redrawn"]
    """merge: the child lies on several earlier fields; split: several now lie on the parent."""
    share: float
    """Share of the child's outline in the season that lies on the parent, in (0, 1]."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """Which of a season's fields are known."""

    matched: tuple[tuple[int, SeasonField], ...]
    """(id of the known field, its outline in the season), by id; each side once."""
    new: tuple[SeasonField, ...]
    """Fields that match no known one, in input order."""


def cluster(
    detections: Sequence[tuple[int, str, SeasonDetection]],
) -> list[SeasonField]:
    """The fields that a season's detections show, north to south.

    detections: (id, tile, detection); a detection is identified by its tile and place, so the
    result depends neither on input order nor on the order of ids.
    Fields do not overlap, and every detection belongs to exactly one field. Detections that do
    not overlap do not affect each other.

    The edge of a tile may cut a field, and one tile may merge what the other parts: outlines that
    the other tiles confirm with the highest probabilities come first (`_agreement`), then larger
    ones; a later outline becomes a field if enough of it lies on free ground (MIN_FREE_SHARE).
    """
    detections = sorted(detections, key=lambda entry: (entry[1], reading_order(entry[2].geometry)))
    outlines = np.array([detection.geometry for _, _, detection in detections], dtype=object)
    pairs, shared = _overlaps_within(outlines)
    area = shapely.area(outlines)
    agreement = _agreement(
        pairs,
        shared,
        area,
        [tile for _, tile, _ in detections],
        np.array([detection.tulip_probability for _, _, detection in detections]),
    )
    order = np.lexsort((-area, -agreement))
    shapes = _free_shapes(outlines, order, pairs, shared)
    owner = _owners(outlines, shapes)
    members: dict[int, list[int]] = {seed: [] for seed in shapes}
    for index, (detection_id, _, _) in enumerate(detections):
        members[owner[index]].append(detection_id)
    found = []
    for seed, shape in shapes.items():
        drawn = detections[seed][2]
        size = drawn.area_m2 if shape is outlines[seed] else geodesic_area(shape)
        evidence = FieldEvidence(size, drawn.tulip_probability, drawn.touches_edge)
        found.append(SeasonField(shape, size, tuple(sorted(members[seed])), evidence=evidence))
    return sorted(found, key=_place)


def assign(season_fields: Sequence[SeasonField], known: Sequence[Field]) -> Assignment:
    """Which of the season's fields are known ones: each at most once, best overlap first.

    Two are the same from MIN_SAME_IOU or MIN_SAME_SHARE; among equals the lower id wins. The result
    depends on neither order.
    """
    outlines = np.array([field.geometry for field in season_fields], dtype=object)
    footprints = np.array([field.geometry for field in known], dtype=object)
    pairs, shared = _overlaps(outlines, footprints)
    one, other = shapely.area(outlines)[pairs[0]], shapely.area(footprints)[pairs[1]]
    iou = np.round(shared / (one + other - shared), _DIGITS)
    same = (iou >= MIN_SAME_IOU) | (shared / np.minimum(one, other) >= MIN_SAME_SHARE)
    candidates = sorted(
        (-iou[n], known[pairs[1, n]].id, _place(season_fields[pairs[0, n]]), pairs[0, n])
        for n in np.flatnonzero(same)
    )
    kept: dict[int, int] = {}
    taken: set[int] = set()
    for _, field_id, _, index in candidates:
        if field_id not in kept and index not in taken:
            kept[field_id] = index
            taken.add(index)
    return Assignment(
        matched=tuple((field_id, season_fields[kept[field_id]]) for field_id in sorted(kept)),
        new=tuple(field for index, field in enumerate(season_fields) if index not in taken),
    )


def match_seasons(
    outlines: Sequence[tuple[int, SeasonField]],
) -> tuple[list[FieldIdentity], list[Lineage]]:
    """Fields across seasons from the outlines of each, and their lineage.

    outlines: (season, outline), one field once per season, in any order. Season by season, the
    outlines that lie on a field of an earlier season are that field (`assign`); the others are
    new ones. A field retains the outline of its first season, so that later seasons do not
    move it. Fields come in the order of their first seasons, north to south.
    """
    order = sorted(range(len(outlines)), key=lambda n: (outlines[n][0], _place(outlines[n][1])))
    members: list[list[int]] = []
    kinships: list[Lineage] = []
    for season in sorted({season for season, _ in outlines}):
        here = [n for n in order if outlines[n][0] == season]
        index_of = {id(outlines[n][1]): n for n in here}
        known = [
            Field(number, outlines[group[0]][1].geometry, 0.0)
            for number, group in enumerate(members)
        ]
        assignment = assign([outlines[n][1] for n in here], known)
        owner: dict[int, int] = {}
        for number, outline in assignment.matched:
            owner[index_of[id(outline)]] = number
            members[number].append(index_of[id(outline)])
        for outline in sorted(assignment.new, key=_place):
            owner[index_of[id(outline)]] = len(members)
            members.append([index_of[id(outline)]])
        kinships += _kinships(season, [(owner[n], outlines[n][1].geometry) for n in here], known)
    identities = [
        FieldIdentity(outlines[group[0]][1].geometry, outlines[group[0]][1].area_m2, tuple(group))
        for group in members
    ]
    return identities, kinships


def reuse_ids(
    identities: Sequence[FieldIdentity],
    known: Sequence[Field],
    labels: Mapping[int, int],
) -> list[int | None]:
    """The existing id of each identity; None for new ones.

    known: the previous fields. labels: by outline index, the id of the field that it belonged
    to. Each id goes to the identity with most of its outlines, then to the one with the best
    overlap; ids and identities match one to one.
    """
    votes = Counter(
        (number, labels[outline])
        for number, identity in enumerate(identities)
        for outline in identity.outlines
        if outline in labels
    )
    ones = np.array([identity.geometry for identity in identities], dtype=object)
    others = np.array([field.geometry for field in known], dtype=object)
    pairs, shared = _overlaps(ones, others)
    one, other = shapely.area(ones)[pairs[0]], shapely.area(others)[pairs[1]]
    iou = {
        (int(number), known[index].id): float(value)
        for number, index, value in zip(
            *pairs, np.round(shared / (one + other - shared), _DIGITS), strict=True
        )
    }
    share = {
        (int(number), known[index].id): float(value)
        for number, index, value in zip(*pairs, shared / np.minimum(one, other), strict=True)
    }
    ids = {field.id for field in known}
    alike = {key for key in iou if iou[key] >= MIN_SAME_IOU or share[key] >= MIN_SAME_SHARE}
    found: list[int | None] = [None] * len(identities)
    candidates = alike | {key for key in votes if key[1] in ids}
    for number, field_id in sorted(
        candidates, key=lambda key: (-votes[key], -iou.get(key, 0.0), key[1], key[0])
    ):
        if found[number] is None and field_id in ids:
            found[number] = field_id
            ids.remove(field_id)
    return found


def match_parcels(
    parcels: Sequence[tuple[int, Polygon, float]],
    detections: Sequence[tuple[int, str, SeasonDetection]],
) -> list[SeasonField]:
    """Parcels on which a season's detections show tulips, north to south.

    parcels: (id, outline, area in square metres), not overlapping. detections: as `cluster` takes
    them. A parcel is a field where the detections of one tile cover MIN_PARCEL_COVERAGE of it;
    its detections are those that cover as much of it, or have as much of their area on it. A
    detection across a border may belong to several parcels.
    """
    grounds = np.array([outline for _, outline, _ in parcels], dtype=object)
    shown = np.array([detection.geometry for _, _, detection in detections], dtype=object)
    pairs, shared = _overlaps(grounds, shown)
    area, own = shapely.area(grounds), shapely.area(shown)
    covered: dict[int, Counter[str]] = {}
    members: dict[int, dict[int, float]] = {}
    for parcel, index, ground in zip(*pairs.tolist(), shared.tolist(), strict=True):
        share = ground / area[parcel]
        covered.setdefault(parcel, Counter())[detections[index][1]] += share
        if ground >= MIN_PARCEL_COVERAGE * min(area[parcel], own[index]):
            members.setdefault(parcel, {})[index] = share
    fields = []
    for parcel, shares in members.items():
        most = max(covered[parcel].values())
        if most >= MIN_PARCEL_COVERAGE:
            parcel_id, outline, size = parcels[parcel]
            ids = tuple(sorted(detections[index][0] for index in shares))
            evidence = _evidence(detections, shares, min(most, 1.0) * size)
            fields.append(SeasonField(outline, size, ids, parcel_id, evidence))
    return sorted(fields, key=_place)


def _evidence(
    detections: Sequence[tuple[int, str, SeasonDetection]],
    shares: Mapping[int, float],
    area_m2: float,
) -> FieldEvidence:
    """Of a parcel: by index of the detections on it, the share of the parcel that each covers."""
    on_it = [(detections[index][2], shares[index]) for index in sorted(shares)]
    total = sum(share for _, share in on_it)
    mean = sum(one.tulip_probability * share for one, share in on_it) / total
    return FieldEvidence(area_m2, min(mean, 1.0), any(one.touches_edge for one, _ in on_it))


def overlapping(
    outlines: Sequence[Polygon], candidates: Sequence[Polygon], share: float
) -> list[int]:
    """Indices of the candidates that share more than `share` of the smaller with an outline."""
    ones, others = np.array(outlines, dtype=object), np.array(candidates, dtype=object)
    pairs, shared = _overlaps(ones, others)
    smaller = np.minimum(shapely.area(ones)[pairs[0]], shapely.area(others)[pairs[1]])
    reached: list[int] = np.unique(pairs[1, shared > share * smaller]).tolist()
    return reached


def _kinships(
    season: int, shown: Sequence[tuple[int, Polygon]], known: Sequence[Field]
) -> list[Lineage]:
    """shown: (field index, outline) of a season; known: fields of earlier seasons."""
    ones = np.array([outline for _, outline in shown], dtype=object)
    others = np.array([field.geometry for field in known], dtype=object)
    pairs, shared = _overlaps(ones, others)
    area = shapely.area(ones)
    related = (
        np.round(shared / np.minimum(area[pairs[0]], shapely.area(others)[pairs[1]]), _DIGITS)
        >= MIN_LINK_OVERLAP
    )
    pairs, shared = pairs[:, related], shared[related]
    on_several = Counter(pairs[0].tolist())
    carries = Counter(pairs[1].tolist())
    found = []
    for one, parent, ground in zip(*pairs.tolist(), shared.tolist(), strict=True):
        child = shown[one][0]
        if child == parent:
            continue
        kind: Literal["split", "merge", "redrawn"] = "redrawn"
        if on_several[one] > 1:
            kind = "merge"
        elif carries[parent] > 1:
            kind = "split"
        share = min(1.0, float(ground / area[one]))
        found.append(Lineage(parent, child, season, kind, share))
    return found


def _overlaps_within(
    outlines: NDArray[np.object_],
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """`_overlaps` of the outlines with each other: each pair in both orders, none with itself."""
    pairs = shapely.STRtree(outlines).query(outlines)
    pairs = pairs[:, pairs[0] < pairs[1]]
    shared = shapely.area(shapely.intersection(outlines[pairs[0]], outlines[pairs[1]]))
    area = shapely.area(outlines)
    overlap = shared > MIN_OVERLAP_SHARE * np.minimum(area[pairs[0]], area[pairs[1]])
    pairs, shared = pairs[:, overlap], shared[overlap]
    return np.concatenate([pairs, pairs[::-1]], axis=1), np.concatenate([shared, shared])


def _overlaps(
    ones: NDArray[np.object_], others: NDArray[np.object_]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """(2, n) indices of the pairs that intersect, and the (n,) areas of intersection."""
    pairs = shapely.STRtree(others).query(ones)
    shared = shapely.area(shapely.intersection(ones[pairs[0]], others[pairs[1]]))
    return pairs[:, shared > 0], shared[shared > 0]


def _agreement(
    pairs: NDArray[np.intp],
    shared: NDArray[np.float64],
    area: NDArray[np.float64],
    tiles: Sequence[str],
    probability: NDArray[np.float64],
) -> NDArray[np.float64]:
    """How well the other tiles confirm each outline.

    Sum over tiles of the best IoU with one of their outlines, times its probability of tulips:
    confident ones count more than doubtful ones.
    """
    names, tile = np.unique(np.asarray(tiles, dtype=str), return_inverse=True)
    one, other = pairs
    iou = shared / (area[one] + area[other] - shared)
    key, group = np.unique(one * len(names) + tile[other], return_inverse=True)
    best = np.zeros(len(key))
    np.maximum.at(best, group, iou * probability[other])
    confirmed = np.bincount(key // max(len(names), 1), best, minlength=len(area))
    return np.round(confirmed, _DIGITS)


def _free_shapes(
    outlines: NDArray[np.object_],
    order: NDArray[np.intp],
    pairs: NDArray[np.intp],
    shared: NDArray[np.float64],
) -> dict[int, Polygon]:
    """By index, the part of each outline that is a field, none of them overlapping."""
    neighbours: list[dict[int, float]] = [{} for _ in outlines]
    for (one, other), ground in zip(pairs.T.tolist(), shared.tolist(), strict=True):
        neighbours[one][other] = ground
    shapes: dict[int, Polygon] = {}
    for index in order.tolist():
        outline = outlines[index]
        taken = {other: shapes[other] for other in neighbours[index] if other in shapes}
        whole = [other for other, shape in taken.items() if shape is outlines[other]]
        covered = sum(neighbours[index][other] for other in whole)
        if covered > (1 - MIN_FREE_SHARE) * outline.area:
            continue  # most detections: already covered, no geometry to compute
        free = _largest_part(outline, list(taken.values())) if taken else outline
        if free.area >= MIN_FREE_SHARE * outline.area:
            shapes[index] = free
    return shapes


def _largest_part(outline: Polygon, taken: Sequence[Polygon]) -> Polygon:
    parts = shapely.get_parts(shapely.difference(outline, shapely.union_all(taken)))
    return max(parts, key=lambda part: (part.area, part.wkb), default=shapely.Polygon())


def _owners(outlines: NDArray[np.object_], shapes: dict[int, Polygon]) -> dict[int, int]:
    """For each outline its field (key of `shapes`): its own, or that with the largest overlap."""
    seeds = list(shapes)
    pairs, shared = _overlaps(outlines, np.array(list(shapes.values()), dtype=object))
    order = np.lexsort((-shared, pairs[0]))
    first = np.unique(pairs[0, order], return_index=True)[1]
    best = {int(one): seeds[other] for one, other in pairs[:, order[first]].T}
    return best | {seed: seed for seed in seeds}


def _place(field: SeasonField) -> tuple[float, float, bytes]:
    return reading_order(field.geometry)
