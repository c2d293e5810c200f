from datetime import UTC, date, datetime, timedelta

from shapely.geometry import MultiPolygon, box

from tulip_ops.core import revisit
from tulip_ops.core.revisit import Overpass
from tulip_ops.core.types import Acquisition, AcquisitionId

GRACE = timedelta(hours=48)


def at(day: str, hour: int = 10) -> datetime:
    return datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC) + timedelta(
        hours=hour, minutes=50
    )


def over(*days: str, platform: str = "S2B", orbit: int | None = 8) -> list[Overpass]:
    return [Overpass(at(day), platform, orbit) for day in days]


def states(found: list[revisit.Pass]) -> list[tuple[str, str, str]]:
    return [(f"{one.at:%m-%d}", one.platform, one.state) for one in found]


def test_nothing_seen_is_nothing_expected() -> None:
    now = at("2026-04-20")
    assert revisit.learn_tracks([]) == []
    assert revisit.review([], since=at("2026-01-01"), now=now, grace=GRACE) == []
    assert revisit.count_overdue([], None, now=now, grace=GRACE) is None


def test_one_overpass_foretells_the_next_but_nothing_is_late() -> None:
    seen = over("2026-04-01")
    for now, expected in {
        "2026-04-05": [("04-01", "S2B", "arrived"), ("04-11", "S2B", "next")],
        "2026-04-20": [("04-01", "S2B", "arrived")],
    }.items():
        found = revisit.review(seen, since=at("2026-03-01"), now=at(now), grace=GRACE)
        assert states(found) == expected
    assert revisit.count_overdue(seen, None, now=at("2026-04-20"), grace=GRACE) is None


def test_three_satellites_with_irregular_spacing() -> None:
    """As over the Noordoostpolder in 2026: two nominal ones, two orbits, S2A every second time."""
    seen = [
        *over("2026-03-01", "2026-03-11", "2026-03-21", "2026-03-31", platform="S2B", orbit=8),
        *over("2026-03-06", "2026-03-16", "2026-03-26", platform="S2C", orbit=8),
        *over("2026-03-04", "2026-03-14", "2026-03-24", "2026-04-03", platform="S2B", orbit=51),
        *over("2026-03-02", "2026-03-22", platform="S2A", orbit=8),
    ]
    found = revisit.review(seen, since=at("2026-03-25"), now=at("2026-04-06", 20), grace=GRACE)
    assert states(found) == [
        ("03-26", "S2C", "arrived"),
        ("03-31", "S2B", "arrived"),
        ("04-03", "S2B", "arrived"),
        ("04-05", "S2C", "awaited"),
        ("04-10", "S2B", "next"),
        ("04-11", "S2A", "next"),
        ("04-13", "S2B", "next"),
        ("04-15", "S2C", "next"),
    ]
    assert [one.relative_orbit for one in found if one.platform == "S2A"] == [8]
    later = revisit.review(seen, since=at("2026-04-04"), now=at("2026-04-12"), grace=GRACE)
    assert [one for one in states(later) if one[2] != "next"] == [
        ("04-05", "S2C", "late"),
        ("04-10", "S2B", "late"),
        ("04-11", "S2A", "awaited"),
    ]


def test_an_ingestion_that_stopped_for_seventeen_days() -> None:
    """As a provider's did in April 2026."""
    seen = [
        *over("2026-03-01", "2026-03-11", "2026-03-21", "2026-03-31"),
        *over("2026-03-06", "2026-03-16", "2026-03-26", platform="S2C"),
    ]
    newest = at("2026-03-31")
    owed = {
        day: revisit.count_overdue(seen, newest, now=at(day, 12), grace=GRACE)
        for day in ("2026-04-04", "2026-04-07", "2026-04-12", "2026-04-17")
    }
    assert owed == {"2026-04-04": 0, "2026-04-07": 1, "2026-04-12": 2, "2026-04-17": 3}
    # what another source gave meanwhile is owed all the same
    meanwhile = [*seen, *over("2026-04-05", platform="S2C"), *over("2026-04-10")]
    assert revisit.count_overdue(meanwhile, newest, now=at("2026-04-12", 12), grace=GRACE) == 2


def test_a_day_without_its_time_is_of_the_track() -> None:
    seen = [Overpass(datetime(2026, 3, 1, tzinfo=UTC), "S2B"), *over("2026-03-11", "2026-03-21")]
    (track,) = revisit.learn_tracks(seen)
    assert (track.cycles_between, len(track.seen)) == (1, 3)


def test_simulated_acquisitions_follow_no_orbit() -> None:
    acquisitions = [
        Acquisition(
            AcquisitionId.parse(f"{platform}_31UFU_20260401_0_L2A"),
            at("2026-04-01"), "archive", "item.json", MultiPolygon([box(5, 52, 6, 53)]), ("red",),
            relative_orbit=orbit,
        )
        for platform, orbit in (("SIM", None), ("S2C", 51))
    ]  # fmt: skip
    assert revisit.overpasses_of(acquisitions) == [Overpass(at("2026-04-01"), "S2C", 51)]
