from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import assume, given
from hypothesis import strategies as st

from tulip_ops.core import revisit
from tulip_ops.core.revisit import CYCLE, Overpass

START = datetime(2026, 1, 1, tzinfo=UTC)
GRACE = timedelta(hours=48)
SPAN = 8


@dataclass(frozen=True)
class Orbit:
    """One relative orbit of one satellite over the area, as it truly flies."""

    platform: str
    day: int
    """Of the cycle, 0 to 9."""
    every: int
    """Cycles between acquisitions: 1, or 2 for a mission that saves its strength."""

    def passes(self, until: datetime) -> list[datetime]:
        first = START + timedelta(days=self.day, hours=10, minutes=40)
        step = self.every * CYCLE
        return [first + n * step for n in range((until - first) // step + 1)]


ORBITS = st.lists(
    st.builds(
        Orbit,
        platform=st.sampled_from(["S2A", "S2B", "S2C", "S2D"]),
        day=st.integers(0, 9),
        every=st.sampled_from([1, 1, 1, 2]),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda orbit: (orbit.platform, orbit.day),
)
NOW = st.integers(0, 24 * 40).map(lambda hours: START + SPAN * CYCLE + timedelta(hours=hours))
JITTER = st.integers(-20, 20).map(lambda minutes: timedelta(minutes=minutes))


def seen(orbits: list[Orbit], until: datetime) -> list[Overpass]:
    return [Overpass(at, orbit.platform) for orbit in orbits for at in orbit.passes(until)]


def close(one: datetime, other: datetime) -> bool:
    return abs(one - other) < timedelta(hours=2)


@given(orbits=ORBITS, now=NOW)
def test_what_comes_as_ever_is_expected_and_nothing_is_late(
    orbits: list[Orbit], now: datetime
) -> None:
    found = revisit.review(seen(orbits, now), since=START, now=now, grace=GRACE)
    assert {one.state for one in found} <= {"arrived", "next"}
    arrived = sorted((one.at, one.platform) for one in found if one.state == "arrived")
    assert arrived == sorted((o.sensed_at, o.platform) for o in seen(orbits, now))
    unexpected = [one for one in found if not one.expected]
    assert len(unexpected) == len(orbits)
    following = sorted((one.at, one.platform) for one in found if one.state == "next")
    true = sorted(
        (at, orbit.platform)
        for orbit in orbits
        for at in orbit.passes(now + orbit.every * CYCLE)
        if now < at <= now + CYCLE
    )
    assert following == true


@given(orbits=ORBITS, now=NOW, data=st.data())
def test_order_tiles_and_minutes_decide_nothing(
    orbits: list[Orbit], now: datetime, data: st.DataObject
) -> None:
    overpasses = seen(orbits, now)
    plain = revisit.review(overpasses, since=START, now=now, grace=GRACE)
    tiles = [
        Overpass(one.sensed_at + data.draw(JITTER), one.platform)
        for one in overpasses
        for _ in range(data.draw(st.integers(1, 3)))
    ]
    shuffled = data.draw(st.permutations(tiles))
    # a minute before `since` or after `now` is not the other side of it
    assume(all(one.sensed_at >= START and not close(one.sensed_at, now) for one in overpasses))
    found = revisit.review(shuffled, since=START, now=now, grace=GRACE)
    kept = [one for one in plain if not close(one.at, now + CYCLE)]
    again = [one for one in found if not close(one.at, now + CYCLE)]
    assert [
        (one.platform, one.state) for one in sorted(again, key=lambda o: (o.platform, o.at))
    ] == [(one.platform, one.state) for one in sorted(kept, key=lambda o: (o.platform, o.at))]
    assert all(
        close(one.at, other.at)
        for one, other in zip(
            sorted(again, key=lambda o: (o.platform, o.at)),
            sorted(kept, key=lambda o: (o.platform, o.at)),
            strict=True,
        )
    )


@given(orbits=ORBITS, now=NOW, silent_days=st.integers(1, 35))
def test_a_source_that_stops_is_late_by_every_overpass_since(
    orbits: list[Orbit], now: datetime, silent_days: int
) -> None:
    last = now - timedelta(days=silent_days)
    overpasses = seen(orbits, last)
    assume(all(len(orbit.passes(last)) > 1 for orbit in orbits))
    found = revisit.review(overpasses, since=START, now=now, grace=GRACE)
    missing = sorted(
        (at, orbit.platform) for orbit in orbits for at in orbit.passes(now) if at > last
    )
    told = {state: [(one.at, one.platform) for one in found if one.state == state]
            for state in ("late", "awaited")}  # fmt: skip
    assert told["late"] == [one for one in missing if one[0] + GRACE <= now]
    assert told["awaited"] == [one for one in missing if one[0] + GRACE > now]
    newest = max(one.sensed_at for one in overpasses)
    overdue = revisit.count_overdue(overpasses, newest, now=now, grace=GRACE)
    assert overdue == len({at for at, _ in told["late"]})


@given(orbits=ORBITS, now=NOW, data=st.data())
def test_a_single_loss_is_late_until_it_comes(
    orbits: list[Orbit], now: datetime, data: st.DataObject
) -> None:
    overpasses = seen(orbits, now)
    lost = data.draw(st.sampled_from(overpasses))
    track = [one.sensed_at for one in overpasses if one.platform == lost.platform]
    same = [at for at in track if abs((at - lost.sensed_at) % CYCLE) < timedelta(hours=1)]
    assume(lost.sensed_at not in same[:2] + same[-1:])
    rest = [one for one in overpasses if one != lost]
    found = revisit.review(rest, since=START, now=now, grace=GRACE)
    late = [(one.at, one.platform) for one in found if one.state in {"late", "awaited"}]
    assert late == [(lost.sensed_at, lost.platform)]


@given(orbits=ORBITS, gone=st.sampled_from(["S2A", "S2B"]), days=st.integers(75, 200))
def test_a_satellite_that_left_is_no_longer_expected(
    orbits: list[Orbit], gone: str, days: int
) -> None:
    end = START + 3 * CYCLE
    now = end + timedelta(days=days)
    staying = [orbit for orbit in orbits if orbit.platform != gone]
    leaving = [orbit for orbit in orbits if orbit.platform == gone]
    assume(staying)
    found = revisit.review(
        seen(staying, now) + seen(leaving, end), since=end + CYCLE, now=now, grace=GRACE
    )
    assert gone not in {one.platform for one in found}


@given(orbits=ORBITS, now=NOW)
def test_a_fresh_source_owes_nothing(orbits: list[Orbit], now: datetime) -> None:
    overpasses = seen(orbits, now)
    newest = max(one.sensed_at for one in overpasses)
    known = any(len(orbit.passes(now)) > 1 for orbit in orbits)
    owed = revisit.count_overdue(overpasses, newest, now=now, grace=GRACE)
    assert owed == (0 if known else None)
