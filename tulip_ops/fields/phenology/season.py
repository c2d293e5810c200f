"""Summarizes a field's observations into its season."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

from tulip_ops.core.types import (
    FieldEvidence,
    FieldSeason,
    Observation,
    SeasonVerdict,
    Verdict,
)
from tulip_ops.fields.evidence import confidence as field_confidence
from tulip_ops.fields.phenology import bloom_curves
from tulip_ops.fields.phenology.bloom_curves import ClearDays, OnsetPrior

PEAK_BOUND_RATIO = 0.8
"""Share of the largest bloom fraction below which another observation bounds the peak. Fields
flower for days with much the same share open, and observations err by some percent."""

MIN_DETECTION_PROBABILITY = 0.9
"""Share of the possible blooms that clear observations must have met before a field without flowers
counts as not bloomed. So 96 of 100 blooms are seen among the fields that count as seen, in seasons
as cloudy as the Dutch ones (bench/history/accuracy.py)."""

MIN_TULIP_PROBABILITY = 0.5
"""Mean probability of tulips over a field from which a look speaks for it, and not against."""

_DAY = timedelta(days=1)


def summarize(
    field_id: int,
    season: int,
    observations: Sequence[tuple[date, Observation]],
    evidence: FieldEvidence | None,
    window: tuple[str, str],
    begins: OnsetPrior | None = None,
) -> FieldSeason:
    """Season of one field from its observations.

    observations: (day of sensing, observation) of this field in this calendar year, in any
    order; duplicates count once, and those of one day count as one: in bloom if any of them is.
    evidence: what all looks of the season together say of the field; None where it shows none.
    window: first and last month-day, such as ("03-20", "06-05"), both included. begins: when
    fields of the neighbourhood begin to flower in this season (`bloom_curves.estimate_onset`).

    Bloom inside the window means bloomed. Otherwise clear observations inside the window mean not
    bloomed if they would have met MIN_DETECTION_PROBABILITY of the blooms possible there; if
    fewer, the field was not seen. Flowers outside the window are no tulips and are ignored, but a
    clear observation without bloom bounds onset and end on any day of the year. One observation in
    bloom is enough: fields are cut within days of full bloom, and clouds may prevent a second one.
    So a single false one extends or creates a season; it shows as many `looks_against`, with small
    `peak_bloom_fraction` and `confidence`.
    """
    clear = [look for look in set(observations) if look[1].verdict is not Verdict.NOT_SEEN]
    deciding = [look for look in clear if _inside(look[0], window)]
    known = _known(field_id, season, [look for _, look in deciding], evidence)
    flowers = [look for look in deciding if look[1].verdict is Verdict.BLOOM]
    if not flowers:
        met = bloom_curves.detection_probability(
            {day for day, _ in deciding}, season, window, begins
        )
        seen = met >= MIN_DETECTION_PROBABILITY
        verdict = SeasonVerdict.NOT_BLOOMED if seen else SeasonVerdict.NOT_SEEN
        return replace(known, verdict=verdict, confidence=met if seen else 0.0)
    in_bloom = {day for day, _ in flowers}
    first, last = min(in_bloom), max(in_bloom)
    without = {day for day, look in clear if look.verdict is Verdict.NO_BLOOM} - in_bloom
    before = max((day for day in without if day < first), default=None)
    after = min((day for day in without if day > last), default=None)
    fractions = _fractions(clear, window)
    earliest, latest = _peak_bounds(fractions)
    onset = (before + _DAY if before else None, first)
    end = (last, after - _DAY if after else None)
    peak = bloom_curves.estimate_peak(list(fractions.items()), season, window, begins)
    not_before = [day for day in (onset[0], earliest) if day]
    not_after = [day for day in (end[1], latest) if day]
    return replace(
        known,
        verdict=SeasonVerdict.BLOOMED,
        onset=onset,
        peak=min([max([peak, *not_before]), *not_after]),
        end=end,
        peak_bloom_fraction=max(look.bloom_fraction or 0.0 for _, look in flowers),
        peak_bounds=(earliest, latest),
        confidence=_confidence(evidence, [look for _, look in flowers]),
    )


def clear_days(
    observations: Sequence[tuple[date, Observation]], window: tuple[str, str]
) -> ClearDays | None:
    """Days of the window on which the field was clear; None if it never flowered."""
    days = {Verdict.BLOOM: set[date](), Verdict.NO_BLOOM: set[date](), Verdict.NOT_SEEN: set()}
    for day, look in observations:
        if _inside(day, window):
            days[look.verdict].add(day)
    flowers = days[Verdict.BLOOM]
    without = days[Verdict.NO_BLOOM] - flowers
    return ClearDays(tuple(sorted(without)), tuple(sorted(flowers))) if flowers else None


def _inside(day: date, window: tuple[str, str]) -> bool:
    return window[0] <= f"{day:%m-%d}" <= window[1]


def _fractions(
    clear: Sequence[tuple[date, Observation]], window: tuple[str, str]
) -> dict[date, float]:
    """Largest bloom fraction by day, oldest first, without flowers outside the window."""
    fractions: dict[date, float] = {}
    for day, look in sorted(clear, key=lambda entry: entry[0]):
        if look.verdict is Verdict.NO_BLOOM or _inside(day, window):
            fractions[day] = max(fractions.get(day, 0.0), look.bloom_fraction or 0.0)
    return fractions


def _peak_bounds(fractions: dict[date, float]) -> tuple[date | None, date | None]:
    """Earliest and latest possible day of the largest bloom fraction.

    A bloom rises and falls once, so its peak lies between the last observation before the
    largest fraction and the first after it with clearly less (PEAK_BOUND_RATIO).
    """
    top = max(fractions.values())
    best = min(day for day, fraction in fractions.items() if fraction == top)
    less = [day for day, fraction in fractions.items() if fraction < PEAK_BOUND_RATIO * top]
    before = max((day for day in less if day < best), default=None)
    after = min((day for day in less if day > best), default=None)
    return before + _DAY if before else None, after - _DAY if after else None


def _known(
    field_id: int,
    season: int,
    looks: Sequence[Observation],
    evidence: FieldEvidence | None,
) -> FieldSeason:
    """What does not depend on the verdict."""
    tulips = [(look.tulip_probability or 0.0) >= MIN_TULIP_PROBABILITY for look in looks]
    return FieldSeason(
        field_id, season, SeasonVerdict.NOT_SEEN, len(looks),
        evidence.detected_area_m2 if evidence else None, None, None, None, None,
        tulip_probability=evidence.tulip_probability if evidence else None,
        looks_for=sum(tulips),
        looks_against=len(looks) - sum(tulips),
        touches_edge=evidence.touches_edge if evidence else False,
    )  # fmt: skip


def _confidence(evidence: FieldEvidence | None, flowers: Sequence[Observation]) -> float:
    """That a field which was seen in flower is one of tulips.

    Where all looks together show no field, the single look that shows flowers on most of its
    ground speaks for itself.
    """
    if evidence is not None:
        return field_confidence(evidence.tulip_probability)
    return max(
        field_confidence(look.tulip_probability or 0.0) * look.clear_fraction for look in flowers
    )
