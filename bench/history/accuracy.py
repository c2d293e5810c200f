"""How right the history is, on simulated fields whose truth is known.

    .tulip/venv/bin/python -m bench.history.accuracy [--fields 300] [--seeds 6] [--first 0] [--json]

Six seasons (2020 to 2025) of simulated polders, looked at through Dutch clouds (`history_polder`).
What the pipeline computes with (`bloom_curves`, `season`) works on what networks would
say as in `tulip history`, and is compared with the truth. Figures are means over polders. Develop
on other polders than those reported: `--first 10`.

A field-season was met where a clear look fell on a day in bloom: then there was something to see.
Where none did, be it for lack of tulips or of looks, two kinds of figures judge the verdict:

- what a reader may rely on, with no limit in it: of what is called not bloomed the share that did
  not bloom, of what is called not seen the share that was not met, and how many fields without
  tulips are called not bloomed at all;
- the decision itself: *seen* is right where the clear looks would have met
`season.MIN_DETECTION_PROBABILITY` of
  the blooms of that season, to the digit, and with NEAR of it either way. These blooms are drawn
  from the simulator: its parcels planted with tulips several times over, some 1,250, which tell a
  share to 0.009. The 70 fields that happen to bloom in a polder tell it to 0.036 only, and would
  judge the verdict by chance. How far such a figure can be trusted, the same decision by somebody
  tells who knows the 1,250 blooms of another polder in the same season.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from datetime import date
from typing import NamedTuple

import numpy as np

from bench.history.polder import WINDOW, YEARS, Polder, Truth, in_bloom, look_at, outline
from tulip_ops.core.types import FieldSeason, Observation, SeasonVerdict, Verdict
from tulip_ops.fields.phenology import bloom_curves
from tulip_ops.fields.phenology import season as seasons
from tulip_ops.fields.phenology.season import MIN_DETECTION_PROBABILITY

NEAR = 0.05
"""Shares of blooms met that lie so near to MIN_DETECTION_PROBABILITY are right either way.

The figure to the digit stands beside it.
"""


class Judged(NamedTuple):
    """A field-season: what is true, and what the history says."""

    truth: Truth
    said: FieldSeason
    met: bool
    """A clear look fell on a day in bloom."""
    share: float
    """Of the blooms of that season, those that its clear looks would have met."""
    elsewhere: float
    """The same of another polder's blooms."""
    told: float
    """The same as the history takes it to be."""

    @property
    def seen(self) -> bool:
        return self.met or self.share >= MIN_DETECTION_PROBABILITY

    @property
    def called_seen(self) -> bool:
        return self.said.verdict is not SeasonVerdict.NOT_SEEN


def judge(seed: int, count: int) -> tuple[Polder, list[Judged]]:
    """Every field-season of a polder."""
    polder = look_at(seed, count)
    begins = {season: onset_of(season, polder) for season in YEARS}
    own, other = in_bloom(seed, count), in_bloom(seed + 1, count)
    judged = []
    for one in polder.truth:
        key, season = (one.place, one.season), one.season
        looks, days = polder.looks.get(key, []), polder.clear.get(key, set())
        said = seasons.summarize(one.place, season, looks, None, WINDOW, begins[season])
        since = [(day - date(season, 3, 1)).days for day in days]
        shares = [float(met[season][:, since].any(axis=1).mean()) for met in (own, other)]
        told = bloom_curves.detection_probability(clear_days(looks), season, WINDOW, begins[season])
        met = one.bloomed and not days.isdisjoint(one.days)
        judged.append(Judged(one, said, met, *shares, told))
    return polder, judged


def clear_days(looks: list[tuple[date, Observation]]) -> set[date]:
    """The days of the window on which the networks say that they saw the field."""
    seen = {day for day, look in looks if look.verdict is not Verdict.NOT_SEEN}
    return {day for day in seen if WINDOW[0] <= f"{day:%m-%d}" <= WINDOW[1]}


def onset_of(season: int, polder: Polder) -> bloom_curves.OnsetPrior:
    """When fields begin to flower in a season: the polder is one neighbourhood."""
    patterns = [
        seasons.clear_days(said, WINDOW) for key, said in polder.looks.items() if key[1] == season
    ]
    return bloom_curves.estimate_onset([found for found in patterns if found], season, WINDOW)


def measure(seed: int, count: int) -> dict[str, float]:
    """All figures of a polder."""
    polder, judged = judge(seed, count)
    return {
        "field_seasons": len(judged),
        **seen_figures(judged),
        **unseen_figures(judged),
        **decision_figures(judged),
        **day_figures(judged),
        "median_area_error": float(np.median(list(area_errors(polder)))),
    }


