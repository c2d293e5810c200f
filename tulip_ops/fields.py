"""Which detections are the same field, within a season and across seasons.

Overlaps are ratios of areas, taken in longitude and latitude as they are: within one field the
scale of a degree changes by less than a thousandth, and cancels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from tulip_ops.domain import AcquisitionId, Detection, Field
from tulip_ops.grid import geodesic_area

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry import Polygon

OWN_GROUND = 0.4
"""Share of a detection that must lie beyond the fields already found, in one piece, before it
shows a field of its own. Two neighbours that one date shows as one are about half and half; the
outline of the same field seen a pixel larger adds up to 0.27 around a field of 80 x 200 m."""

SAME_IOU = 0.3
"""Intersection over union from which a season's field and a known one are the same."""

SAME_SHARE = 0.6
"""The same for the intersection over the smaller of the two: a part of a field seen alone."""

_DIGITS = 9
"""Ratios are compared rounded, so that the last bits of a float decide nothing."""


@dataclass(frozen=True, slots=True)
class SeasonField:
    """A field as the detections of one season draw it."""

    geometry: Polygon
    """EPSG:4326, valid; of the detection that agrees best with the others."""
    area_m2: float
    """Geodesic, square metres."""
    detection_ids: tuple[int, ...]
    """Detections that show it, in ascending order."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """Which of a season's fields are known."""

    kept: tuple[tuple[int, SeasonField], ...]
    """(id of the known field, its outline in the season), by id; each side once."""
    new: tuple[SeasonField, ...]
    """Fields that no known one explains, in the order given."""


def cluster(
    detections: Sequence[tuple[int, AcquisitionId | str, Detection]],
) -> list[SeasonField]:
    """The fields that a season's detections show, north to south.

    detections: (id, acquisition, detection); a detection is identified by its acquisition and
    ordinal, so the result does not depend on the order given, nor on which ids are smaller.
    Fields do not overlap, and every detection belongs to exactly one field. What lies apart
    does not influence each other.

    A cloud may leave fragments of a field, and a blurred date may fuse neighbours: outlines that
    the other acquisitions confirm come first (`_agreement`), then larger ones; a later
    outline becomes a field if enough of it lies on ground that is still free (OWN_GROUND).
    """
    detections = sorted(detections, key=lambda entry: (str(entry[1]), entry[2].ordinal))
    outlines = np.array([detection.geometry for _, _, detection in detections], dtype=object)
    pairs, shared = _overlaps_within(outlines)
    area = shapely.area(outlines)
    agreement = _agreement(pairs, shared, area, [str(name) for _, name, _ in detections])
    order = np.lexsort((-area, -agreement))
    shapes = _free_shapes(outlines, order, pairs, shared)
    owner = _owners(outlines, shapes)
    members: dict[int, list[int]] = {seed: [] for seed in shapes}
    for index, (detection_id, _, _) in enumerate(detections):
        members[owner[index]].append(detection_id)
    found = []
    for seed, shape in shapes.items():
        whole = shape is outlines[seed]
        size = detections[seed][2].area_m2 if whole else geodesic_area(shape)
        found.append(SeasonField(shape, size, tuple(sorted(members[seed]))))
    return sorted(found, key=_reading_order)


def assign(season_fields: Sequence[SeasonField], known: Sequence[Field]) -> Assignment:
    """Which of the season's fields are known ones: each at most once, best overlap first.

    Two are the same from SAME_IOU or SAME_SHARE; among equals the lower id wins. The result
    depends on neither order.
    """
    outlines = np.array([field.geometry for field in season_fields], dtype=object)
    footprints = np.array([field.geometry for field in known], dtype=object)
    pairs, shared = _overlaps(outlines, footprints)
    one, other = shapely.area(outlines)[pairs[0]], shapely.area(footprints)[pairs[1]]
    iou = np.round(shared / (one + other - shared), _DIGITS)
    same = (iou >= SAME_IOU) | (shared / np.minimum(one, other) >= SAME_SHARE)
    candidates = sorted(
        (-iou[n], known[pairs[1, n]].id, _reading_order(season_fields[pairs[0, n]]), pairs[0, n])
        for n in np.flatnonzero(same)
    )
    kept: dict[int, int] = {}
    for _, field_id, _, index in candidates:
        if field_id not in kept and index not in kept.values():
            kept[field_id] = index
    taken = set(kept.values())
    return Assignment(
        kept=tuple((field_id, season_fields[kept[field_id]]) for field_id in sorted(kept)),
        new=tuple(field for index, field in enumerate(season_fields) if index not in taken),
    )


def _overlaps_within(
    outlines: NDArray[np.object_],
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """As `_overlaps` of the outlines with each other, each pair both ways, none with itself."""
    pairs = shapely.STRtree(outlines).query(outlines)
    pairs = pairs[:, pairs[0] < pairs[1]]
    shared = shapely.area(shapely.intersection(outlines[pairs[0]], outlines[pairs[1]]))
    both_ways = np.concatenate([pairs, pairs[::-1]], axis=1)
    both_shared = np.concatenate([shared, shared])
    return both_ways[:, both_shared > 0], both_shared[both_shared > 0]


def _overlaps(
    ones: NDArray[np.object_], others: NDArray[np.object_]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """(2, n) indices into both of what shares ground, and the (n,) areas shared."""
    pairs = shapely.STRtree(others).query(ones)
    shared = shapely.area(shapely.intersection(ones[pairs[0]], others[pairs[1]]))
    return pairs[:, shared > 0], shared[shared > 0]


def _agreement(
    pairs: NDArray[np.intp],
    shared: NDArray[np.float64],
    area: NDArray[np.float64],
    acquisitions: Sequence[str],
) -> NDArray[np.float64]:
    """How many other acquisitions confirm each outline: the sum of its best IoU with each."""
    names, acquisition = np.unique(np.asarray(acquisitions, dtype=str), return_inverse=True)
    one, other = pairs
    iou = shared / (area[one] + area[other] - shared)
    key, group = np.unique(one * len(names) + acquisition[other], return_inverse=True)
    best = np.zeros(len(key))
    np.maximum.at(best, group, iou)
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
        if covered > (1 - OWN_GROUND) * outline.area:
            continue  # most detections: seen before, and no geometry to compute
        free = _largest_part(outline, list(taken.values())) if taken else outline
        if free.area >= OWN_GROUND * outline.area:
            shapes[index] = free
    return shapes


def _largest_part(outline: Polygon, taken: Sequence[Polygon]) -> Polygon:
    parts = shapely.get_parts(shapely.difference(outline, shapely.union_all(taken)))
    return max(parts, key=lambda part: (part.area, part.wkb), default=shapely.Polygon())


def _owners(outlines: NDArray[np.object_], shapes: dict[int, Polygon]) -> dict[int, int]:
    """For each outline its field (key of `shapes`): its own, or the one it shares most with."""
    seeds = list(shapes)
    pairs, shared = _overlaps(outlines, np.array(list(shapes.values()), dtype=object))
    order = np.lexsort((-shared, pairs[0]))
    first = np.unique(pairs[0, order], return_index=True)[1]
    best = {int(one): seeds[other] for one, other in pairs[:, order[first]].T}
    return best | {seed: seed for seed in seeds}


def _reading_order(field: SeasonField) -> tuple[float, float, bytes]:
    west, _, _, north = field.geometry.bounds
    return -north, west, field.geometry.wkb
