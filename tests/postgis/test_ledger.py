from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from threading import Barrier
from typing import Any

import psycopg
import pytest
from shapely.geometry import MultiPolygon, box

from tulip_ops.core.errors import AcquisitionNotFound
from tulip_ops.core.types import STATES, AcquisitionId
from tulip_ops.postgis import areas, ledger
from tulip_ops.postgis.connection import Connection, connect

TEXT = "S2B_31UFU_20240420_0_L2A"
LATER = "S2A_31UFU_20240502_0_L2A"
BEFORE = datetime(2024, 1, 1, tzinfo=UTC)


def _entry(database: Connection, text: str = TEXT) -> ledger.LedgerEntry:
    entry = ledger.entry(database, AcquisitionId.parse(text))
    assert entry is not None
    return entry


def _attempt(
    database: Connection, step: str, outcome: Any = "done", *, text: str = TEXT, **ending: Any
) -> None:
    number = ledger.begin_attempt(database, AcquisitionId.parse(text), step, "run 1")
    ledger.end_attempt(database, number, outcome, **{"message": f"{step} {outcome}", **ending})


class TestAdmission:
    def test_an_acquisition_comes_back_as_it_went(
        self, database: Connection, examples: Any
    ) -> None:
        assert examples.admit(database, TEXT) == [examples.id(TEXT)]
        entry = _entry(database)
        assert entry.acquisition == examples.acquisition(TEXT)
        assert entry.areas == ("polder",)
        assert (entry.state, entry.reached, entry.verdict) == ("discovered", None, None)

    def test_the_parts_of_the_id_can_be_asked_for(
        self, database: Connection, examples: Any
    ) -> None:
        examples.admit(database, TEXT, "SIM_31UFU_20230501_12_L2A")
        rows = database.execute(
            "select platform, tile, day::text, sequence, level, season, simulated"
            " from tulip.acquisition order by season"
        ).fetchall()
        assert rows == [
            ("SIM", "31UFU", "2023-05-01", 12, "L2A", 2023, True),
            ("S2B", "31UFU", "2024-04-20", 0, "L2A", 2024, False),
        ]

    def test_what_is_known_is_not_new_and_not_touched(
        self, database: Connection, examples: Any, dump: Any
    ) -> None:
        examples.admit(database, TEXT)
        before = dump(database)["acquisition"]
        assert examples.admit(database, LATER, TEXT) == [examples.id(LATER)]
        assert set(before) < set(dump(database)["acquisition"])

    def test_nothing_offered_is_nothing_new(self, database: Connection) -> None:
        assert ledger.admit(database, [], {}) == []

    def test_two_at_once_never_get_the_same_id(
        self, database: Connection, database_url: str, examples: Any
    ) -> None:
        days = [f"S2B_31UFU_202404{day:02}_0_L2A" for day in range(1, 31)]
        areas.add_area(database, examples.area())
        start = Barrier(2)

        def discover(texts: list[str]) -> list[AcquisitionId]:
            acquisitions = [examples.acquisition(text) for text in texts]
            with connect(database_url, "tests") as connection:
                start.wait()
                return ledger.admit(
                    connection, acquisitions, {a.id: ["polder"] for a in acquisitions}
                )

        with ThreadPoolExecutor(2) as pool:
            first, second = pool.map(discover, [days, days[::-1]])
        assert not set(first) & set(second)
        assert sorted(first + second) == [examples.id(text) for text in days]

    def test_one_waits_for_the_other_to_commit(
        self, database: Connection, database_url: str, examples: Any
    ) -> None:
        with connect(database_url, "tests") as other, ThreadPoolExecutor(1) as pool:
            with other.transaction():
                assert examples.admit(other, TEXT) == [examples.id(TEXT)]
                second = pool.submit(examples.admit, database, TEXT)
                _until_waiting(other)
            assert second.result(timeout=30) == []

    def test_a_known_acquisition_that_gains_an_area_is_carried_again(
        self, database: Connection, examples: Any
    ) -> None:
        examples.admit(database, TEXT)
        examples.record(database, TEXT, [0])
        areas.add_area(database, examples.area("other", [5]))
        links = {examples.id(TEXT): ["polder", "other"]}
        assert ledger.admit(database, [examples.acquisition(TEXT)], links) == []
        entry = _entry(database)
        assert (entry.state, entry.areas) == ("discovered", ("other", "polder"))
        assert ledger.pending(database, [examples.id(TEXT)]) == [examples.id(TEXT)]

    def test_a_newer_baseline_behind_a_known_id_is_carried_again(
        self, database: Connection, examples: Any
    ) -> None:
        def offer(baseline: str | None, place: str) -> ledger.LedgerEntry:
            offered = replace(
                examples.acquisition(TEXT), baseline=baseline, source=place, href=place
            )
            ledger.admit(database, [offered], {offered.id: ["polder"]})
            return _entry(database)

        examples.admit(database, TEXT)
        examples.record(database, TEXT, [0])
        entry = offer("05.00", "elsewhere")
        assert (entry.state, entry.acquisition.baseline) == ("recorded", None)
        database.execute("update tulip.acquisition set baseline = '04.00'")
        for baseline in ("02.08", None, "04.00"):
            entry = offer(baseline, "elsewhere")
            assert (entry.state, entry.acquisition.source) == ("recorded", "archive")
        entry = offer("05.11", "elsewhere")
        assert (entry.state, entry.acquisition.source) == ("discovered", "elsewhere")
        assert entry.acquisition.baseline == "05.11"
        assert ledger.pending(database, [examples.id(TEXT)]) == [examples.id(TEXT)]

    def test_more_ground_behind_a_known_id_is_carried_again(
        self, database: Connection, examples: Any
    ) -> None:
        whole = examples.acquisition(TEXT)
        west = replace(whole, footprint=MultiPolygon([box(5.5, 52.2, 5.8, 53.2)]))
        areas.add_area(database, examples.area())
        ledger.admit(database, [west], {west.id: ["polder"]})
        examples.record(database, TEXT, [0])
        for offered in (west, replace(whole, source="elsewhere")):
            assert ledger.admit(database, [offered], {west.id: ["polder"]}) == []
            assert _entry(database).state == "recorded"
        ledger.admit(database, [whole], {west.id: ["polder"]})
        entry = _entry(database)
        assert (entry.state, entry.acquisition) == ("discovered", whole)
        examples.record(database, TEXT, [0])
        ledger.admit(database, [west], {west.id: ["polder"]})
        assert _entry(database).state == "recorded"

    def test_what_was_not_said_before_is_learnt_and_what_was_said_stays(
        self, database: Connection, examples: Any
    ) -> None:
        examples.admit(database, TEXT)
        told = replace(
            examples.acquisition(TEXT),
            baseline="05.11", relative_orbit=8, provider_cloud_cover=12.5,
        )  # fmt: skip
        links = {told.id: ["polder"]}
        assert ledger.admit(database, [told], links) == []
        assert _entry(database).acquisition == told
        ledger.admit(database, [replace(told, relative_orbit=51, provider_cloud_cover=99.0)], links)
        assert _entry(database).acquisition == told
        assert ledger.pending(database, [told.id]) == [told.id]

    def test_what_failed_is_tried_again_after_a_rest_and_what_is_quarantined_is_not(
        self, database: Connection, examples: Any
    ) -> None:
        examples.admit(database, TEXT)
        identity = examples.id(TEXT)
        for error, again in (("SourceUnavailable", [identity]), ("UnreadableRaster", [])):
            _attempt(database, "acquire", "failed", error=error, message="away")
            assert ledger.pending(database, [identity]) == []
            database.execute(
                "update tulip.attempt set started_at = started_at - %s, ended_at = ended_at - %s",
                (ledger.RETRY_AFTER, ledger.RETRY_AFTER),
            )
            assert ledger.pending(database, [identity]) == again

    def test_another_source_takes_over(self, database: Connection, examples: Any) -> None:
        examples.admit(database, TEXT)
        other = replace(
            examples.acquisition(TEXT), source="elsewhere", href="https://else/where.json",
            bands=("red",), baseline="05.11",
        )  # fmt: skip
        ledger.change_source(database, other)
        assert _entry(database).acquisition == other
        assert _entry(database).state == "discovered"

    @pytest.mark.parametrize(
        "text",
        [
            "S2E_31UFU_20240420_0_L2A",
            "S2A_61UFU_20240420_0_L2A",
            "S2A_31IFU_20240420_0_L2A",
            "S2A_31UFU_20240431_0_L2A",
            "S2A_31UFU_20240420_0_L3A",
            "S2A_31UFU_20240420_0_L2A\n",
            "s2a_31ufu_20240420_0_l2a",
            "",
        ],
    )
    def test_the_table_refuses_what_is_no_id(self, database: Connection, text: str) -> None:
        with pytest.raises((psycopg.errors.CheckViolation, psycopg.DataError)):
            database.execute(
                "insert into tulip.acquisition"
                " (acquisition_id, sensed_at, source, href, footprint, bands) values"
                " (%s, now(), 's', 'h', st_multi(st_makeenvelope(5, 52, 6, 53, 4326)), '{red}')",
                [text],
            )


