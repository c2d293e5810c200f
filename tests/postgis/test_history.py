"""The history: identity, lineage, what is looked at again, and what a season says."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.conninfo import make_conninfo
from shapely.geometry import Polygon, box

from tests.postgis.histories import FieldsOfDetections
from tulip_ops.core.errors import DatabaseUnavailable
from tulip_ops.core.processing_settings import FieldSettings
from tulip_ops.core.types import (
    Detection,
    FieldSeason,
    ModelReference,
    Observation,
    SeasonVerdict,
    Verdict,
)
from tulip_ops.pipeline import history as histories
from tulip_ops.postgis import detections, field_seasons, ledger, locks, observations, parcels
from tulip_ops.postgis.connection import Connection, connect, transaction
from tulip_ops.postgis.observations import Unobserved
from tulip_ops.raster.projection import geodesic_area

APRIL, MAY = "S2B_31UFU_20240420_0_L2A", "S2A_31UFU_20240502_0_L2A"
EARLIER, LATER = "S2B_31UFU_20230420_0_L2A", "S2B_31UFU_20250420_0_L2A"
SIMULATED = "SIM_31UFU_20240421_0_L2A"
SETTINGS = FieldSettings(bloom_window=("03-20", "06-05"))


class Saying(FieldsOfDetections):
    """Looks that say bloom where the acquisition shows at least half of the field."""

    def __init__(self, database: Connection) -> None:
        super().__init__(database)
        self.asked: list[tuple[str, int]] = []

    def observations(self, unobserved: Sequence[Unobserved]) -> list[Observation]:
        return [self._say(pair, one) for pair in unobserved for one in pair.fields]

    def _say(self, pair: Unobserved, one: Any) -> Observation:
        self.asked.append((str(pair.acquisition_id), one.id))
        if pair.skipped:
            return Observation(one.id, pair.acquisition_id, Verdict.NOT_SEEN, 0.0, None, None)
        shown = self.database.execute(
            "select coalesce(sum(st_area(st_intersection(geometry, %s))), 0)"
            " from tulip.detection where acquisition_id = %s",
            [one.geometry, str(pair.acquisition_id)],
        ).fetchone()
        assert shown is not None
        if shown[0] >= one.geometry.area / 2:
            return Observation(one.id, pair.acquisition_id, Verdict.BLOOM, 1.0, 0.75, 0.25)
        return Observation(one.id, pair.acquisition_id, Verdict.NO_BLOOM, 1.0, 0.125, 0.0)


def roll_up(database: Connection, **options: Any) -> Saying:
    """What `tulip history` does; returns who was asked what."""
    looks = Saying(database)
    chosen = options.pop("settings", SETTINGS)
    histories.bring_up_to_date(database, chosen, [], looks, **options)
    return looks


def record(
    database: Connection, examples: Any, text: str, shapes: Sequence[Polygon], *, unet: str = "1"
) -> None:
    """Put the outlines in the place of what the acquisition showed."""
    shown = [
        Detection(n, shape, geodesic_area(shape), 0.875, 0.125, 0.25)
        for n, shape in enumerate(shapes)
    ]
    sha256 = hashlib.sha256(b"".join([unet.encode(), *(shape.wkb for shape in shapes)]))
    number = ledger.begin_attempt(database, examples.id(text), "record", "test")
    recorded = detections.record_detections(
        database, examples.id(text), shown, unet=ModelReference("unet-ten", unet, "a" * 64),
        cloud_filter=examples.cloud_filter, sha256=sha256.hexdigest(), run_id="test",
    )  # fmt: skip
    ledger.end_attempt(database, number, "done", fresh=recorded.changed, message="recorded")


def tables(database: Connection) -> dict[str, list[tuple[Any, ...]]]:
    """All that follows from what is recorded, without the numbers of rows."""
    queries = {
        "fields": "select st_astext(geometry) from tulip.field",
        "outlines": "select st_astext(f.geometry), o.season, st_astext(o.geometry)"
        " from tulip.field_outline o join tulip.field f using (field_id)",
        "lineage": "select st_astext(p.geometry), st_astext(c.geometry), l.season, l.kind,"
        " round(l.share::numeric, 9) from tulip.lineage l"
        " join tulip.field p on p.field_id = l.parent_id"
        " join tulip.field c on c.field_id = l.child_id",
        "links": "select st_astext(f.geometry), d.acquisition_id, st_astext(d.geometry)"
        " from tulip.field_detection l join tulip.field f using (field_id)"
        " join tulip.detection d using (detection_id)",
        "looks": "select st_astext(f.geometry), o.acquisition_id, o.verdict"
        " from tulip.observation o join tulip.field f using (field_id)",
        "history": "select st_astext(geometry), season, verdict, change, years_since_bloom,"
        " area_m2, onset_latest, peak, confidence from tulip.bloom_history",
        "waiting": "select (select count(*) from tulip.change), (select count(*) from tulip.stale)",
    }
    return {
        name: sorted(database.execute(query).fetchall(), key=repr)
        for name, query in queries.items()
    }


def fields(database: Connection) -> dict[int, Polygon]:
    rows = database.execute("select field_id, geometry from tulip.field order by 1")
    return dict(rows.fetchall())


A, B = box(5.70, 52.70, 5.704, 52.71), box(5.704, 52.70, 5.708, 52.71)
BOTH = box(5.70, 52.70, 5.708, 52.71)


class TestIdentity:
    def test_a_field_keeps_its_number_from_season_to_season(
        self, database: Connection, examples: Any
    ) -> None:
        examples.admit(database, EARLIER, APRIL, MAY, LATER)
        record(database, examples, APRIL, [A])
        roll_up(database)
        first = fields(database)
        shifted = box(5.7003, 52.7002, 5.7043, 52.7102)
        for text in (MAY, LATER, EARLIER):
            record(database, examples, text, [shifted])
            roll_up(database)
            assert fields(database).keys() == first.keys()
        # the outline is that of its first season
        assert list(fields(database).values()) == [shifted]
        seasons = database.execute("select season from tulip.field_outline order by 1").fetchall()
        assert seasons == [(2023,), (2024,), (2025,)]

    def test_split_and_merge_have_a_lineage(self, database: Connection, examples: Any) -> None:
        examples.admit(database, EARLIER, APRIL, LATER)
        record(database, examples, EARLIER, [BOTH])
        record(database, examples, APRIL, [A, B])
        record(database, examples, LATER, [BOTH])
        roll_up(database)
        rows = database.execute(
            "select season, kind, round(share::numeric, 3)::float,"
            " st_area(p.geometry) > st_area(c.geometry) from tulip.lineage"
            " join tulip.field p on p.field_id = parent_id"
            " join tulip.field c on c.field_id = child_id order by season"
        ).fetchall()
        assert rows == [(2024, "split", 1.0, True), (2025, "merge", 0.5, False)]

    def test_simulated_and_real_fields_never_meet(
        self, database: Connection, examples: Any
    ) -> None:
        examples.admit(database, APRIL, SIMULATED)
        for text in (APRIL, SIMULATED):
            record(database, examples, text, [A])
        roll_up(database)
        rows = database.execute(
            "select f.simulated, o.acquisition_id from tulip.field f"
            " join tulip.observation o using (field_id) order by 1"
        ).fetchall()
        assert rows == [(False, APRIL), (True, SIMULATED)]

    def test_a_field_that_nothing_shows_any_longer_goes(
        self, database: Connection, examples: Any
    ) -> None:
        examples.admit(database, APRIL)
        record(database, examples, APRIL, [A, examples.field(5)])
        roll_up(database)
        record(database, examples, APRIL, [A])
        assert len(fields(database)) == 2
        roll_up(database)
        assert list(fields(database).values()) == [A]

    def test_rebuilding_changes_no_row_of_the_outcome(
        self, database: Connection, examples: Any, dump: Any
    ) -> None:
        examples.admit(database, EARLIER, APRIL)
        record(database, examples, EARLIER, [BOTH])
        record(database, examples, APRIL, [A, B])
        roll_up(database)
        before = dump(database)
        roll_up(database, rebuild=True)
        assert dump(database) == before


class TestIncrements:
    def test_a_second_history_changes_nothing_and_asks_nobody(
        self, database: Connection, examples: Any, dump: Any
    ) -> None:
        examples.admit(database, EARLIER, APRIL)
        record(database, examples, APRIL, [A])
        examples.skip(database, EARLIER)
        assert len(roll_up(database).asked) == 2
        before = dump(database)
        assert roll_up(database).asked == []
        assert dump(database) == before

    def test_only_the_fields_of_an_acquisition_are_touched(
        self, database: Connection, examples: Any, dump: Any
    ) -> None:
        examples.admit(database, APRIL, MAY)
        near, far = examples.field(0), examples.field(6)
        record(database, examples, APRIL, [near, far])
        roll_up(database)
        before = dump(database)
        record(database, examples, MAY, [near])
        looks = roll_up(database)
        assert {text for text, _ in looks.asked} == {MAY}
        after = dump(database)
        for name in ("field_outline", "lineage"):
            assert after[name] == before[name]
        kept = [row for row in after["observation"] if row in before["observation"]]
        assert kept == before["observation"]

    def test_a_new_field_is_asked_of_every_acquisition(
        self, database: Connection, examples: Any
    ) -> None:
        examples.admit(database, EARLIER, APRIL, MAY)
        record(database, examples, EARLIER, [])
        record(database, examples, APRIL, [A])
        roll_up(database)
        record(database, examples, MAY, [A, examples.field(3)])
        asked = roll_up(database).asked
        new = max(fields(database))
        assert {text for text, number in asked if number == new} == {EARLIER, APRIL, MAY}
        assert {text for text, number in asked if number != new} == {MAY}

    def test_a_field_drawn_anew_is_looked_at_anew(
        self, database: Connection, examples: Any
    ) -> None:
        examples.admit(database, APRIL, LATER)
        record(database, examples, LATER, [A])
        roll_up(database)
        wider = box(5.70, 52.70, 5.7045, 52.71)
        record(database, examples, APRIL, [wider])
        assert {text for text, _ in roll_up(database).asked} == {APRIL, LATER}
        assert list(fields(database).values()) == [wider]

    def test_who_lies_elsewhere_says_nothing(self, database: Connection, examples: Any) -> None:
        from shapely.geometry import MultiPolygon

        examples.admit(database, APRIL)
        record(database, examples, APRIL, [A])
        elsewhere = replace(
            examples.acquisition(EARLIER), footprint=MultiPolygon([box(5.0, 52.2, 5.6, 53.2)])
        )
        ledger.admit(database, [elsewhere], {elsewhere.id: ["polder"]})
        examples.record(database, EARLIER, [])
        assert [text for text, _ in roll_up(database).asked] == [APRIL]


SHAPES = st.lists(
    st.sampled_from([A, B, BOTH, box(5.702, 52.70, 5.706, 52.71), box(5.7, 52.7, 5.704, 52.705)]),
    max_size=2,
    unique=True,
).filter(lambda shapes: len(shapes) < 2 or shapes[0].intersection(shapes[1]).area == 0)


@settings(max_examples=6)
@given(
    shown=st.fixed_dictionaries(dict.fromkeys((EARLIER, APRIL, MAY, LATER), SHAPES)),
    data=st.data(),
)
def test_any_order_and_any_repetition_give_the_same_tables(
    database_url: str, examples: Any, shown: dict[str, list[Polygon]], data: st.DataObject
) -> None:
    with connect(database_url, "tests") as database:
        outcomes = []
        orders = [
            list(shown),
            data.draw(st.permutations([*shown, *data.draw(st.sets(st.sampled_from([*shown])))])),
        ]
        for between, order in enumerate(orders):
            database.execute(
                "truncate tulip.area, tulip.acquisition, tulip.field, tulip.model, tulip.change,"
                " tulip.season_detection, tulip.stale cascade"
            )
            examples.admit(database, *shown)
            for text in order:
                record(database, examples, text, shown[text])
                if between and data.draw(st.booleans(), label="history now"):
                    roll_up(database)
            roll_up(database)
            outcomes.append(tables(database))
        assert outcomes[0] == outcomes[1]
        assert outcomes[0]["waiting"] == [(0, 0)]


class TestModels:
    def test_an_older_state_can_be_asked_for(self, database: Connection, examples: Any) -> None:
        examples.admit(database, APRIL, MAY)
        for text in (APRIL, MAY):
            record(database, examples, text, [A, examples.field(3)])
        roll_up(database)
        for text in (APRIL, MAY):
            record(database, examples, text, [A], unet="2")
            roll_up(database)
        for version, verdicts in (("1", ["bloomed", "bloomed"]), ("2", ["bloomed"])):
            rows = database.execute(
                "select verdict from tulip.bloom_history_of('unet-ten', %s)", [version]
            ).fetchall()
            assert [verdict for (verdict,) in rows] == verdicts
        replaced = "select count(*) from tulip.bloom_history_of('unet-ten', '1')"
        assert database.execute(f"{replaced} where replaced_at is null").fetchone() == (0,)


class TestParcels:
    SETTINGS = FieldSettings(bloom_window=("03-20", "06-05"), fields_from="parcels")

    def test_parcels_give_the_outlines(
        self, database: Connection, examples: Any, dump: Any
    ) -> None:
        register = [
            parcels.RegisteredParcel(key, shape, geodesic_area(shape))
            for key, shape in (("a", A), ("b", B), ("c", examples.field(5)))
        ]
        assert parcels.replace_parcels(database, 0, register) == 3
        assert parcels.replace_parcels(database, 0, register) == 0
        examples.admit(database, EARLIER, APRIL)
        part = box(5.7005, 52.7005, 5.7078, 52.7095)  # of both, as a blurred date shows them
        record(database, examples, APRIL, [part])
        record(database, examples, EARLIER, [box(5.7005, 52.7005, 5.7038, 52.7095)])
        roll_up(database, settings=self.SETTINGS)
        assert list(fields(database).values()) == [A, B]
        areas = database.execute(
            "select area_m2 from tulip.field_season where season = 2024 order by 1"
        ).fetchall()
        for (area,), shape in zip(areas, (A, B), strict=True):
            expected = geodesic_area(shape.intersection(part))
            assert area == pytest.approx(expected, rel=0.05)
        before = dump(database)
        roll_up(database, settings=self.SETTINGS)
        assert dump(database) == before
        roll_up(database, rebuild=True)  # and back to detections
        assert A not in fields(database).values()
        assert database.execute("select count(parcel_id) from tulip.field_outline").fetchone() == (
            0,
        )


class TestWholeOrNothing:
    def test_a_connection_lost_halfway_leaves_the_old_state(
        self, database: Connection, database_url: str, examples: Any, dump: Any
    ) -> None:
        examples.admit(database, APRIL, MAY)
        record(database, examples, APRIL, [A])
        roll_up(database)
        record(database, examples, MAY, [A, B])
        before = dump(database)

        class Cut(Saying):
            def observations(self, unobserved: Sequence[Unobserved]) -> list[Observation]:
                pid = self.database.info.backend_pid
                database.execute("select pg_terminate_backend(%s, 10000)", [pid])
                return super().observations(unobserved)

        lost = pytest.raises(DatabaseUnavailable)
        with lost, connect(database_url, "tests") as other:
            histories.bring_up_to_date(other, SETTINGS, [], Cut(other))
        assert dump(database) == before
        roll_up(database)
        assert len(fields(database)) == 2

    def test_recording_is_not_held_up_while_products_are_read(
        self, database: Connection, database_url: str, examples: Any
    ) -> None:
        examples.admit(database, APRIL, MAY)
        record(database, examples, APRIL, [A])
        with connect(database_url, "tests") as reading:
            locks.lock_histories(reading)  # held by a history while it reads
            record(database, examples, MAY, [A])
        roll_up(database)
        rows = database.execute("select clear_looks from tulip.field_season").fetchall()
        assert rows == [(2,)]

    def test_a_full_disk_leaves_the_old_state(
        self, database: Connection, database_url: str, examples: Any, dump: Any
    ) -> None:
        examples.admit(database, APRIL)
        record(database, examples, APRIL, [A])
        before = dump(database)
        # temp_file_limit is the server's own "disk full": code 53400 beside 53100
        options = make_conninfo(database_url, options="-c temp_file_limit=1 -c work_mem=64")
        refused = pytest.raises(DatabaseUnavailable)
        with refused, connect(options, "tests") as other, transaction(other):
            record(other, examples, APRIL, [A, B])
            other.execute("select count(*) from (select i from generate_series(1, 1000000) i"
                          " order by random()) as spilled")  # fmt: skip
        assert dump(database) == before


class TestTables:
    @pytest.fixture
    def field_id(self, database: Connection, examples: Any) -> int:
        examples.admit(database, APRIL, MAY)
        record(database, examples, APRIL, [A])
        roll_up(database)
        return next(iter(fields(database)))

    @staticmethod
    def bloomed(field_id: int) -> FieldSeason:
        return FieldSeason(
            field_id, 2024, SeasonVerdict.BLOOMED, 2, 50_000.0,
            (date(2024, 4, 10), date(2024, 4, 20)), date(2024, 4, 20),
            (date(2024, 5, 2), None), 0.25, (date(2024, 4, 10), None), 0.75,
        )  # fmt: skip

    @pytest.mark.parametrize(
        "bad",
        [
            {"verdict": Verdict.BLOOM, "clear_fraction": 0.0},
            {"tulip_probability": None},
            {"bloom_fraction": 1.5},
            {"tulip_probability": None, "bloom_fraction": None},
        ],
    )
    def test_observations_without_sense_are_refused(
        self, database: Connection, field_id: int, examples: Any, bad: dict[str, Any]
    ) -> None:
        good = Observation(field_id, examples.id(APRIL), Verdict.BLOOM, 1.0, 0.75, 0.25)
        with pytest.raises(psycopg.errors.CheckViolation):
            observations.write_observations(database, [replace(good, **bad)])

    @pytest.mark.parametrize(
        "bad",
        [
            {"onset": (date(2024, 4, 21), date(2024, 4, 20))},
            {"end": (date(2024, 5, 2), date(2024, 5, 1))},
            {"end": (date(2024, 4, 19), None)},
            {"peak_bounds": (date(2024, 4, 21), None)},
            {"confidence": 1.5},
            {"verdict": SeasonVerdict.NOT_SEEN},
        ],
    )
    def test_seasons_without_sense_are_refused(
        self, database: Connection, field_id: int, bad: dict[str, Any]
    ) -> None:
        row = replace(self.bloomed(field_id), **bad)
        with pytest.raises(psycopg.errors.CheckViolation):
            field_seasons.write_field_seasons(database, [(field_id, 2024)], [row])

    def test_only_rows_that_change_are_touched(
        self, database: Connection, field_id: int, dump: Any
    ) -> None:
        keys, row = [(field_id, 2024)], self.bloomed(field_id)
        assert field_seasons.write_field_seasons(database, keys, [row]) == {2024: 1}
        before = dump(database)
        assert field_seasons.write_field_seasons(database, keys, [row]) == {}
        assert dump(database) == before
        assert field_seasons.write_field_seasons(database, keys, []) == {2024: 1}
        assert database.execute("select count(*) from tulip.field_season").fetchone() == (0,)
