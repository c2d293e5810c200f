from datetime import date, timedelta

import numpy as np
import pytest

from tulip_ops.fields.phenology.bloom_curves import (
    MAX_BLOOM_DAYS,
    ClearDays,
    OnsetPrior,
    bloom_curves,
    detection_probability,
    estimate_onset,
    estimate_peak,
)

WINDOW = ("03-20", "06-05")
FIRST = date(2026, 3, 20)


def days(*numbers: int) -> tuple[date, ...]:
    return tuple(FIRST + timedelta(days=number) for number in numbers)


def test_courses_are_probabilities_of_shares() -> None:
    share, weight, height = bloom_curves()
    assert share.shape == (len(weight), MAX_BLOOM_DAYS)
    assert weight.sum() == pytest.approx(1)
    assert np.array_equal(share.max(axis=1), np.ones(len(weight)))
    assert share.min() == 0
    assert not share[:, -1].any()
    assert ((height > 0) & (height < MAX_BLOOM_DAYS)).all()


def test_daily_looks_miss_hardly_a_bloom_and_none_meet_none() -> None:
    assert (
        detection_probability(days(*range(78)), 2026, WINDOW) > 0.99
    )  # but those that only just begin in it
    assert detection_probability([], 2026, WINDOW) == 0


def test_each_look_adds_and_repetition_does_not() -> None:
    met = [
        detection_probability(days(*range(10, 10 + 8 * n, 8)), 2026, WINDOW) for n in range(1, 7)
    ]
    assert met == sorted(set(met))
    assert detection_probability(days(30, 20, 30), 2026, WINDOW) == detection_probability(
        days(20, 30), 2026, WINDOW
    )


def test_it_is_the_share_of_simulated_blooms_that_are_met() -> None:
    rng = np.random.default_rng(1)
    seen = (20, 31, 45)
    drawn = bloom_curves()
    met = 0
    for _ in range(4_000):
        start = round(rng.normal(30, 8))
        shape = drawn.share[rng.choice(len(drawn.weight), p=drawn.weight)]
        met += any(0 <= day - start < MAX_BLOOM_DAYS and shape[day - start] >= 0.1 for day in seen)
    expected = detection_probability(days(*seen), 2026, WINDOW, OnsetPrior(30, 8))
    assert met / 4_000 == pytest.approx(expected, abs=0.03)


def simulated(mean: float, count: int, looks: range) -> list[ClearDays]:
    """What `looks` see of fields of which the onset differs by a week."""
    rng = np.random.default_rng(2)
    found = []
    for start in rng.normal(mean, 8, count).round():
        flowers = tuple(day for day in looks if start <= day < start + 11)
        if flowers:
            without = tuple(day for day in looks if day not in flowers)
            found.append(ClearDays(days(*without), days(*flowers)))
    return found


@pytest.mark.parametrize("mean", [18, 30, 46])
def test_neighbours_in_flower_tell_the_season(mean: float) -> None:
    known = estimate_onset(simulated(mean, 60, range(2, 78, 6)), 2026, WINDOW)
    assert known.mean == pytest.approx(mean, abs=3)
    assert known.spread == 8


def test_days_on_which_nobody_could_look_do_not_shift_the_season() -> None:
    known = estimate_onset(simulated(30, 200, range(38, 78, 4)), 2026, WINDOW)
    assert known.mean == pytest.approx(30, abs=4)  # those that began before day 28 are not there


def test_without_neighbours_the_window_says_when() -> None:
    usual = estimate_onset([], 2026, WINDOW)
    assert (usual.mean, usual.spread) == (32, 13)
    single = estimate_onset([ClearDays((), days(50))], 2026, WINDOW)
    assert abs(single.mean - usual.mean) <= 3  # it was in flower on the only day that was looked at


def test_the_order_of_fields_does_not_matter() -> None:
    patterns = simulated(30, 40, range(2, 78, 6))
    assert estimate_onset(patterns[::-1], 2026, WINDOW) == estimate_onset(patterns, 2026, WINDOW)


def test_the_peak_of_a_known_course_is_found() -> None:
    shape = bloom_curves().share[2]  # one strip, thirteen days
    looks = [
        (FIRST + timedelta(days=day), 0.6 * shape[day - 30] if 30 <= day < 60 else 0.0)
        for day in range(20, 60, 3)
    ]
    found = estimate_peak(looks, 2026, WINDOW)
    assert abs((found - FIRST).days - (30 + bloom_curves().height[2])) <= 1
    assert estimate_peak(looks[::-1], 2026, WINDOW) == found


def test_one_look_says_that_the_peak_is_near() -> None:
    (day,) = days(40)
    assert abs((estimate_peak([(day, 0.3)], 2026, WINDOW) - day).days) <= 6


def test_neighbours_tell_when_a_field_seen_once_was_at_its_height() -> None:
    look = [(days(40)[0], 0.3)]
    early, late = (estimate_peak(look, 2026, WINDOW, OnsetPrior(mean, 8)) for mean in (26, 42))
    assert days(33)[0] <= early < late <= days(48)[0]


def test_few_flowers_before_none_were_those_of_a_field_that_opened() -> None:
    (before, day) = days(38, 40)
    few, most = (estimate_peak([(before, 0.0), (day, share)], 2026, WINDOW) for share in (0.1, 1.0))
    assert few > day
    assert few >= most


@pytest.mark.parametrize("shift", [-9, 0, 9])
def test_a_peak_moves_with_its_looks_and_its_neighbours(shift: int) -> None:
    looks = [(30, 0.1), (35, 0.6), (44, 0.3)]

    def found(by: int) -> date:
        moved = [(days(day + by)[0], share) for day, share in looks]
        return estimate_peak(moved, 2026, WINDOW, OnsetPrior(30 + by, 8))

    assert found(shift) - found(0) == timedelta(days=shift)
