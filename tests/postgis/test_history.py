from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pytest
from shapely.geometry import Polygon

from tulip_ops.domain import Field, FieldSeason, Observation, SeasonVerdict, Verdict
from tulip_ops.grid import geodesic_area
from tulip_ops.postgis import history
from tulip_ops.postgis.connection import Connection, transaction
from tulip_ops.postgis.history import Season

APRIL, MAY = "S2B_31UFU_20240420_0_L2A", "S2A_31UFU_20240502_0_L2A"
EARLIER = "S2B_31UFU_20230420_0_L2A"
SIMULATED = "SIM_31UFU_20240421_0_L2A"
SEASON = Season(2024, simulated=False)


@dataclass(frozen=True)
class Shape:
    geometry: Polygon
    area_m2: float
    detection_ids: Sequence[int]


def _shapes(database: Connection, season: Season = SEASON) -> dict[int, Shape]:
    """A field for each place where the season shows something, by place."""
    shapes: dict[int, Shape] = {}
    for detection_id, _, detection in history.season_detections(database, season):
        place = round((detection.geometry.bounds[0] - 5.70) / 0.01)
        older = shapes.get(place, Shape(detection.geometry, detection.area_m2, ()))
        shapes[place] = replace(older, detection_ids=(*older.detection_ids, detection_id))
    return shapes


def _save(database: Connection, season: Season = SEASON) -> dict[int, int]:
    """Keep the fields of the season as the history does; returns their ids by place."""
    shapes = _shapes(database, season)
    known = {
        round((field.geometry.bounds[0] - 5.70) / 0.01): field.id
        for field in history.known_fields(database, season)
    }
    kept = {known[place]: shape for place, shape in shapes.items() if place in known}
    new = {place: shape for place, shape in shapes.items() if place not in known}
    ids = history.save_fields(database, season, kept, list(new.values()))
    return {**known, **dict(zip(new, ids, strict=True))}


def _links(database: Connection) -> dict[int, int]:
    rows = database.execute(
        "select field_id, count(*) from tulip.field_detection group by field_id"
    )
    return dict(rows.fetchall())


def _say(database: Connection, verdict: Verdict = Verdict.BLOOM) -> int:
    """Let every acquisition say `verdict` of the fields that it has said nothing of."""
    return history.write_observations(
        database,
        [
            Observation(field.id, pair.acquisition_id, Verdict.NOT_SEEN, 0.0, None, None)
            if pair.skipped
            else Observation(field.id, pair.acquisition_id, verdict, 1.0, 0.75, 0.25)
            for pair in history.unobserved(database)
            for field in pair.fields
        ],
    )


class TestFields:
    def test_a_field_keeps_its_identity(self, database: Connection, examples: Any) -> None:
        examples.admit(database, APRIL, MAY)
        examples.record(database, APRIL, [0, 1])
        first = _save(database)
        examples.record(database, MAY, [1, 2])
        second = _save(database)
        assert second[1] == first[1]
        assert sorted(second) == [0, 1, 2]
        assert _links(database) == {first[0]: 1, first[1]: 2, second[2]: 1}
        field = examples.field(0)
        known = history.known_fields(database, SEASON)
        assert known[0] == Field(first[0], field, geodesic_area(field))

    def test_the_same_again_touches_no_row(
        self, database: Connection, examples: Any, dump: Any
    ) -> None:
        examples.admit(database, APRIL, MAY)
        examples.record(database, APRIL, [0, 1])
        examples.record(database, MAY, [1, 2])
        _save(database)
        before = dump(database)
        _save(database)
        assert dump(database) == before

    def test_fields_outlive_a_new_result_until_it_is_joined(
        self, database: Connection, examples: Any
    ) -> None:
        examples.admit(database, APRIL, EARLIER)
        examples.record(database, APRIL, [0, 1])
        first = _save(database)
        examples.record(database, APRIL, [0], sha256="1" * 64)
        examples.record(database, EARLIER, [2])
        _save(database, Season(2023, simulated=False))
        assert _save(database)[0] == first[0]
        left = database.execute("select field_id from tulip.field order by field_id").fetchall()
        assert [field_id for (field_id,) in left] == [first[0], first[1] + 1]

    def test_a_field_drawn_anew_is_looked_at_anew(
        self, database: Connection, examples: Any
    ) -> None:
        examples.admit(database, APRIL)
        examples.record(database, APRIL, [0, 1])
        ids = _save(database)
        assert _say(database) == 2
        assert history.unobserved(database) == []
        wider = examples.field(0, width=0.005)
        shapes = _shapes(database)
        redrawn = Shape(wider, geodesic_area(wider), shapes[0].detection_ids)
        history.save_fields(database, SEASON, {ids[0]: redrawn, ids[1]: shapes[1]}, [])
        (pair,) = history.unobserved(database)
        assert pair.fields == (Field(ids[0], wider, geodesic_area(wider)),)

    def test_a_field_keeps_the_outline_of_its_first_season(
        self, database: Connection, examples: Any, dump: Any
    ) -> None:
        examples.admit(database, EARLIER, APRIL)
        examples.record(database, APRIL, [0])
        wider = Shape(examples.field(0, width=0.005), 60_000.0, ())
        ids = _save(database)
        examples.record(database, EARLIER, [0])
        earlier = Season(2023, simulated=False)
        first = replace(wider, detection_ids=_shapes(database, earlier)[0].detection_ids)

        def roll_up() -> Field:
            history.save_fields(database, earlier, {ids[0]: first}, [])
            history.save_fields(database, SEASON, {ids[0]: _shapes(database)[0]}, [])
            return history.known_fields(database, SEASON)[0]

        assert roll_up() == Field(ids[0], wider.geometry, wider.area_m2)
        before = dump(database)
        roll_up()
        assert dump(database) == before

    def test_simulated_and_real_fields_never_meet(
        self, database: Connection, examples: Any
    ) -> None:
        examples.admit(database, APRIL, SIMULATED)
        examples.record(database, APRIL, [0])
        examples.record(database, SIMULATED, [0])
        simulated = Season(2024, simulated=True)
        assert history.seasons(database) == [SEASON, simulated]
        real_ids, simulated_ids = _save(database), _save(database, simulated)
        assert real_ids[0] != simulated_ids[0]
        assert [(str(p.acquisition_id), p.fields[0].id) for p in history.unobserved(database)] == [
            (APRIL, real_ids[0]),
            (SIMULATED, simulated_ids[0]),
        ]


