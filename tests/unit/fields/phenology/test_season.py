from dataclasses import replace
from datetime import date, timedelta

import pytest

from tulip_ops.core.types import (
    AcquisitionId,
    FieldEvidence,
    Observation,
    SeasonVerdict,
    Verdict,
)
from tulip_ops.fields import evidence
from tulip_ops.fields.phenology.bloom_curves import OnsetPrior
from tulip_ops.fields.phenology.season import summarize

WINDOW = ("03-20", "06-05")


def look(text: str, sequence: int = 0) -> tuple[date, Observation]:
    """`04-20 bloom 0.3`: what the day's acquisition says of field 7 in 2026."""
    month_day, verdict, *fraction = text.split()
    day = date.fromisoformat(f"2026-{month_day}")
    share = float(fraction[0]) if fraction else (None if verdict == "not_seen" else 0.01)
    acquisition = AcquisitionId("S2B", "31UFU", day, sequence, "L2A")
    clear = 0.2 if verdict == "not_seen" else 0.9
    return day, Observation(7, acquisition, Verdict(verdict), clear, 0.8, share)


SHOWN = FieldEvidence(detected_area_m2=5e4, tulip_probability=0.93, touches_edge=True)


def season(*looks: str, shown: FieldEvidence | None = SHOWN):
    return summarize(7, 2026, [look(text) for text in looks], shown, WINDOW)


def days(*month_days: str | None) -> tuple[date | None, ...]:
    return tuple(day and date.fromisoformat(f"2026-{day}") for day in month_days)


def test_a_season_with_everything():
    found = season(
        "04-01 no_bloom",
        "04-09 no_bloom",
        "04-14 not_seen",
        "04-16 bloom 0.1",
        "04-21 bloom 0.4",
        "04-24 not_seen 0.6",
        "04-29 bloom 0.2",
        "05-06 no_bloom",
        "05-21 no_bloom",
    )
    assert found.verdict is SeasonVerdict.BLOOMED
    assert (found.field_id, found.season, found.area_m2) == (7, 2026, 5e4)
    assert found.clear_looks == 7
    assert found.onset == days("04-10", "04-16")
    assert found.end == days("04-29", "05-05")
    assert found.peak_bounds == days("04-17", "04-28")
    assert found.peak == date(2026, 4, 24)
    assert found.peak_bloom_fraction == 0.4


def test_without_looks_around_the_bounds_are_open():
    found = season("04-20 bloom 0.3")
    assert found.onset == days(None, "04-20")
    assert found.end == days("04-20", None)
    assert found.clear_looks == 1


WEEKLY = [f"{day:%m-%d} no_bloom" for day in (date(2026, 3, 22) + timedelta(days=7 * n)
                                              for n in range(11))]  # fmt: skip


def test_seen_often_enough_without_flowers_is_not_bloomed():
    found = season(*WEEKLY, "04-25 not_seen", shown=None)
    assert found.verdict is SeasonVerdict.NOT_BLOOMED
    assert found.clear_looks == len(WEEKLY)
    assert found.confidence > 0.95
    assert (found.onset, found.peak, found.end, found.peak_bloom_fraction) == (None,) * 4
    assert found.area_m2 is None


def test_looks_that_may_have_missed_the_bloom_decide_nothing():
    found = season("04-05 no_bloom", "05-20 no_bloom")
    assert found.verdict is SeasonVerdict.NOT_SEEN
    assert (found.clear_looks, found.confidence) == (2, 0.0)


def test_neighbours_in_flower_make_fewer_looks_enough():
    looks = ["04-16 no_bloom", "04-24 no_bloom", "05-02 no_bloom"]
    assert season(*looks).verdict is SeasonVerdict.NOT_SEEN
    begins = OnsetPrior(mean=29, spread=8)  # 18 April
    found = summarize(7, 2026, [look(text) for text in looks], None, WINDOW, begins)
    assert found.verdict is SeasonVerdict.NOT_BLOOMED


@pytest.mark.parametrize(
    "looks", [(), ("04-20 not_seen",), ("03-19 no_bloom", "04-20 not_seen", "06-06 no_bloom")]
)
def test_without_a_clear_look_inside_the_window_it_was_not_seen(looks):
    found = season(*looks)
    assert found.verdict is SeasonVerdict.NOT_SEEN
    assert found.clear_looks == 0


@pytest.mark.parametrize("day", ["03-20", "06-05"])
def test_the_window_includes_its_first_and_last_day(day):
    assert season(f"{day} no_bloom").clear_looks == 1
    assert season(f"{day} bloom 0.2").verdict is SeasonVerdict.BLOOMED


def test_flowers_outside_the_window_are_no_tulips():
    assert season("08-10 bloom 0.9").verdict is SeasonVerdict.NOT_SEEN
    found = season(*WEEKLY, "08-10 bloom 0.9")
    assert found.verdict is SeasonVerdict.NOT_BLOOMED


def test_clear_looks_outside_the_window_bound_onset_and_end():
    found = season("03-10 no_bloom", "04-20 bloom 0.3", "06-10 no_bloom")
    assert found.onset == days("03-11", "04-20")
    assert found.end == days("04-20", "06-09")
    assert found.clear_looks == 1


def test_two_acquisitions_of_one_day_are_one_look():
    twice = [look("04-20 no_bloom", 0), look("04-20 bloom 0.3", 1), look("04-10 no_bloom")]
    found = summarize(7, 2026, twice, None, WINDOW)
    assert found.onset == days("04-11", "04-20")
    assert found.end == days("04-20", None)


def test_between_equal_looks_lies_the_peak():
    assert date(2026, 4, 20) < season("04-25 bloom 0.3", "04-20 bloom 0.3").peak < date(2026, 4, 25)


def test_the_day_on_which_flowers_happened_to_be_seen_is_not_the_peak():
    found = season("04-12 no_bloom", "04-14 bloom 0.1", "04-29 no_bloom")
    assert found.peak > date(2026, 4, 15)  # strips were opening


def test_a_false_look_within_the_bloom_does_not_split_it():
    found = season("04-15 bloom 0.2", "04-20 no_bloom", "04-25 bloom 0.3", "05-05 no_bloom")
    assert found.onset == days(None, "04-15")
    assert found.end == days("04-25", "05-04")


def test_what_the_season_shows_together_stands_beside_the_looks():
    found = season("04-01 no_bloom", "04-20 bloom 0.3", "05-20 not_seen", "07-01 no_bloom")
    assert (found.looks_for, found.looks_against) == (2, 0)
    assert (found.tulip_probability, found.touches_edge) == (0.93, True)
    assert found.confidence == evidence.confidence(0.93)


def test_looks_that_deny_the_field_are_counted():
    against = [
        (day, replace(one, tulip_probability=0.3))
        for day, one in (look("04-10 no_bloom"), look("04-30 no_bloom"))
    ]
    found = summarize(7, 2026, [look("04-20 bloom 0.3"), *against], SHOWN, WINDOW)
    assert (found.looks_for, found.looks_against) == (1, 2)


def test_flowers_on_ground_that_the_season_does_not_show_are_doubtful():
    found = season("04-20 bloom 0.3", shown=None)
    assert found.verdict is SeasonVerdict.BLOOMED
    assert (found.tulip_probability, found.area_m2) == (None, None)
    assert found.confidence == pytest.approx(0.9 * evidence.confidence(0.8))
