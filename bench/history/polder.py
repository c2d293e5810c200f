"""A simulated polder over six seasons, and what networks would say of it, without rendering.

Where tulips grow and how far each field is in flower on each day comes from the simulator's
rotation and growth. Overpasses come every two or three days as over the Netherlands; under two
thirds of them the sky is closed, on others clouds hide some fields. What the networks would say is
the truth made worse: outlines are shifted and eroded, shares in flower err, fields are missed,
others seen where there are none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache

import numpy as np
from numpy.typing import NDArray
from shapely.affinity import scale, translate
from shapely.geometry import Polygon, box

from tulip_ops.core.types import AcquisitionId, Detection, Observation, Verdict
from tulip_ops.fields.phenology.observation import MIN_BLOOM_FRACTION
from tulip_ops.simulate.crops import Crop, plant
from tulip_ops.simulate.growth import in_flower
from tulip_ops.simulate.polder import make_polder
from tulip_ops.simulate.seasons import warmth

YEARS = tuple(range(2020, 2026))
WINDOW = ("03-20", "06-05")
CLOSED = 0.62
"""Share of overpasses under a closed sky in a Dutch spring."""
TIMES = 5
"""How often the parcels of a polder are planted with tulips to know when a season blooms."""
METRE = 1e-5
"""About, in degrees."""


@dataclass(frozen=True)
class Truth:
    """One field in one season."""

    place: int
    season: int
    share: dict[date, float]
    """Share in flower by day; empty where it carries no tulips."""

    @property
    def bloomed(self) -> bool:
        return any(self.in_window(day) for day in self.days)

    @property
    def days(self) -> list[date]:
        return [day for day, share in self.share.items() if share >= MIN_BLOOM_FRACTION]

    def in_window(self, day: date) -> bool:
        return WINDOW[0] <= f"{day:%m-%d}" <= WINDOW[1]

    @property
    def peak(self) -> tuple[date, date]:
        """First and last of the days with nearly the largest share."""
        top = max(self.share.values())
        best = [day for day, share in self.share.items() if share >= 0.98 * top]
        return best[0], best[-1]


def truths(seed: int, count: int) -> Iterator[Truth]:
    """`count` parcels of a polder, each in every season."""
    polder = make_polder(seed, 640, 640, YEARS)
    size = np.bincount(polder.unit.ravel(), minlength=len(polder.parcel)).astype(float)
    carrying = sorted({place for season in YEARS for place in polder.blooms[season]})[:count]
    for season in YEARS:
        planting = polder.plantings[season]
        days = [date(season, 3, 1) + timedelta(days=n) for n in range(110)]
        opened = np.stack([in_flower(planting, warmth(day)) for day in days])
        for place in carrying:
            own = polder.parcel == place
            tulips = planting.crop[place] == Crop.TULIP and size[own].sum() > 0
            share = (opened[:, own] * size[own]).sum(axis=1) / max(size[own].sum(), 1)
            yield Truth(
                place, season, dict(zip(days, share.tolist(), strict=True)) if tulips else {}
            )


@cache
def in_bloom(seed: int, count: int) -> dict[int, NDArray[np.bool_]]:
    """(blooms, days from 1 March) by season: when the parcels of `truths` would be in bloom."""
    polder = make_polder(seed, 640, 640, YEARS)
    size = np.bincount(polder.unit.ravel(), minlength=len(polder.parcel)).astype(float)
    carrying = np.array(sorted({place for season in YEARS for place in polder.blooms[season]}))
    strips = np.flatnonzero(np.isin(polder.parcel, carrying[:count]) & (size > 0))
    place, tulips = polder.parcel[strips], np.full(polder.parcel.max() + 1, Crop.TULIP, np.uint8)
    blooms = {}
    for season in YEARS:
        days = [date(season, 3, 1) + timedelta(days=n) for n in range(110)]
        inside = np.array([WINDOW[0] <= f"{day:%m-%d}" <= WINDOW[1] for day in days])
        met = []
        for time in range(TIMES):
            planting = plant(tulips, polder.parcel, np.random.default_rng([seed, season, time]))
            opened = [in_flower(planting, warmth(day))[strips] * size[strips] for day in days]
            share = np.array([np.bincount(place, row) for row in opened]).T
            land = np.bincount(place, size[strips])[:, None]
            shown = share >= MIN_BLOOM_FRACTION * np.maximum(land, 1)
            met.append(shown[(shown & inside).any(axis=1)])
        blooms[season] = np.concatenate(met)
    return blooms


def overpasses(season: int, rng: np.random.Generator) -> Iterator[tuple[date, float]]:
    """(day, share under cloud) of the overpasses that are not closed."""
    day = date(season, 3, 1) + timedelta(days=int(rng.integers(3)))
    while day < date(season, 6, 18):
        if rng.random() >= CLOSED:
            yield day, float(rng.choice([0.0, 0.15, 0.4, 0.7], p=[0.4, 0.25, 0.2, 0.15]))
        day += timedelta(days=int(rng.choice([2, 3])))


def outline(place: int) -> Polygon:
    """Fields of 80 to 200 m by 150 to 600 m, side by side without touching."""
    rng = np.random.default_rng([place, 7])
    west, south = 5.6 + 0.003 * (place % 60), 52.7 + 0.007 * (place // 60)
    width, height = rng.uniform(80, 200), rng.uniform(150, 600)
    return box(west, south, west + width * METRE * 1.5, south + height * METRE)


def seen_as(shape: Polygon, rng: np.random.Generator) -> Polygon:
    """The outline as a network draws it: about a third of a pixel off on each side."""
    moved = translate(shape, *(rng.normal(0, 3, 2) * METRE))
    return scale(moved, *(1 + rng.normal(0, 0.03, 2)))


@dataclass(frozen=True)
class Polder:
    """What happened on the fields of a polder, and what was seen of it."""

    truth: list[Truth]
    looks: dict[tuple[int, int], list[tuple[date, Observation]]] = field(default_factory=dict)
    """By place and season, what the networks say of each overpass."""
    clear: dict[tuple[int, int], set[date]] = field(default_factory=dict)
    """By place and season, the days of the window on which the field was truly to be seen."""
    shown: dict[int, list[tuple[int, AcquisitionId, Detection]]] = field(default_factory=dict)
    """By season, the numbered detections; the number's last four digits are the place."""


