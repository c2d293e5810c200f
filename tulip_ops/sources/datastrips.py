"""Groups items into acquisitions: merges datastrips, separates reprocessings. No I/O."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

import shapely
from shapely.geometry import MultiPolygon, Polygon

from tulip_ops.core.types import BANDS, Acquisition, AcquisitionId
from tulip_ops.sources.granule import Granule


@dataclass(frozen=True, slots=True)
class MergedDatastrips:
    """All datastrips of one satellite pass over one tile, in one processing."""

    id: AcquisitionId
    granules: tuple[Granule, ...]
    """Its datastrips, the one with the lowest sequence first; never empty."""

    @property
    def bands(self) -> tuple[str, ...]:
        """Bands that all its datastrips have."""
        return tuple(name for name in BANDS if all(name in g.scene.bands for g in self.granules))

    @property
    def hrefs(self) -> frozenset[str]:
        """Addresses of all files with its pixels."""
        return frozenset(b.href for g in self.granules for b in g.scene.bands.values())

    def acquisition(self, source: str) -> Acquisition:
        """The datastrips as one: their footprints together, the cloud cover by area."""
        first = self.granules[0].scene
        ground = shapely.union_all([granule.scene.footprint for granule in self.granules])
        parts = [part for part in shapely.get_parts(ground) if isinstance(part, Polygon)]
        return replace(
            first.acquisition(source),
            id=self.id,
            footprint=MultiPolygon(parts),
            bands=self.bands,
            provider_cloud_cover=self._cloud_cover(),
        )

    def digest(self) -> str:
        """Changes when any of its items changes."""
        return sha256(" ".join(granule.digest for granule in self.granules).encode()).hexdigest()

    def _cloud_cover(self) -> float | None:
        covers = [
            (granule.scene.provider_cloud_cover, granule.scene.footprint.area)
            for granule in self.granules
        ]
        ground = sum(area for cover, area in covers if cover is not None)
        if not ground:
            return None
        return sum(cover * area for cover, area in covers if cover is not None) / ground


def merge_datastrips(
    granules: Iterable[Granule], preference: Sequence[str]
) -> list[MergedDatastrips]:
    """Merge items into acquisitions, sorted by id.

    preference: collections; a later one's items of an overpass are dropped if an earlier one
    has any.

    Two datastrips, or the same one received by two stations, are one acquisition with the lower
    sequence. The same datastrip processed again is another one, which takes the unchanged
    datastrips of its baseline along. Items without a provider's number are numbered by datatake,
    baseline and time of processing.
    """
    chosen = _preferred(granules, preference)
    found = []
    for same_day in _by(chosen, lambda granule: replace(granule.scene.id, sequence=0)).values():
        numbers = _sequences(same_day)
        for datatake in _by(same_day, lambda granule: granule.datatake).values():
            for baseline in _by(datatake, lambda granule: granule.scene.baseline or "").values():
                found += _versions(baseline, numbers)
    return sorted(found, key=lambda overpass: overpass.id)


def _preferred(granules: Iterable[Granule], preference: Sequence[str]) -> list[Granule]:
    once = {(granule.collection, granule.scene.address): granule for granule in granules}
    chosen: list[Granule] = []
    seen: set[tuple[str, ...]] = set()
    for collection in preference:
        fresh = [
            granule
            for granule in once.values()
            if granule.collection == collection and granule.overpass not in seen
        ]
        chosen += fresh
        seen |= {granule.overpass for granule in fresh}
    return chosen


def _sequences(same_day: Sequence[Granule]) -> dict[str, int]:
    """The number of each item, by its address."""
    sequences = {granule.scene.address: granule.sequence for granule in same_day}
    declared = {address: number for address, number in sequences.items() if number is not None}
    if len(declared) == len(sequences) == len(set(declared.values())):
        return declared
    ordered = sorted(same_day, key=_age)
    return {granule.scene.address: number for number, granule in enumerate(ordered)}


def _versions(granules: Sequence[Granule], numbers: Mapping[str, int]) -> list[MergedDatastrips]:
    """The processings of one baseline: the first of each datastrip, then the reprocessed ones."""
    strips = _by(sorted(granules, key=_age), lambda granule: granule.datastrip).values()
    found = []
    for version in range(max(len(strip) for strip in strips)):
        together = [strip[min(version, len(strip) - 1)] for strip in strips]
        new = [strip[version] for strip in strips if version < len(strip)]
        lowest = min(numbers[granule.scene.address] for granule in new)
        together.sort(key=lambda granule: numbers[granule.scene.address])
        found.append(MergedDatastrips(replace(new[0].scene.id, sequence=lowest), tuple(together)))
    return found


def _age(granule: Granule) -> tuple[str, ...]:
    return (
        granule.datatake,
        granule.scene.baseline or "",
        granule.generated,
        granule.datastrip,
        granule.scene.address,
    )


def _by(
    granules: Iterable[Granule], key: Callable[[Granule], Hashable]
) -> dict[Hashable, list[Granule]]:
    groups: dict[Hashable, list[Granule]] = defaultdict(list)
    for granule in granules:
        groups[key(granule)].append(granule)
    return groups
