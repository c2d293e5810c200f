from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tulip_ops.core.types import (
    AcquisitionId,
    FieldEvidence,
    Observation,
    SeasonVerdict,
    Verdict,
)
from tulip_ops.fields.phenology.bloom_curves import detection_probability
from tulip_ops.fields.phenology.season import MIN_DETECTION_PROBABILITY, summarize

WINDOW = ("03-20", "06-05")
SHOWN = FieldEvidence(detected_area_m2=1.0, tulip_probability=0.93, touches_edge=False)


@st.composite
def looks(draw, days):
    day = draw(days)
    verdict = draw(st.sampled_from(Verdict))
    fraction = {
        Verdict.BLOOM: st.floats(0.05, 1),
        Verdict.NO_BLOOM: st.floats(0, 0.049),
        Verdict.NOT_SEEN: st.none(),
    }[verdict]
    acquisition = AcquisitionId("S2A", "31UFU", day, draw(st.integers(0, 1)), "L2A")
    return day, Observation(1, acquisition, verdict, 0.5, None, draw(fraction))


spring = looks(st.dates(date(2026, 3, 20), date(2026, 6, 5)))
any_day = looks(st.dates(date(2026, 1, 1), date(2026, 12, 31)))
seasons = st.lists(any_day | spring, max_size=12)


@settings(deadline=None)
@given(seasons, st.randoms(use_true_random=False))
def test_neither_order_nor_repetition_matters(observations, random):
    again = observations + random.sample(observations, random.randint(0, len(observations)))
    random.shuffle(again)
    assert summarize(1, 2026, again, SHOWN, WINDOW) == summarize(
        1, 2026, observations, SHOWN, WINDOW
    )


@settings(deadline=None)
@given(seasons)
def test_a_summary_is_consistent(observations):
    found = summarize(1, 2026, observations, None, WINDOW)
    bloomed = found.verdict is SeasonVerdict.BLOOMED
    met = detection_probability(
        [day for day, look in observations if _decides(day, look)], 2026, WINDOW
    )
    assert (found.verdict is SeasonVerdict.NOT_SEEN) == (
        not bloomed and met < MIN_DETECTION_PROBABILITY
    )
    assert found.clear_looks > 0 or found.verdict is SeasonVerdict.NOT_SEEN
    assert all((value is not None) == bloomed for value in (found.onset, found.peak, found.end))
    if bloomed:
        (earliest, onset), (end, latest) = found.onset, found.end
        assert (earliest or onset) <= onset <= end <= (latest or end)
        for first, last in (found.peak_bounds, (earliest, latest)):
            assert (first or found.peak) <= found.peak <= (last or found.peak)
        assert found.peak_bloom_fraction == max(
            look.bloom_fraction
            for day, look in observations
            if look.verdict is Verdict.BLOOM and WINDOW[0] <= f"{day:%m-%d}" <= WINDOW[1]
        )


def _decides(day, look):
    return look.verdict is not Verdict.NOT_SEEN and WINDOW[0] <= f"{day:%m-%d}" <= WINDOW[1]


@settings(deadline=None)
@given(st.lists(spring, max_size=12))
def test_what_is_not_seen_adds_nothing(observations):
    clouds = [(day, look) for day, look in observations if look.verdict is Verdict.NOT_SEEN]
    clear = [entry for entry in observations if entry not in clouds]
    assert summarize(1, 2026, observations, None, WINDOW) == summarize(1, 2026, clear, None, WINDOW)


@settings(deadline=None)
@given(
    st.dates(date(2026, 4, 1), date(2026, 4, 30)),
    st.integers(5, 30),
    st.sets(st.dates(date(2026, 3, 20), date(2026, 6, 5)), max_size=15),
)
def test_the_true_first_and_last_day_lie_inside_the_bounds(first, length, seen):
    last = first + timedelta(days=length)
    observations = []
    for day in seen:
        verdict = Verdict.BLOOM if first <= day <= last else Verdict.NO_BLOOM
        acquisition = AcquisitionId("S2A", "31UFU", day, 0, "L2A")
        observations.append((day, Observation(1, acquisition, verdict, 1.0, 0.9, 0.2)))
    found = summarize(1, 2026, observations, None, WINDOW)
    assert (found.verdict is SeasonVerdict.BLOOMED) == any(first <= day <= last for day in seen)
    if found.verdict is SeasonVerdict.BLOOMED:
        assert (found.onset[0] or first) <= first <= found.onset[1]
        assert found.end[0] <= last <= (found.end[1] or last)
