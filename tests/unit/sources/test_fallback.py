"""Sources in their order, over real archives in folders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import pytest
from shapely.geometry import MultiPolygon, box

from tulip_ops.core.errors import (
    ArchiveNotFound,
    BudgetExceeded,
    CredentialMissing,
    SourceUnavailable,
    TooManyRequests,
)
from tulip_ops.core.revisit import Overpass
from tulip_ops.core.types import Acquisition, AcquisitionId, Area
from tulip_ops.raster.grid import Grid
from tulip_ops.raster.projection import WGS84, project
from tulip_ops.sources import fallback
from tulip_ops.sources.archive.source import Archive
from tulip_ops.sources.base import Source

NOW = datetime(2026, 4, 22, 5, tzinfo=UTC)
GRID = Grid(32631, 680000.0, 5850000.0, 8, 8)
POLDER = Area("polder", MultiPolygon([project(box(*GRID.bounds), GRID.epsg, WGS84).buffer(0.01)]))
NORTH = Area("north", MultiPolygon([box(5.7, 53.0, 5.71, 53.01)]))


def archive(folder: Path, *days: str, platform: str = "S2B") -> Archive:
    made = Archive(folder)
    for day in days:
        sensed_at = datetime.combine(date.fromisoformat(day), time(10, 50), UTC)
        made.add_scene(
            AcquisitionId(platform, "31UFU", sensed_at.date(), 0, "L2A"),
            sensed_at, np.full((1, 8, 8), 0.2, np.float32), ("red",), GRID,
        )  # fmt: skip
    return made


class Desk:
    """Opens sources by name, and counts how often each is asked."""

    def __init__(self, **sources: Archive | Exception) -> None:
        self.sources = sources
        self.asked: list[str] = []

    def __call__(self, name: str) -> Source:
        found = self.sources[name]
        self.asked.append(name)
        if isinstance(found, Exception):
            raise found
        return found


def ask(
    desk: Desk,
    *names: str,
    areas: Sequence[Area] = (POLDER,),
    until: date = date(2026, 4, 22),
    limit: timedelta | None = None,
    seen: Sequence[Overpass] = (),
    look_back: int = 60,
    newest: dict[tuple[str, str], datetime] | None = None,
) -> fallback.SurveyResult:
    question = fallback.SurveyRequest(
        since=until - timedelta(days=look_back), until=until, now=NOW, grace=timedelta(hours=48),
        limit=limit, overpasses={"polder": seen}, newest=newest or {},
    )  # fmt: skip
    return fallback.survey(areas, {area.name: names for area in areas}, desk, question)


def told(answers: fallback.SurveyResult) -> list[tuple[str, str, str | None]]:
    return [(one.source, one.kind, one.area) for one in answers.alerts]


@pytest.fixture
def fresh(tmp_path: Path) -> Archive:
    return archive(tmp_path / "fresh", "2026-04-10", "2026-04-20")


@pytest.fixture
def old(tmp_path: Path) -> Archive:
    return archive(tmp_path / "old", "2026-03-11", "2026-03-21", "2026-03-31")


def test_the_first_source_is_asked_and_the_second_is_not(fresh: Archive, old: Archive) -> None:
    desk = Desk(first=fresh, second=old)
    answers = ask(desk, "first", "second")
    assert desk.asked == ["first"]
    assert told(answers) == []
    assert answers.fresh == {("first", "polder")}
    assert {str(i) for i in answers.offered} == {
        "S2B_31UFU_20260410_0_L2A", "S2B_31UFU_20260420_0_L2A",
    }  # fmt: skip


def test_a_stale_source_is_completed_by_the_next(fresh: Archive, old: Archive) -> None:
    desk = Desk(first=old, second=fresh)
    answers = ask(desk, "first", "second", limit=timedelta(days=10))
    assert desk.asked == ["first", "second"]
    assert len(answers.offered) == 5
    (alert,) = answers.alerts
    assert (alert.source, alert.kind, alert.area) == ("first", "stale", "polder")
    assert alert.newest_at == datetime(2026, 3, 31, 10, 50, tzinfo=UTC)
    assert alert.message == (
        "first is stale: it has nothing newer over polder than 2026-03-31, 21 days ago;"
        " 10 days at most are expected"
    )


def test_how_old_is_too_old(old: Archive, fresh: Archive) -> None:
    """10 and 20 April are missing; the second of them is late from 22 April, 10:50, on."""
    day = timedelta(days=1)
    desk = Desk(first=old, second=fresh)
    seen = [
        Overpass(datetime(2026, 4, d, 10, 50, tzinfo=UTC), "S2C") for d in (5, 15)
    ]  # what another source told of another satellite
    assert told(ask(desk, "first", "second")) == []
    assert told(ask(desk, "first", "second", seen=seen)) == [("first", "stale", "polder")]
    assert told(ask(desk, "first", "second", limit=20 * day)) == [("first", "stale", "polder")]
    assert told(ask(desk, "first", "second", limit=25 * day)) == []


def test_a_source_that_has_nothing_is_stale_as_far_as_it_was_asked(
    tmp_path: Path, fresh: Archive
) -> None:
    nothing = archive(tmp_path / "nothing", "2016-04-20")
    answers = ask(Desk(first=nothing, second=fresh), "first", "second")
    (alert,) = answers.alerts
    assert "nothing over polder since 2026-02-21" in alert.message
    assert alert.newest_at is None
    assert told(ask(Desk(first=nothing, second=fresh), "first", "second", look_back=5)) == []


def test_what_the_ledger_knows_of_a_source_counts(tmp_path: Path, fresh: Archive) -> None:
    nothing = archive(tmp_path / "nothing", "2016-04-20")
    desk = Desk(first=nothing, second=fresh)
    known = {("first", "polder"): datetime(2026, 4, 1, 10, 50, tzinfo=UTC)}
    answers = ask(desk, "first", "second", newest=known, limit=timedelta(days=15), look_back=5)
    assert [alert.newest_at for alert in answers.alerts] == [known["first", "polder"]]


def test_looks_at_the_past_say_nothing_of_freshness(old: Archive, fresh: Archive) -> None:
    desk = Desk(first=old, second=fresh)
    answers = ask(desk, "first", "second", until=date(2026, 4, 1), limit=timedelta(days=1))
    assert desk.asked == ["first"]
    assert (answers.alerts, answers.fresh) == ([], set())


def test_an_archive_that_nothing_follows_may_be_old(tmp_path: Path, old: Archive) -> None:
    limit = timedelta(days=5)
    assert told(ask(Desk(archive=old), "archive")) == []
    assert told(ask(Desk(archive=old), "archive", limit=limit)) == [("archive", "stale", "polder")]
    long_ago = Desk(archive=old, first=archive(tmp_path / "older", "2025-01-01"))
    assert told(ask(long_ago, "first", "archive")) == [("first", "stale", "polder")]


def test_simulated_scenes_follow_no_orbit(tmp_path: Path, fresh: Archive) -> None:
    simulated = archive(tmp_path / "simulated", "2026-03-01", platform="SIM")
    desk = Desk(first=simulated, second=fresh)
    assert told(ask(desk, "first", "second", limit=timedelta(days=5))) == []
    assert desk.asked == ["first"]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (SourceUnavailable("timed out"), "silent"),
        (TooManyRequests("429"), "silent"),
        (CredentialMissing("TULIP_SH_CLIENT_ID is not set"), "refused"),
    ],
)
def test_the_next_source_takes_over_from_one_that_is_away(
    fresh: Archive, error: Exception, kind: str
) -> None:
    answers = ask(Desk(first=error, second=fresh), "first", "second")
    assert told(answers) == [("first", kind, None)]
    assert str(error) in answers.alerts[0].message
    assert len(answers.offered) == 2
    assert answers.unanswered == []


def test_where_nobody_answers_one_error_tells_all() -> None:
    desk = Desk(first=CredentialMissing("no secret"), second=SourceUnavailable("timed out"))
    answers = ask(desk, "first", "second")
    assert answers.unanswered == ["polder"]
    error = answers.error()
    assert isinstance(error, SourceUnavailable)
    assert str(error) == "first: no secret; second: timed out"


def test_other_errors_are_not_passed_over(fresh: Archive) -> None:
    with pytest.raises(BudgetExceeded):
        ask(Desk(first=BudgetExceeded("the month"), second=fresh), "first", "second")


def test_an_archive_that_is_gone_is_passed_over(tmp_path: Path, fresh: Archive) -> None:
    answers = ask(Desk(first=Archive(tmp_path / "none"), second=fresh), "first", "second")
    assert told(answers) == [("first", "refused", None)]
    alone = ask(Desk(first=Archive(tmp_path / "none")), "first")
    assert isinstance(alone.error(), ArchiveNotFound)


def test_many_areas_are_one_request(tmp_path: Path, fresh: Archive, old: Archive) -> None:
    searches: list[list[str]] = []

    class Counted(Archive):
        def search(self, areas: Sequence[Area], since: date, until: date) -> Iterator[Acquisition]:
            searches.append([area.name for area in areas])
            return super().search(areas, since, until)

    counted = Counted(tmp_path / "old")
    many = [Area(f"area-{n}", POLDER.geometry) for n in range(50)]
    desk = Desk(first=counted, second=fresh, third=SourceUnavailable("timed out"))
    orders = {area.name: ("third", "first", "second") for area in many} | {
        many[0].name: ("first", "second"), many[1].name: ("first", "third"),
    }  # fmt: skip
    question = fallback.SurveyRequest(
        since=date(2026, 3, 1), until=NOW.date(), now=NOW, grace=timedelta(0),
        limit=timedelta(days=5), overpasses={}, newest={},
    )  # fmt: skip
    answers = fallback.survey(many, orders, desk, question)
    assert [len(names) for names in searches] == [2, 48]
    assert desk.asked.count("third") == 1
    assert answers.unanswered == []


def test_each_area_is_judged_by_itself(tmp_path: Path, fresh: Archive) -> None:
    answers = ask(Desk(first=fresh, second=fresh), "first", "second", areas=[POLDER, NORTH])
    assert told(answers) == [("first", "stale", "north"), ("second", "stale", "north")]
    assert answers.fresh == {("first", "polder")}