def seen_figures(judged: list[Judged]) -> dict[str, float]:
    """How right the history is among the fields that it calls seen."""
    seen = [one for one in judged if one.called_seen]
    found = [one for one in seen if one.said.verdict is SeasonVerdict.BLOOMED]
    return {
        "precision": share(one.truth.bloomed for one in found),
        "recall": share(_found(one) for one in seen if one.truth.bloomed),
        "recall_of_blooms_met_by_a_clear_look": share(_found(one) for one in seen if one.met),
    }


def unseen_figures(judged: list[Judged]) -> dict[str, float]:
    """What a reader may rely on where no flowers were seen."""
    absent = [one for one in judged if one.said.verdict is SeasonVerdict.NOT_BLOOMED]
    unmet = [one for one in judged if one.truth.bloomed and not one.met]
    without = [one for one in judged if not one.truth.bloomed]
    return {
        "called_not_bloomed_and_did_not": share(not one.truth.bloomed for one in absent),
        "called_not_seen_and_no_look_met_it": share(
            not one.met for one in judged if not one.called_seen
        ),
        "without_tulips_called_not_bloomed": share(
            one.said.verdict is SeasonVerdict.NOT_BLOOMED for one in without
        ),
        "without_tulips_and_looked_at_enough": share(
            one.share >= MIN_DETECTION_PROBABILITY for one in without
        ),
        "blooms_met_by_no_look": len(unmet) / sum(one.truth.bloomed for one in judged),
        "of_these_called_not_seen": share(not one.called_seen for one in unmet),
    }


def decision_figures(judged: list[Judged]) -> dict[str, float]:
    """How often *seen* or *not seen* is right by MIN_DETECTION_PROBABILITY, and why not."""
    unmet = [one for one in judged if not one.met]
    off = np.array([one.told - one.share for one in unmet])
    other = np.array([one.elsewhere - one.share for one in unmet])
    return {
        "not_seen_decided_right_near_the_limit_either_way": share(
            one.called_seen == one.seen
            or (not one.met and abs(one.share - MIN_DETECTION_PROBABILITY) <= NEAR)
            for one in judged
        ),
        "not_seen_decided_right_to_the_digit": share(one.called_seen == one.seen for one in judged),
        "right_by_the_blooms_of_another_polder": share(
            (one.met or one.elsewhere >= MIN_DETECTION_PROBABILITY) == one.seen for one in judged
        ),
        "field_seasons_within_0.02_of_the_limit": share(
            not one.met and abs(one.share - MIN_DETECTION_PROBABILITY) <= 0.02 for one in judged
        ),
        "share_of_blooms_met_is_too_high_by": float(off.mean()),
        "root_mean_square_of_that": float(np.sqrt(np.mean(off**2))),
        "root_mean_square_by_another_polder": float(np.sqrt(np.mean(other**2))),
    }


def day_figures(judged: list[Judged]) -> dict[str, float]:
    """How near the days of bloom come to the true ones."""
    off, from_middle, peaks, onsets, ends = [], [], [], [], []
    for one in judged:
        if not (_found(one) and one.truth.bloomed):
            continue
        truth, said = one.truth, one.said
        if said.peak is None or said.onset is None or said.end is None:
            raise ValueError(said)  # what bloomed has its days
        first, last = truth.peak
        middle, (early, late) = first + (last - first) / 2, said.peak_bounds
        peaks.append((early or middle) <= middle <= (late or middle))
        onsets.append((said.onset[0] or truth.days[0]) <= truth.days[0] <= said.onset[1])
        ends.append(said.end[0] <= truth.days[-1] <= (said.end[1] or truth.days[-1]))
        if said.clear_looks >= 3:
            off.append(max((first - said.peak).days, (said.peak - last).days, 0))
            from_middle.append(abs((said.peak - first).days - (last - first).days / 2))
    return {
        "peak_within_4_days_of_the_days_of_full_bloom": share(days <= 4 for days in off),
        "peak_within_4_days_of_their_middle": share(days <= 4 for days in from_middle),
        "true_peak_inside": share(peaks),
        "true_onset_inside": share(onsets),
        "true_end_inside": share(ends),
    }


def area_errors(polder: Polder) -> Iterator[float]:
    """How far the area of each detection is off, as a share of the true one."""
    for detections in polder.shown.values():
        for number, _, found in detections:
            yield abs(found.area_m2 / 1e10 / outline(number % 10_000).area - 1)


def share(of: Iterable[bool]) -> float:
    """Share of what is true; NaN of nothing."""
    told = list(of)
    return sum(told) / len(told) if told else float("nan")


def _found(one: Judged) -> bool:
    return one.said.verdict is SeasonVerdict.BLOOMED


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fields", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=6, help="polders, each of its own seed")
    parser.add_argument("--first", type=int, default=0, help="seed of the first polder")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    seeds = range(given.first, given.first + given.seeds)
    polders = [measure(seed, given.fields) for seed in seeds]
    found = {
        name: round(float(np.mean([polder[name] for polder in polders])), 4) for name in polders[0]
    }
    if given.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name:50} {value}")


if __name__ == "__main__":
    main()