class TestObservations:
    def test_every_acquisition_over_a_field_has_its_say(
        self, database: Connection, examples: Any
    ) -> None:
        examples.admit(database, EARLIER, APRIL, MAY)
        examples.record(database, EARLIER, [])
        examples.record(database, APRIL, [0, 1])
        examples.skip(database, MAY)
        ids = _save(database)
        pairs = history.unobserved(database)
        assert [(str(p.acquisition_id), p.skipped) for p in pairs] == [
            (EARLIER, False), (APRIL, False), (MAY, True),
        ]  # fmt: skip
        assert all([field.id for field in p.fields] == [ids[0], ids[1]] for p in pairs)

    def test_who_is_on_the_way_or_elsewhere_says_nothing(
        self, database: Connection, examples: Any
    ) -> None:
        from shapely.geometry import MultiPolygon, box

        from tulip_ops.postgis import ledger

        examples.admit(database, APRIL, MAY)
        examples.record(database, APRIL, [0])
        elsewhere = replace(
            examples.acquisition(EARLIER), footprint=MultiPolygon([box(5.0, 52.2, 5.6, 53.2)])
        )
        ledger.admit(database, [elsewhere], {elsewhere.id: ["polder"]})
        examples.record(database, EARLIER, [])
        _save(database)
        assert [str(p.acquisition_id) for p in history.unobserved(database)] == [APRIL]

    def test_they_come_back_as_they_went_and_twice_touches_no_row(
        self, database: Connection, examples: Any, dump: Any
    ) -> None:
        examples.admit(database, APRIL, MAY)
        examples.record(database, APRIL, [0])
        examples.skip(database, MAY)
        ids = _save(database)
        assert _say(database) == 2
        said = history.season_observations(database, SEASON)
        assert said == [
            Observation(ids[0], examples.id(APRIL), Verdict.BLOOM, 1.0, 0.75, 0.25),
            Observation(ids[0], examples.id(MAY), Verdict.NOT_SEEN, 0.0, None, None),
        ]
        before = dump(database)
        assert history.write_observations(database, said) == 0
        assert dump(database) == before
        changed = replace(said[0], verdict=Verdict.NO_BLOOM)
        assert history.write_observations(database, [changed, said[1]]) == 1

    def test_a_new_result_takes_back_what_was_said(
        self, database: Connection, examples: Any
    ) -> None:
        examples.admit(database, APRIL)
        examples.record(database, APRIL, [0])
        _save(database)
        _say(database)
        examples.record(database, APRIL, [0, 1], sha256="1" * 64)
        assert history.season_observations(database, SEASON) == []

    @pytest.mark.parametrize(
        "bad",
        [
            {"verdict": Verdict.BLOOM, "clear_fraction": 0.0},
            {"tulip_probability": None},
            {"bloom_fraction": 1.5},
            {"tulip_probability": None, "bloom_fraction": None},
        ],
    )
    def test_the_table_refuses_contradictions(
        self, database: Connection, examples: Any, bad: dict[str, Any]
    ) -> None:
        import psycopg

        examples.admit(database, APRIL)
        examples.record(database, APRIL, [0])
        ids = _save(database)
        good = Observation(ids[0], examples.id(APRIL), Verdict.BLOOM, 1.0, 0.75, 0.25)
        with pytest.raises(psycopg.errors.CheckViolation):
            history.write_observations(database, [replace(good, **bad)])


