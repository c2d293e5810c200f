"""How right the history is, on simulated fields whose truth is known.

    .tulip/venv/bin/python bench/history_accuracy.py [--fields 300] [--seeds 3] [--json]

Six seasons (2020 to 2025) of a simulated polder: where tulips grow and how far each is in flower
on each day comes from the simulator's rotation and growth, without rendering. Overpasses come
every two or three days as over the Netherlands; under two thirds of them the sky is closed, on
others clouds hide some fields. What the networks would say is the truth made worse: outlines are
shifted and eroded, shares in flower err, fields are missed, others seen where there are none. Then
the thinking of the pipeline (`fields`, `courses`, `seasons`) works as in `tulip history`, and is
compared with the truth. Figures are means over polders.

A field-season is seen in truth where a clear look fell on a day in bloom; a field without tulips,
or one whose bloom no look met, where its clear looks would have met `seasons.ENOUGH_MET` of the
blooms of that season (NEAR which either verdict is right). These are drawn from the simulator: its
parcels planted with tulips TIMES over, some 1,250 blooms, which tell a share to 0.009. The 70
fields that happen to bloom in a polder tell it to 0.036 only, and would judge the verdict by
chance.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray
from shapely.affinity import scale, translate
from shapely.geometry import Polygon, box

from tulip_ops import courses, fields, seasons
from tulip_ops.bloom import BLOOMING
from tulip_ops.domain import AcquisitionId, Detection, Observation, SeasonVerdict, Verdict
from tulip_ops.simulate.crops import Crop, plant
from tulip_ops.simulate.growth import in_flower
from tulip_ops.simulate.polder import make_polder
from tulip_ops.simulate.seasons import warmth

YEARS = tuple(range(2020, 2026))
WINDOW = ("03-20", "06-05")
CLOSED = 0.62
"""Share of overpasses under a closed sky in a Dutch spring."""
NEAR = 0.05
"""Shares of blooms met that lie so near to ENOUGH_MET are right either way; the figure to the digit
stands beside it."""
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
        return [day for day, share in self.share.items() if share >= BLOOMING]

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
            shown = share >= BLOOMING * np.maximum(land, 1)
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


def measure(seed: int, count: int) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    truth = list(truths(seed, count))
    looks: dict[tuple[int, int], list[tuple[date, Observation]]] = {}
    clear: dict[tuple[int, int], set[date]] = {}
    shown: dict[int, list[tuple[int, AcquisitionId, Detection]]] = {year: [] for year in YEARS}
    for season in YEARS:
        of_season = [one for one in truth if one.season == season]
        for number, (day, cover) in enumerate(overpasses(season, rng)):
            name = AcquisitionId("SIM", "31UFU", day, 0, "L2A")
            for one in of_season:
                key = (one.place, season)
                if rng.random() < cover:  # under a cloud, as the network sees it, or not
                    verdict = Verdict.NOT_SEEN if rng.random() < 0.995 else Verdict.NO_BLOOM
                    share_clear, share, sure = 0.1, 0.0, 0.1
                else:
                    if one.in_window(day):
                        clear.setdefault(key, set()).add(day)
                    true = one.share.get(day, 0.0)
                    share = float(
                        np.clip(true * rng.normal(0.9, 0.08) + rng.normal(0, 0.008), 0, 1)
                    )
                    if rng.random() < 0.02:  # missed
                        share = 0.0
                    if not one.share and rng.random() < 0.0005:  # seen where there is none
                        share = 0.1
                    share_clear = float(rng.uniform(0.6, 1.0))
                    sure = float(
                        np.clip(rng.normal(0.88 if share >= BLOOMING else 0.2, 0.08), 0, 1)
                    )
                    verdict = Verdict.BLOOM if share >= BLOOMING else Verdict.NO_BLOOM
                    if verdict is Verdict.BLOOM:
                        shape = seen_as(outline(one.place), rng)
                        found = Detection(one.place, shape, shape.area * 1e10, sure, 0.1, share)
                        shown[season].append((number * 10_000 + one.place, name, found))
                told = None if verdict is Verdict.NOT_SEEN else share
                look = Observation(one.place, name, verdict, share_clear, sure, told)
                looks.setdefault(key, []).append((day, look))
    return compare(truth, looks, clear, shown, in_bloom(seed, count))


def onset_of(
    season: int, looks: dict[tuple[int, int], list[tuple[date, Observation]]]
) -> courses.Onset:
    """When fields begin to flower in a season: the polder is one neighbourhood."""
    patterns = [seasons.pattern(said, WINDOW) for key, said in looks.items() if key[1] == season]
    return courses.onset([found for found in patterns if found], season, WINDOW)


def compare(
    truth: list[Truth],
    looks: dict[tuple[int, int], list[tuple[date, Observation]]],
    clear: dict[tuple[int, int], set[date]],
    shown: dict[int, list[tuple[int, AcquisitionId, Detection]]],
    blooms: dict[int, NDArray[np.bool_]],
) -> dict[str, float]:
    hits = wrong = missed = unseen_right = unseen_exact = met = met_bloomed = unmet = unmet_told = (
        absent
    ) = 0
    peaks, insides, onsets, ends = [], [], [], []
    begins = {season: onset_of(season, looks) for season in YEARS}
    for one in truth:
        key = (one.place, one.season)
        said = seasons.summarize(
            one.place, one.season, looks.get(key, []), None, WINDOW, begins[one.season]
        )
        days = clear.get(key, set())
        since = [(day - date(one.season, 3, 1)).days for day in days]
        enough = blooms[one.season][:, since].any(axis=1).mean()
        seen = bool(one.bloomed and days & set(one.days)) or enough >= seasons.ENOUGH_MET
        right = (said.verdict is SeasonVerdict.NOT_SEEN) == (not seen)
        unseen_exact += right
        met_one = one.bloomed and days & set(one.days)
        unseen_right += right or (not met_one and abs(enough - seasons.ENOUGH_MET) <= NEAR)
        if one.bloomed and not days & set(one.days):
            unmet += 1
            unmet_told += said.verdict is SeasonVerdict.NOT_SEEN
        if said.verdict is SeasonVerdict.NOT_SEEN:
            continue
        bloomed = said.verdict is SeasonVerdict.BLOOMED
        hits += bloomed and one.bloomed
        wrong += bloomed and not one.bloomed
        missed += one.bloomed and not bloomed
        absent += not one.bloomed and not bloomed
        if one.bloomed and days & set(one.days):
            met += 1
            met_bloomed += bloomed
        if not (bloomed and one.bloomed):
            continue
        first, last = one.peak
        if said.peak is None or said.onset is None or said.end is None:
            raise ValueError(said)  # what bloomed has its days
        early, late = said.peak_bounds
        middle = first + (last - first) / 2
        insides.append((early or middle) <= middle <= (late or middle))
        onsets.append((said.onset[0] or one.days[0]) <= one.days[0] <= said.onset[1])
        ends.append(said.end[0] <= one.days[-1] <= (said.end[1] or one.days[-1]))
        if said.clear_looks >= 3:
            off = max((first - said.peak).days, (said.peak - last).days, 0)
            peaks.append((off, abs((said.peak - first).days - (last - first).days / 2)))
    areas = []
    for detections in shown.values():
        for field in fields.cluster(detections):
            places = {number % 10_000 for number in field.detection_ids}
            true = sum(outline(place).area for place in places)
            sizes = [d.area_m2 for n, _, d in detections if n in field.detection_ids]
            areas.append(abs(float(np.median(sizes)) / 1e10 / true - 1))
    return {
        "field_seasons": len(truth),
        "precision": round(hits / max(1, hits + wrong), 4),
        "recall": round(hits / max(1, hits + missed), 4),
        "recall_of_blooms_met_by_a_clear_look": round(met_bloomed / max(1, met), 4),
        "not_seen_right": round(unseen_right / len(truth), 4),
        "not_seen_right_if_nothing_is_near": round(unseen_exact / len(truth), 4),
        "not_bloomed_right": round(absent / max(1, absent + missed), 4),
        "blooms_met_by_no_look": round(unmet / max(1, hits + missed + unmet_told), 4),
        "of_these_told_as_not_seen": round(unmet_told / max(1, unmet), 4),
        "peak_within_4_days_of_the_days_of_full_bloom": round(
            float(np.mean([off <= 4 for off, _ in peaks])), 4
        ),
        "peak_within_4_days_of_their_middle": round(
            float(np.mean([off <= 4 for _, off in peaks])), 4
        ),
        "true_peak_inside": round(float(np.mean(insides)), 4),
        "true_onset_inside": round(float(np.mean(onsets)), 4),
        "true_end_inside": round(float(np.mean(ends)), 4),
        "median_area_error": round(float(np.median(areas)), 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fields", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=3, help="polders, each of its own seed")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    polders = [measure(seed, given.fields) for seed in range(1, given.seeds + 1)]
    found = {
        name: round(float(np.mean([polder[name] for polder in polders])), 4) for name in polders[0]
    }
    if given.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name:46} {value}")


if __name__ == "__main__":
    main()
