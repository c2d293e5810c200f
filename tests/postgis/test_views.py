from datetime import date
from typing import Any

import pytest

from tulip_ops.core.types import FieldSeason, SeasonVerdict
from tulip_ops.postgis import field_seasons, ledger, status
from tulip_ops.postgis.connection import Connection
from tulip_ops.raster.projection import geodesic_area

LETTERS = {
    "b": SeasonVerdict.BLOOMED,
    "-": SeasonVerdict.NOT_BLOOMED,
    "?": SeasonVerdict.NOT_SEEN,
}


def _add_field(database: Connection, examples: Any, place: int, *, simulated: bool = False) -> int:
    row = database.execute(
        "insert into tulip.field (simulated, geometry, area_m2)"
        " values (%s, st_setsrid(st_geomfromtext(%s), 4326), 1) returning field_id",
        [simulated, examples.field(place).wkt],
    ).fetchone()
    assert row is not None
    return int(row[0])


def _season(
    field_id: int, year: int, letter: str, area_m2: float = 50_000, peak: int = 25,
    confidence: float = 0.5,
) -> FieldSeason:  # fmt: skip
    if letter != "b":
        looks = 3 if letter == "-" else 0
        return FieldSeason(field_id, year, LETTERS[letter], looks, None, None, None, None, None)
    day = date(year, 4, peak)
    return FieldSeason(
        field_id, year, LETTERS[letter], 4, area_m2, (None, date(year, 4, peak - 5)), day,
        (day, None), 0.3, confidence=confidence,
    )  # fmt: skip


def _write(database: Connection, rows: list[FieldSeason]) -> None:
    field_seasons.write_field_seasons(database, [(row.field_id, row.season) for row in rows], rows)


@pytest.mark.parametrize(
    ("seasons", "changes", "years"),
    [
        ("bb", ["unknown", "continuing"], [None, 1]),
        ("-b", ["unknown", "new"], [None, None]),
        ("b-", ["unknown", "gone"], [None, 1]),
        ("b--b", ["unknown", "gone", "absent", "returning"], [None, 1, 2, 3]),
        ("b?b", ["unknown", "unknown", "unknown"], [None, 1, 2]),
        ("-?-", ["unknown", "unknown", "unknown"], [None, None, None]),
        ("b -", ["unknown", "unknown"], [None, 2]),
    ],
)
def test_change_from_season_to_season(
    database: Connection, examples: Any, seasons: str, changes: list[str], years: list[int | None]
) -> None:
    field_id = _add_field(database, examples, 0)
    for year, letter in enumerate(seasons, start=2020):
        if letter != " ":
            _write(database, [_season(field_id, year, letter)])
    rows = database.execute(
        "select change, years_since_bloom from tulip.bloom_history order by season"
    ).fetchall()
    assert rows == list(zip(changes, years, strict=True))


def test_area_change_needs_bloom_in_both(database: Connection, examples: Any) -> None:
    field_id = _add_field(database, examples, 0)
    for year, letter, area in ((2021, "b", 40_000), (2022, "b", 45_000), (2023, "-", 0)):
        rows = [_season(field_id, year, letter, area)]
        _write(database, rows)
    assert database.execute(
        "select season, previous_verdict, area_m2, area_change_m2 from tulip.bloom_history"
        " order by season"
    ).fetchall() == [
        (2021, None, 40_000, None),
        (2022, "bloomed", 45_000, 5_000),
        (2023, "bloomed", None, None),
    ]


def test_one_fields_history_is_found_by_its_key(database: Connection) -> None:
    plan = database.execute(
        "explain select * from tulip.bloom_history where field_id = 7"
    ).fetchall()
    assert any("field_id = 7" in line for (line,) in plan if "Cond" in line)


