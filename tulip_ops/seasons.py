"""From what single days say of a field to what its season says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from tulip_ops.domain import FieldSeason, Observation, SeasonVerdict, Verdict

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
    shows as `clear_looks` many and a `peak_bloom_fraction` small.
    """
    clear = [look for look in set(observations) if look[1].verdict is not Verdict.NOT_SEEN]
    deciding = [look for look in clear if window[0] <= f"{look[0]:%m-%d}" <= window[1]]
    flowers = [look for look in deciding if look[1].verdict is Verdict.BLOOM]
    if not flowers:
        verdict = SeasonVerdict.NOT_BLOOMED if deciding else SeasonVerdict.NOT_SEEN
        return FieldSeason(
            field_id, season, verdict, len(deciding), area_m2, None, None, None, None
        )
    in_bloom = {day for day, _ in flowers}
    first, last = min(in_bloom), max(in_bloom)
    without = {day for day, look in clear if look.verdict is Verdict.NO_BLOOM} - in_bloom
    before = max((day for day in without if day < first), default=None)
    after = min((day for day in without if day > last), default=None)
    peak, fraction = _peak(flowers)
    return FieldSeason(
        field_id=field_id,
        season=season,
        verdict=SeasonVerdict.BLOOMED,
        clear_looks=len(deciding),
        area_m2=area_m2,
        onset=(before + _DAY if before else None, first),
        peak=peak,
        end=(last, after - _DAY if after else None),
        peak_bloom_fraction=fraction,
    )


def _peak(flowers: Iterable[tuple[date, Observation]]) -> tuple[date, float]:
    """The day of the largest bloom fraction, the earliest of equals, and the fraction."""
    fractions = [(-(look.bloom_fraction or 0.0), day) for day, look in flowers]
    negative, day = min(fractions)
    return day, -negative
