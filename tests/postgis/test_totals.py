"""Totals by area agree wherever one asks, and areas do not take from each other."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from psycopg import errors
from shapely.geometry import MultiPolygon, box

from tests.postgis import histories
from tests.postgis.conftest import Examples
from tulip_ops.core.types import Area
from tulip_ops.postgis import areas, ledger
from tulip_ops.postgis.connection import Connection, connect

FLOWERING = "S2B_31UFU_20240420_0_L2A"
YEARS = ("S2B_31UFU_20230420_0_L2A", FLOWERING)
SIMULATED = "SIM_31UFU_20240421_0_L2A"

TOTALS = """
    select a.name, season, simulated,
        count(*) filter (where verdict = 'bloomed'),
        count(*) filter (where verdict = 'not_bloomed'),
        count(*) filter (where verdict = 'not_seen'),
        count(*) filter (where doubtful),
        round((coalesce(sum(area_m2) filter (where verdict = 'bloomed'), 0) / 1e4)::numeric, 2)
    from tulip.bloom_history cross join unnest(areas) as a (name)
    group by 1, 2, 3 order by 1, 2, 3
"""
SUMMARY = """
    select area, season, simulated, fields_bloomed, fields_not_bloomed, fields_not_seen,
        fields_doubtful, bloomed_ha
    from tulip.season_summary order by 1, 2, 3