class TestSeasons:
    @pytest.fixture
    def ids(self, database: Connection, examples: Any) -> dict[int, int]:
        examples.admit(database, APRIL, MAY)
        examples.record(database, APRIL, [0, 1])
        examples.record(database, MAY, [0])
        return _save(database)

    @staticmethod
    def bloomed(field_id: int) -> FieldSeason:
        return FieldSeason(
            field_id, 2024, SeasonVerdict.BLOOMED, 2, 50_000.0,
            (date(2024, 4, 10), date(2024, 4, 20)), date(2024, 4, 20),
            (date(2024, 5, 2), None), 0.25,
        )  # fmt: skip

    @staticmethod
    def not_seen(field_id: int) -> FieldSeason:
        return FieldSeason(field_id, 2024, SeasonVerdict.NOT_SEEN, 0, None, None, None, None, None)

    def test_only_rows_that_change_are_touched(
        self, database: Connection, ids: dict[int, int], dump: Any
    ) -> None:
        rows = [self.bloomed(ids[0]), self.not_seen(ids[1])]
        assert history.write_field_seasons(database, SEASON, rows) == 2
        before = dump(database)
        assert history.write_field_seasons(database, SEASON, rows) == 0
        assert dump(database) == before
        changed = replace(rows[0], clear_looks=3)
        assert history.write_field_seasons(database, SEASON, [changed, rows[1]]) == 1
        untouched = [row for row in dump(database)["field_season"] if row in before["field_season"]]
        assert len(untouched) == 1

    def test_the_dates_are_kept(self, database: Connection, ids: dict[int, int]) -> None:
        history.write_field_seasons(database, SEASON, [self.bloomed(ids[0])])
        assert database.execute(
            "select onset_earliest, onset_latest, peak, end_earliest, end_latest"
            " from tulip.field_season"
        ).fetchone() == (
            date(2024, 4, 10), date(2024, 4, 20), date(2024, 4, 20), date(2024, 5, 2), None,
        )  # fmt: skip

    def test_what_is_no_longer_said_goes_and_other_seasons_stay(
        self, database: Connection, ids: dict[int, int]
    ) -> None:
        earlier, simulated = Season(2023, simulated=False), Season(2024, simulated=True)
        history.write_field_seasons(database, SEASON, [self.bloomed(ids[0]), self.not_seen(ids[1])])
        history.write_field_seasons(database, earlier, [self.not_seen(ids[1])])
        history.write_field_seasons(database, simulated, [])
        assert history.write_field_seasons(database, SEASON, [self.bloomed(ids[0])]) == 1
        rows = database.execute("select field_id, season from tulip.field_season order by 1")
        assert rows.fetchall() == [(ids[0], 2024), (ids[1], 2023)]

    def test_the_area_of_a_season_is_the_median_of_what_was_shown(
        self, database: Connection, ids: dict[int, int], examples: Any
    ) -> None:
        expected = {ids[place]: geodesic_area(examples.field(place)) for place in (0, 1)}
        assert history.season_areas(database, SEASON) == pytest.approx(expected)
        assert history.season_areas(database, Season(2023, simulated=False)) == {}

    def test_the_table_refuses_an_end_before_the_onset(
        self, database: Connection, ids: dict[int, int]
    ) -> None:
        import psycopg

        for bad in (
            {"onset": (date(2024, 4, 21), date(2024, 4, 20))},
            {"end": (date(2024, 5, 2), date(2024, 5, 1))},
            {"end": (date(2024, 4, 19), None)},
        ):
            row = replace(self.bloomed(ids[0]), **bad)
            with pytest.raises(psycopg.errors.CheckViolation):
                history.write_field_seasons(database, SEASON, [row])

    def test_a_season_that_lost_its_acquisitions_can_still_be_emptied(
        self, database: Connection, ids: dict[int, int], examples: Any
    ) -> None:
        history.write_field_seasons(database, SEASON, [self.bloomed(ids[0])])
        for text in (APRIL, MAY):
            _quarantine(database, examples, text)
        assert history.seasons(database) == [SEASON]
        with transaction(database):
            history.lock_history(database)
            history.save_fields(database, SEASON, {}, [])
        assert database.execute("select count(*) from tulip.field").fetchone() == (0,)
        assert history.seasons(database) == []


def _quarantine(database: Connection, examples: Any, text: str) -> None:
    from tulip_ops.postgis import ledger

    number = ledger.begin_attempt(database, examples.id(text), "acquire", "test")
    ledger.end_attempt(
        database, number, "failed", error="OffsetContradiction", message="dark by 0.1"
    )