class TestWaiting:
    def test_waiting_ends_when_a_run_begins(self, database: Connection, examples: Any) -> None:
        ids = examples.admit(database, LATER, TEXT)
        assert ledger.pending(database, ids) == [examples.id(TEXT), examples.id(LATER)]
        ledger.begin_attempt(database, examples.id(TEXT), "acquire", "run 1")
        assert ledger.pending(database, ids) == [examples.id(LATER)]


class TestAttempts:
    def test_the_way_of_one_acquisition(self, database: Connection, examples: Any) -> None:
        examples.admit(database, TEXT)
        for step, state in STATES.items():
            _attempt(database, step, figures={"clear_fraction": 0.75, "rows": 3})
            entry = _entry(database)
            assert (entry.state, entry.reached, entry.clear_fraction) == (state, step, 0.75)
        rows = database.execute(
            "select step, outcome, message, run_id, figures, ended_at >= started_at"
            " from tulip.attempt order by attempt_id"
        ).fetchall()
        figures = {"clear_fraction": 0.75, "rows": 3}
        assert rows == [(step, "done", f"{step} done", "run 1", figures, True) for step in STATES]

    def test_finding_everything_done_touches_no_row(
        self, database: Connection, examples: Any, dump: Any
    ) -> None:
        examples.admit(database, TEXT)
        for step in STATES:
            _attempt(database, step)
        before = dump(database)
        for step in STATES:
            _attempt(database, step, fresh=False)
        assert dump(database) == before

    def test_finding_it_too_cloudy_again_touches_no_row(
        self, database: Connection, examples: Any, dump: Any
    ) -> None:
        examples.admit(database, TEXT)
        _attempt(database, "acquire")
        examples.skip(database, TEXT)
        entry = _entry(database)
        assert (entry.state, entry.verdict) == ("skipped", "too cloudy: 4 % clear")
        assert entry.clear_fraction == pytest.approx(0.04)
        before = dump(database)
        _attempt(database, "acquire", fresh=False)
        examples.skip(database, TEXT, fresh=False)
        assert dump(database) == before

    def test_a_failure_keeps_its_reason_and_a_repeat_heals_it(
        self, database: Connection, examples: Any
    ) -> None:
        examples.admit(database, TEXT)
        message = "no answer from\n https://me:Klompen7@example.org/x  in 10 s"
        _attempt(database, "acquire", "failed", error="SourceUnavailable", message=message)
        entry = _entry(database)
        assert entry.state == "failed"
        assert entry.verdict == "no answer from https://example.org/x in 10 s"
        assert database.execute("select error, message from tulip.attempt").fetchone() == (
            "SourceUnavailable", entry.verdict,
        )  # fmt: skip
        _attempt(database, "acquire")
        entry = _entry(database)
        assert (entry.state, entry.verdict) == ("acquired", None)

    def test_work_done_before_a_crash_is_counted_when_found(
        self, database: Connection, examples: Any
    ) -> None:
        examples.admit(database, TEXT)
        ledger.begin_attempt(database, examples.id(TEXT), "acquire", "killed")
        _attempt(database, "acquire", fresh=False)
        assert _entry(database).state == "acquired"

    def test_contradicting_pixels_are_quarantined_and_withdrawn(
        self, database: Connection, examples: Any
    ) -> None:
        examples.admit(database, TEXT)
        examples.record(database, TEXT, [0, 1])
        _attempt(database, "acquire", "failed", error="OffsetContradiction", message="dark by 0.1")
        entry = _entry(database)
        assert (entry.state, entry.verdict) == ("quarantined", "dark by 0.1")
        assert entry.detections_sha256 is None
        assert database.execute("select count(*) from tulip.detection").fetchone() == (0,)

    def test_an_acquisition_nobody_knows_has_no_attempts(
        self, database: Connection, examples: Any
    ) -> None:
        with pytest.raises(AcquisitionNotFound, match=TEXT):
            ledger.begin_attempt(database, examples.id(TEXT), "acquire", "run 1")

    def test_steps_over_many_acquisitions_keep_attempts_too(self, database: Connection) -> None:
        for fresh in (True, False):
            number = ledger.begin_attempt(database, None, "discover", "run 1")
            ledger.end_attempt(database, number, "done", fresh=fresh, message="3 new")
        rows = database.execute("select acquisition_id, step, outcome from tulip.attempt")
        assert rows.fetchall() == [(None, "discover", "done")]


