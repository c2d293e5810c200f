"""Which outlines of several seasons are the same field.

Pure functions. Outlines that do not overlap do not affect each other: so after a change only what
overlaps it, directly or through others, must be matched again (`overlaps.overlapping`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import shapely

from tulip_ops.core.types import Field
from tulip_ops.fields.overlaps import DIGITS, overlaps
from tulip_ops.fields.season_fields import SeasonField, place

if TYPE_CHECKING:
    from shapely.geometry import Polygon

MIN_SAME_IOU = 0.3
"""Intersection over union from which a season's field and a known one are the same."""

MIN_SAME_SHARE = 0.6
"""The same for the intersection over the smaller of the two: a part of a field seen alone."""

MIN_LINK_OVERLAP = 0.3
"""Share of the smaller of two outlines from which they can be one field, or one the parent of the
other: MIN_SAME_IOU and MIN_SAME_SHARE imply it."""


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


def assign(season_fields: Sequence[SeasonField], known: Sequence[Field]) -> Assignment:
    """Which of the season's fields are known ones: each at most once, best overlap first.

    Two are the same from MIN_SAME_IOU or MIN_SAME_SHARE; among equals the lower id wins. The result
    depends on neither order.
    """
    outlines = np.array([field.geometry for field in season_fields], dtype=object)
    footprints = np.array([field.geometry for field in known], dtype=object)
    pairs, shared = overlaps(outlines, footprints)
    one, other = shapely.area(outlines)[pairs[0]], shapely.area(footprints)[pairs[1]]
    iou = np.round(shared / (one + other - shared), DIGITS)
    same = (iou >= MIN_SAME_IOU) | (shared / np.minimum(one, other) >= MIN_SAME_SHARE)
    candidates = sorted(
        (-iou[n], known[pairs[1, n]].id, place(season_fields[pairs[0, n]]), pairs[0, n])
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
    order = sorted(range(len(outlines)), key=lambda n: (outlines[n][0], place(outlines[n][1])))
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
        for outline in sorted(assignment.new, key=place):
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
    pairs, shared = overlaps(ones, others)
    one, other = shapely.area(ones)[pairs[0]], shapely.area(others)[pairs[1]]
    iou = {
        (int(number), known[index].id): float(value)
        for number, index, value in zip(
            *pairs, np.round(shared / (one + other - shared), DIGITS), strict=True
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


def _kinships(
    season: int, shown: Sequence[tuple[int, Polygon]], known: Sequence[Field]
) -> list[Lineage]:
    """shown: (field index, outline) of a season; known: fields of earlier seasons."""
    ones = np.array([outline for _, outline in shown], dtype=object)
    others = np.array([field.geometry for field in known], dtype=object)
    pairs, shared = overlaps(ones, others)
    area = shapely.area(ones)
    related = (
        np.round(shared / np.minimum(area[pairs[0]], shapely.area(others)[pairs[1]]), DIGITS)
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