def look_at(seed: int, count: int) -> Polder:
    """`count` fields of a polder over all YEARS; the same arguments give the same."""
    rng = np.random.default_rng(seed)
    polder = Polder(list(truths(seed, count)), shown={year: [] for year in YEARS})
    for season in YEARS:
        of_season = [one for one in polder.truth if one.season == season]
        for number, (day, cover) in enumerate(overpasses(season, rng)):
            for one in of_season:
                hidden = rng.random() < cover
                if not hidden and one.in_window(day):
                    polder.clear.setdefault((one.place, season), set()).add(day)
                look = _beneath(one, day, rng) if hidden else _seen(one, day, rng)
                polder.looks.setdefault((one.place, season), []).append((day, look))
                if look.verdict is Verdict.BLOOM:
                    found = _detection(one, look, rng)
                    polder.shown[season].append(
                        (number * 10_000 + one.place, look.acquisition_id, found)
                    )
    return polder


def _beneath(one: Truth, day: date, rng: np.random.Generator) -> Observation:
    """Under a cloud, as the network sees it, or not."""
    if rng.random() < 0.995:
        return Observation(one.place, _name(day), Verdict.NOT_SEEN, 0.1, 0.1, None)
    return Observation(one.place, _name(day), Verdict.NO_BLOOM, 0.1, 0.1, 0.0)


def _seen(one: Truth, day: date, rng: np.random.Generator) -> Observation:
    true = one.share.get(day, 0.0)
    share = float(np.clip(true * rng.normal(0.9, 0.08) + rng.normal(0, 0.008), 0, 1))
    if rng.random() < 0.02:  # missed
        share = 0.0
    if not one.share and rng.random() < 0.0005:  # seen where there is none
        share = 0.1
    clear = float(rng.uniform(0.6, 1.0))
    sure = float(np.clip(rng.normal(0.88 if share >= MIN_BLOOM_FRACTION else 0.2, 0.08), 0, 1))
    verdict = Verdict.BLOOM if share >= MIN_BLOOM_FRACTION else Verdict.NO_BLOOM
    return Observation(one.place, _name(day), verdict, clear, sure, share)


def _detection(one: Truth, look: Observation, rng: np.random.Generator) -> Detection:
    shape = seen_as(outline(one.place), rng)
    sure, share = look.tulip_probability or 0.0, look.bloom_fraction or 0.0
    return Detection(one.place, shape, shape.area * 1e10, sure, 0.1, share)


def _name(day: date) -> AcquisitionId:
    return AcquisitionId("SIM", "31UFU", day, 0, "L2A")