@pytest.mark.parametrize(
    ("state", "reached", "step", "outcome", "fresh", "error", "expected"),
    [
        ("discovered", None, "acquire", "done", True, None, "acquired"),
        ("recorded", "record", "acquire", "done", True, None, "acquired"),
        ("recorded", "record", "acquire", "done", False, None, None),
        ("acquired", "acquire", "segment", "done", False, None, "segmented"),
        ("failed", "segment", "acquire", "done", False, None, None),
        ("failed", "segment", "segment", "done", False, None, "segmented"),
        ("skipped", "screen", "screen", "done", False, None, "screened"),
        ("skipped", "screen", "acquire", "done", False, None, None),
        ("recorded", "record", "screen", "skipped", True, None, "skipped"),
        ("recorded", "record", "acquire", "failed", True, "SourceUnavailable", None),
        ("recorded", "record", "acquire", "failed", True, "OffsetContradiction", "quarantined"),
        ("recorded", "record", "acquire", "failed", True, "UnreadableRaster", None),
        ("discovered", None, "acquire", "failed", True, "SourceUnavailable", "failed"),
        ("discovered", None, "acquire", "failed", True, "UnreadableRaster", "quarantined"),
        ("discovered", None, "acquire", "failed", True, "BadScene", "quarantined"),
        ("failed", "acquire", "acquire", "failed", True, "ChecksumMismatch", "quarantined"),
        ("quarantined", "acquire", "acquire", "failed", True, "BandMissing", "quarantined"),
        ("quarantined", "acquire", "acquire", "failed", True, "SourceUnavailable", None),
        ("failed", "segment", "acquire", "failed", True, "SourceUnavailable", "failed"),
        ("screened", "screen", "segment", "failed", True, "ModelNotFound", "failed"),
    ],
)
def test_next_state(
    state: str, reached: str | None, step: str, outcome: Any, fresh: bool, error: str | None,
    expected: str | None,
) -> None:  # fmt: skip
    assert expected == ledger.next_state(state, reached, step, outcome, fresh=fresh, error=error)