"""


def admit(database: Connection, texts: Sequence[str], names: Sequence[str]) -> None:
    acquisitions = [Examples.acquisition(text) for text in texts]
    ledger.admit(database, acquisitions, {a.id: names for a in acquisitions})


def areas_of(database: Connection) -> dict[int, tuple[str | None, list[str]]]:
    rows = database.execute("select distinct field_id, area, areas from tulip.bloom_history")
    return {field_id: (area, names) for field_id, area, names in rows}


@pytest.fixture
def spread(database: Connection, examples: type[Examples]) -> dict[int, int]:
    """Fields 0 and 1 in the west, 2 across the border, 3 in the east, 5 outside; 1 simulated, too.

    The border runs through field 2, with the point on its surface east of it.
    """
    areas.add_area(database, Area("west", MultiPolygon([box(5.69, 52.69, 5.721, 52.72)])))
    areas.add_area(database, Area("east", MultiPolygon([box(5.721, 52.69, 5.735, 52.72)])))
    admit(database, [*YEARS, SIMULATED], ["east", "west"])
    for text in (*YEARS, SIMULATED):
        examples.record(database, text, [0])
    ids = histories.add_fields(database, [0, 1, 2, 3, 5])
    (simulated,) = histories.add_fields(database, [1], simulated=True).values()
    histories.sum_up(database, 2023, {ids[0]: "bloomed", ids[1]: "not_seen", ids[2]: "not_bloomed"})
    histories.sum_up(
        database, 2024, {simulated: "bloomed", **dict.fromkeys(ids.values(), "bloomed")}
    )
    database.execute(
        "update tulip.field_season set area_m2 = 100000.0 / 3 + 12345.678 * field_id,"
        " confidence = case when field_id % 2 = 0 then 0.4 else 0.6 end where verdict = 'bloomed'"
    )
    return ids


class TestTotals:
    def test_fields_name_their_area_or_none(
        self, database: Connection, spread: dict[int, int]
    ) -> None:
        found = areas_of(database)
        assert {place: found[spread[place]][0] for place in spread} == {
            0: "west", 1: "west", 2: "east", 3: "east", 5: None,
        }  # fmt: skip

    def test_the_history_totals_to_the_summary(
        self, database: Connection, spread: dict[int, int]
    ) -> None:
        summary = database.execute(SUMMARY).fetchall()
        totals = {row[:3]: row[3:] for row in database.execute(TOTALS)}
        assert set(totals) <= {row[:3] for row in summary}
        for row in summary:
            assert totals.get(row[:3], (0, 0, 0, 0, 0)) == row[3:], row
        assert sum(row[6] for row in summary) > 0
        everywhere = database.execute("select count(*) from tulip.bloom_history").fetchone()
        outside = database.execute(
            "select count(*) from tulip.bloom_history where area is null"
        ).fetchone()
        assert everywhere is not None
        assert outside == (1,)
        assert sum(sum(row[3:6]) for row in summary) == everywhere[0] - 1

    def test_a_field_in_overlapping_areas_counts_in_each(
        self, database: Connection, spread: dict[int, int]
    ) -> None:
        areas.add_area(database, Area("all", MultiPolygon([box(5.6, 52.6, 5.9, 52.8)])))
        admit(database, [*YEARS, SIMULATED], ["all"])
        found = areas_of(database)
        assert found[spread[0]] == ("all", ["all", "west"])
        assert found[spread[5]] == ("all", ["all"])
        totals = {row[:3]: row[3:7] for row in database.execute(TOTALS)}
        for row in database.execute(SUMMARY).fetchall():
            assert totals.get(row[:3], (0, 0, 0, 0)) == row[3:7], row

    @pytest.mark.parametrize(
        ("change", "names"),
        [
            ("delete from tulip.area where name = 'west'", []),
            ("update tulip.area set name = 'sunset' where name = 'west'", ["sunset"]),
            ("update tulip.area set geometry = st_translate(geometry, 1, 0)", []),
            ("update tulip.field set geometry = st_translate(geometry, 1, 0)", []),
            ("update tulip.field set area_m2 = 1", ["west"]),
            ("truncate tulip.area cascade", []),
        ],
    )
    def test_areas_of_a_field_follow_every_change(
        self, database: Connection, spread: dict[int, int], change: str, names: list[str]
    ) -> None:
        database.execute(change.encode())
        assert areas_of(database)[spread[0]] == (names[0] if names else None, names)
        differing = database.execute(
            "select count(*) from tulip.field where areas <> tulip.areas_of(geometry)"
        ).fetchone()
        assert differing == (0,)

    def test_a_field_drawn_while_an_area_is_added_gets_it(
        self, database: Connection, database_url: str, examples: type[Examples]
    ) -> None:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(1) as pool, connect(database_url, "tests") as other:
            with other.transaction():
                ids = histories.add_fields(other, [0])
                adding = pool.submit(areas.add_area, database, examples.area())
                with pytest.raises(TimeoutError):
                    adding.result(timeout=0.5)
            adding.result(timeout=30)
        rows = database.execute("select field_id, areas from tulip.field").fetchall()
        assert rows == [(ids[0], ["polder"])]

    def test_a_writer_may_add_areas_and_fields(
        self, database: Connection, logins: Any, examples: type[Examples]
    ) -> None:
        with connect(logins.writer, "tests") as writer:
            histories.add_fields(writer, [0])
            areas.add_area(writer, examples.area())
        assert database.execute("select areas from tulip.field").fetchall() == [(["polder"],)]


class TestAnotherArea:
    """An area that is added takes nothing from those that are there."""

    @pytest.fixture
    def hectares(self, database: Connection) -> Callable[[], dict[str, Any]]:
        def ask() -> dict[str, Any]:
            rows = database.execute("select area, bloomed_ha from tulip.season_summary")
            return {area: None if ha is None else float(ha) for area, ha in rows}

        return ask

    @pytest.fixture(autouse=True)
    def recorded(self, database: Connection, examples: type[Examples]) -> None:
        """Area a with a field in bloom, and area b without any acquisition yet."""
        areas.add_area(database, examples.area("a", [0, 1]))
        admit(database, [FLOWERING], ["a"])
        examples.record(database, FLOWERING, [0])
        ids = histories.add_fields(database, [0])
        histories.sum_up(database, 2024, {ids[0]: "bloomed"})
        areas.add_area(database, examples.area("b", [5, 6]))

    def test_the_hectares_of_the_first_stay(
        self, database: Connection, examples: type[Examples], hectares: Any
    ) -> None:
        assert hectares() == {"a": 12.35}
        admit(database, [FLOWERING], ["a", "b"])  # which sends the acquisition through all steps
        assert hectares() == {"a": 12.35, "b": None}
        examples.record(database, FLOWERING, [0])
        assert hectares() == {"a": 12.35, "b": 0.0}

    def test_what_turns_out_cloudy_is_no_longer_recorded_over_any(
        self, database: Connection, examples: type[Examples], hectares: Any
    ) -> None:
        admit(database, [FLOWERING], ["a", "b"])
        examples.skip(database, FLOWERING)
        assert hectares() == {"a": None, "b": None}

    def test_a_failure_leaves_what_is_recorded(
        self, database: Connection, examples: type[Examples], hectares: Any
    ) -> None:
        admit(database, [FLOWERING], ["a", "b"])
        number = ledger.begin_attempt(database, examples.id(FLOWERING), "acquire", "test")
        ledger.end_attempt(database, number, "failed", error="SourceUnavailable", message="silent")
        assert hectares() == {"a": 12.35, "b": None}

    def test_new_ground_is_not_recorded_yet(
        self, database: Connection, examples: type[Examples], hectares: Any
    ) -> None:
        areas.add_area(database, examples.area("a", [0, 1, 2]))
        admit(database, [FLOWERING], ["a"])
        assert hectares() == {"a": None}


class TestOlderStates:
    """tulip.bloom_history_of, beyond what test_history.py has of it."""

    ASK = "select field_id, verdict from tulip.bloom_history_of('unet-ten', %s, %s) order by 1"

    @pytest.fixture(autouse=True)
    def filled(self, database: Connection, examples: type[Examples]) -> list[int]:
        """Field 1 as it is now, and field 7, which is gone, from before revision 0011."""
        examples.admit(database, FLOWERING)
        examples.record(database, FLOWERING, [0])
        ids = list(histories.add_fields(database, [0]).values())
        histories.look(database, FLOWERING, {ids[0]: "bloom"})
        histories.sum_up(database, 2024, {ids[0]: "bloomed"})
        database.execute(
            "insert into tulip.past_field_season (unet_id, field_id, season, simulated, verdict,"
            " clear_looks, confidence, geometry, drawn_from)"
            " select unet_id, 7, s, false, 'not_bloomed', 1, 0.9, f.geometry, 'detections'"
            " from tulip.acquisition, tulip.field f, unnest(array[2023, 2024]) as s"
        )
        return ids

    @pytest.mark.parametrize(
        ("drawn_from", "rows"),
        [
            ("evidence", [(1, "bloomed")]),
            ("detections", [(7, "not_bloomed"), (7, "not_bloomed")]),
            (None, [(1, "bloomed"), (7, "not_bloomed")]),
        ],
    )
    def test_either_way_to_draw_fields_can_be_asked_for(
        self, database: Connection, drawn_from: str | None, rows: list[tuple[int, str]]
    ) -> None:
        assert database.execute(self.ASK, ["1", drawn_from]).fetchall() == rows
        detected = [(7, "not_bloomed"), (7, "not_bloomed")]
        assert database.execute(self.ASK, ["1", "detections"]).fetchall() == detected

    @pytest.mark.parametrize("version", ["2", "1.0"])
    def test_a_version_that_never_ran_is_an_error_with_those_that_did(
        self, database: Connection, logins: Any, version: str
    ) -> None:
        told = f"no result of unet-ten version {version} .*: unet-ten version 1\\n"
        with (
            connect(logins.reader, "tests") as reader,
            pytest.raises(errors.NoDataFound, match=told),
        ):
            reader.execute(self.ASK, [version, None])

    def test_a_cloud_filter_draws_no_fields(self, database: Connection) -> None:
        with pytest.raises(errors.NoDataFound, match="results of: unet-ten version 1"):
            database.execute("select * from tulip.bloom_history_of('cloud-filter-ten', '1')")

    def test_a_history_without_results_says_so(self, database: Connection) -> None:
        database.execute("truncate tulip.acquisition, tulip.past_field_season cascade")
        with pytest.raises(errors.NoDataFound, match="no model yet"):
            database.execute(self.ASK, ["1", None])

    def test_another_way_to_draw_fields_is_refused(self, database: Connection) -> None:
        with pytest.raises(errors.InvalidParameterValue, match="not drawn from air"):
            database.execute(self.ASK, ["1", "air"])
