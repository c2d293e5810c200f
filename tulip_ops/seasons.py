"""From what single days say of a field to what its season says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from math import prod

from tulip_ops.domain import FieldSeason, Observation, SeasonVerdict, Verdict

CLEARLY_LESS = 0.8
"""Share of the largest bloom fraction seen below which another look bounds the peak. Fields
flower for days with much the same share open, and looks err by some percent."""

SHORT_BLOOM = timedelta(days=14)
"""A bloom that a clear look must not miss: few fields flower for less than two weeks."""

_DAY = timedelta(days=1)


def summarize(
    field_id: int,
    season: int,
    observations: Sequence[tuple[date, Observation]],
    area_m2: float | None,
    window: tuple[str, str],
) -> FieldSeason:
    """What a season's observations together say of one field.

    observations: (day of sensing, observation) of this field in this calendar year, in any
    order; one that is there twice counts once, and several of one day are one look: in bloom if
    one of them says so. area_m2: of the field as detected in this season, or None.
    window: first and last month-day, such as ("03-20", "06-05"), both included.

    Bloom seen inside the window means bloomed; else a clear look inside the window means not
    bloomed; else the field was not seen. Flowers outside the window are no tulips and decide
    nothing, but a clear look without bloom bounds onset and end on any day of the year.
    One look in bloom is enough: fields are cut within days of full bloom, and under clouds
    there may never be a second one. So a single false look stretches or makes a season; it
    shows as `clear_looks` many, a `peak_bloom_fraction` and a `confidence` small.
    """
    clear = [look for look in set(observations) if look[1].verdict is not Verdict.NOT_SEEN]
    deciding = [look for look in clear if window[0] <= f"{look[0]:%m-%d}" <= window[1]]
    flowers = [look for look in deciding if look[1].verdict is Verdict.BLOOM]
    if not flowers:
        verdict = SeasonVerdict.NOT_BLOOMED if deciding else SeasonVerdict.NOT_SEEN
        met = _met({day for day, _ in deciding}, season, window)
        return FieldSeason(
            field_id, season, verdict, len(deciding), area_m2, None, None, None, None,
            confidence=met,
        )  # fmt: skip
    in_bloom = {day for day, _ in flowers}
    first, last = min(in_bloom), max(in_bloom)
    without = {day for day, look in clear if look.verdict is Verdict.NO_BLOOM} - in_bloom
    before = max((day for day in without if day < first), default=None)
    after = min((day for day in without if day > last), default=None)
    earliest, peak, latest = _peak(clear, flowers)
    return FieldSeason(
        field_id=field_id,
        season=season,
        verdict=SeasonVerdict.BLOOMED,
        clear_looks=len(deciding),
        area_m2=area_m2,
        onset=(before + _DAY if before else None, first),
        peak=peak,
        end=(last, after - _DAY if after else None),
        peak_bloom_fraction=max(look.bloom_fraction or 0.0 for _, look in flowers),
        peak_bounds=(earliest, latest),
        confidence=_certain([look for _, look in flowers]),
    )


def _peak(
    clear: Sequence[tuple[date, Observation]], flowers: Sequence[tuple[date, Observation]]
) -> tuple[date | None, date, date | None]:
    """Earliest possible, most likely and latest possible day of the largest bloom fraction.

    A bloom rises and falls once, so its peak lies between the last look before the largest
    fraction and the first one after it that saw clearly less (CLEARLY_LESS).
    """
    fractions: dict[date, float] = {}
    for day, look in clear:
        fractions[day] = max(fractions.get(day, 0.0), look.bloom_fraction or 0.0)
    top = max(look.bloom_fraction or 0.0 for _, look in flowers)
    best = min(day for day, look in flowers if (look.bloom_fraction or 0.0) == top)
    less = [day for day, fraction in fractions.items() if fraction < CLEARLY_LESS * top]
    before = max((day for day in less if day < best), default=None)
    after = min((day for day in less if day > best), default=None)
    return before + _DAY if before else None, best, after - _DAY if after else None


def _certain(flowers: Sequence[Observation]) -> float:
    """How sure it is that one of the days in bloom was one: 1 less that all of them were wrong.

    Datastrips and tiles of one day share their pixels: the surest of them speaks for the day.
    """
    by_day: dict[date, float] = {}
    for look in flowers:
        sure = look.clear_fraction * (look.tulip_probability or 0.0)
        day = look.acquisition_id.day
        by_day[day] = max(by_day.get(day, 0.0), min(1.0, max(0.0, sure)))
    return 1 - prod(1 - by_day[day] for day in sorted(by_day))


def _met(days: set[date], season: int, window: tuple[str, str]) -> float:
    """Share of the blooms of SHORT_BLOOM inside the window that one of the days would have met."""
    first, last = (date.fromisoformat(f"{season}-{end}") for end in window)
    starts = [first + _DAY * n for n in range(max(1, (last - first - SHORT_BLOOM).days + 2))]
    met = sum(any(start <= day < start + SHORT_BLOOM for day in days) for start in starts)
    return met / len(starts)
