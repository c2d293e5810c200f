"""The fields of one season: from what its tiles show, or the registered parcels on it.

Both are pure functions. Fields that do not overlap do not affect each other: so after a change only
what overlaps it, directly or through others, must be joined again (`overlaps.overlapping`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from tulip_ops.core.types import FieldEvidence, SeasonDetection
from tulip_ops.fields.overlaps import DIGITS, overlaps, overlaps_within
from tulip_ops.fields.reading_order import reading_order
from tulip_ops.raster.projection import geodesic_area

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry import Polygon

MIN_FREE_SHARE = 0.4
"""Share of a detection that must lie beyond the fields already found, in one piece, before it
becomes a field of its own. Two neighbours that one tile shows as one are about half and half; the
outline of the same field seen a pixel larger adds up to 0.27 around a field of 80 x 200 m."""

MIN_PARCEL_COVERAGE = 0.3
"""Share of a parcel that the season detections of one tile must cover to show tulips on it. Tulips
may grow on a part of it, beside other crops."""


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
    pairs, shared = overlaps_within(outlines)
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
    return sorted(found, key=place)


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
    pairs, shared = overlaps(grounds, shown)
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
    return sorted(fields, key=place)


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
    return np.round(confirmed, DIGITS)


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
    pairs, shared = overlaps(outlines, np.array(list(shapes.values()), dtype=object))
    order = np.lexsort((-shared, pairs[0]))
    first = np.unique(pairs[0, order], return_index=True)[1]
    best = {int(one): seeds[other] for one, other in pairs[:, order[first]].T}
    return best | {seed: seed for seed in seeds}


def place(field: SeasonField) -> tuple[float, float, bytes]:
    """Sorts fields north to south."""
    return reading_order(field.geometry)