def _until_waiting(connection: Connection) -> None:
    """Return once some other connection waits for a lock."""
    import time

    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        row = connection.execute("select count(*) from pg_locks where not granted").fetchone()
        if row is not None and row[0]:
            return
        time.sleep(0.02)
    raise AssertionError("nobody waits")


class TestManyAtOnce:
    def test_what_is_known_of_many(self, database: Connection, examples: Any) -> None:
        examples.admit(database, TEXT, LATER)
        _attempt(database, "acquire", "skipped", message="too cloudy")
        found = ledger.states_of(database, [examples.id(i) for i in (TEXT, LATER)])
        assert found[examples.id(TEXT)].state == "skipped"
        assert found[examples.id(TEXT)].verdict == "too cloudy"
        assert found[examples.id(LATER)].areas == {"polder"}
        assert ledger.states_of(database, [examples.id("S2A_31UFU_20240601_0_L2A")]) == {}

    def test_the_pace_is_that_of_single_runs_over_these_areas(
        self, database: Connection, examples: Any
    ) -> None:
        assert ledger.throughput(database, ["polder"]) == (0, 0.0)
        examples.admit(database, TEXT)
        _attempt(database, "acquire")
        _attempt(database, "screen", "failed", error="ModelDamaged")
        piped = ledger.begin_attempt(database, examples.id(TEXT), "screen", "beam by hand")
        ledger.end_attempt(database, piped, "done", message="-")
        database.execute("update tulip.attempt set ended_at = started_at + interval '7 s'")
        assert ledger.throughput(database, ["polder"]) == (1, 7.0)
        assert ledger.throughput(database, ["elsewhere"]) == (0, 0.0)

    def test_reasons_are_those_of_the_newest_attempt_of_the_run(
        self, database: Connection, examples: Any
    ) -> None:
        examples.admit(database, TEXT, LATER)
        ids = [examples.id(i) for i in (TEXT, LATER)]
        _attempt(database, "acquire", "failed", error="SourceUnavailable", message="away")
        assert ledger.failure_reasons(database, ids, "run 1", BEFORE) == {
            ids[0]: "acquire: SourceUnavailable: away"
        }
        assert ledger.failure_reasons(database, ids, "run 2", BEFORE) == {}
        assert ledger.failure_reasons(database, ids, "run 1", datetime.now(UTC)) == {}
        _attempt(database, "acquire")
        assert ledger.failure_reasons(database, ids, "run 1", BEFORE) == {}


class TestWaitingForAStep:
    def test_those_that_the_step_before_has_left_wait_oldest_first(
        self, database: Connection, examples: Any
    ) -> None:
        examples.admit(database, LATER, TEXT)
        assert ledger.pending_for_step(database, "screen") == []
        for text in (LATER, TEXT):
            _attempt(database, "acquire", text=text)
        assert list(map(str, ledger.pending_for_step(database, "screen"))) == [TEXT, LATER]
        assert ledger.pending_for_step(database, "segment") == []

    @pytest.mark.parametrize("end", ["failed", "running", "killed"])
    def test_who_was_tried_waits_no_more_until_the_step_before_is_done_again(
        self, database: Connection, examples: Any, end: str
    ) -> None:
        (identity,) = examples.admit(database, TEXT)
        _attempt(database, "acquire")
        number = ledger.begin_attempt(database, identity, "screen", "run 1")
        if end == "failed":
            ledger.end_attempt(database, number, "failed", error="StoreUnavailable", message="-")
        if end == "killed":
            ledger.end_killed_attempts(database, identity)
        assert ledger.pending_for_step(database, "screen") == []
        _attempt(database, "acquire")
        assert ledger.pending_for_step(database, "screen") == [identity]