def test_season_summary(database: Connection, examples: Any) -> None:
    texts = [f"S2B_31UFU_{day}_0_L2A" for day in ("20230420", "20240420", "20240502", "20240507")]
    examples.admit(database, *texts)
    for text in texts[:2]:
        examples.record(database, text, [])
    examples.skip(database, texts[2])
    number = ledger.begin_attempt(database, examples.id(texts[3]), "acquire", "test")
    ledger.end_attempt(database, number, "failed", error="UnreadableRaster", message="truncated")
    first, second, third = (_add_field(database, examples, place) for place in range(3))
    _add_field(database, examples, 40)  # outside the area
    for said in {
        2023: [_season(first, 2023, "b", 40_000), _season(second, 2023, "-"),
               _season(third, 2023, "?")],
        2024: [_season(first, 2024, "b", 42_500, 20), _season(second, 2024, "b", 30_000, 26),
               _season(third, 2024, "b", 10_000, 28, 0.49)],
    }.values():  # fmt: skip
        _write(database, said)
    rows = status.season_table(database)
    assert rows == [
        {
            "area": "polder", "season": 2023, "simulated": False,
            "acquisitions_recorded": 1, "acquisitions_skipped": 0, "acquisitions_failed": 0,
            "acquisitions_unfinished": 0, "acquisitions_superseded": 0, "clear_looks": 2.3,
            "fields_bloomed": 1, "fields_not_bloomed": 1, "fields_not_seen": 1,
            "bloomed_ha": 4.0, "bloomed_change_ha": None,
            "earliest_onset": date(2023, 4, 20), "median_peak": date(2023, 4, 25),
            "first_bloom_day": date(2023, 4, 20), "fields_doubtful": 0,
        },
        {
            "area": "polder", "season": 2024, "simulated": False,
            "acquisitions_recorded": 1, "acquisitions_skipped": 1, "acquisitions_failed": 1,
            "acquisitions_unfinished": 0, "acquisitions_superseded": 0, "clear_looks": 4.0,
            "fields_bloomed": 3, "fields_not_bloomed": 0, "fields_not_seen": 0,
            "bloomed_ha": 8.25, "bloomed_change_ha": 4.25,
            "earliest_onset": date(2024, 4, 15), "median_peak": date(2024, 4, 26),
            "first_bloom_day": date(2024, 4, 15), "fields_doubtful": 1,
        },
    ]  # fmt: skip
    lines = status.as_text(rows).splitlines()
    assert lines[0].split()[:3] == ["area", "season", "data"]
    assert lines[2].split() == [
        "polder", "2024", "satellite", "1", "1", "1", "0", "4.0", "3", "0", "0", "8.25", "+4.25",
        "2024-04-15", "2024-04-26",
    ]  # fmt: skip
    assert len({len(line) for line in lines[:-1]}) == 1
    assert lines[-1].startswith("bloomed and hectares include doubtful fields")
    assert lines[-1].endswith("polder 2024: 1")
    assert len(status.as_text(rows[:1]).splitlines()) == 2


def test_simulated_seasons_say_so(database: Connection, examples: Any) -> None:
    text = "SIM_31UFU_20240421_0_L2A"
    examples.admit(database, text)
    examples.record(database, text, [0])
    simulated = _add_field(database, examples, 0, simulated=True)
    real = _add_field(database, examples, 0)
    for field_id in (simulated, real):
        _write(database, [_season(field_id, 2024, "b")])
    (row,) = status.season_table(database)
    assert (row["simulated"], row["fields_bloomed"]) == (True, 1)
    assert "simulated" in status.as_text([row])


def test_no_season_yet_says_what_to_do() -> None:
    assert "tulip history" in status.as_text([])


def test_latest_acquisitions(database: Connection, examples: Any) -> None:
    texts = ["S2B_31UFU_20240420_0_L2A", "S2A_31UFU_20240502_0_L2A", "SIM_31UFU_20240503_0_L2A"]
    examples.admit(database, *texts)
    examples.skip(database, texts[1])
    assert database.execute(
        "select area, simulated, acquisition_id, state from tulip.latest_acquisitions"
    ).fetchall() == [
        ("polder", False, texts[1], "skipped"),
        ("polder", True, texts[2], "discovered"),
    ]


def test_areas_agree_with_the_servers_own_ellipsoid(database: Connection, examples: Any) -> None:
    text = "S2B_31UFU_20240420_0_L2A"
    examples.admit(database, text)
    examples.record(database, text, [0])
    row = database.execute("select st_area(geometry::geography) from tulip.detection").fetchone()
    assert row is not None
    assert row[0] == pytest.approx(geodesic_area(examples.field(0)), rel=1e-6)
