"""How fast polygons are loaded, histories answered, and one acquisition taken in.

    .tulip/venv/bin/python bench/history.py [--polygons 100000] [--field-seasons 1000000]
        [--acquisition 3000] [--json]

Starts a private PostgreSQL in a temporary folder. Loads POLYGONS detections of 21 vertices as
`record` does (staging, upsert, constraints, index, notes for the history), beside the fastest
plain loader, COPY BINARY into a bare table. Fills a history of FIELD_SEASONS over six seasons,
half of it first and then all, and takes one acquisition of known fields into either: the ratio of
the two times says whether the cost grows with the history. Then asks the whole history season
over season by stored identity, and single fields.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path

import numpy as np
import psycopg
import shapely
from psycopg.conninfo import make_conninfo
from shapely.geometry import MultiPolygon, Polygon, box

from tulip_ops import histories
from tulip_ops.domain import (
    Acquisition,
    AcquisitionId,
    Area,
    Detection,
    ModelReference,
    Observation,
    Verdict,
)
from tulip_ops.local import postgres
from tulip_ops.postgis import areas, history, ledger, migrations
from tulip_ops.postgis.connection import Connection, connect
from tulip_ops.postgis.detections import record_detections
from tulip_ops.settings import Settings

SEASONS = tuple(range(2020, 2026))
COLUMNS = 1000
UNET = ModelReference("unet-bench", "1", "a" * 64)
CLOUD_FILTER = ModelReference("cloud-filter-bench", "1", "b" * 64)
NAME = "S2A_31UFU_20250425_0_L2A"


def outline(place: int) -> Polygon:
    """A field of 21 vertices with a place of its own."""
    west, south = 4.0 + 0.003 * (place % COLUMNS), 50.5 + 0.006 * (place // COLUMNS)
    turn = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    return Polygon(np.column_stack([west + 0.001 * np.cos(turn), south + 0.002 * np.sin(turn)]))


FILL = (
    """
    insert into tulip.field_outline
    select field_id, %(season)s, geometry, area_m2, null
    from tulip.field where field_id > %(first)s and field_id %% 6 = %(index)s
    """,
    """
    insert into tulip.field_season (
        field_id, season, verdict, clear_looks, area_m2, onset_latest, peak, end_earliest,
        confidence
    )
    select
        field_id, %(season)s, case when b then 'bloomed' else 'not_bloomed' end, 3,
        case when b then 9e4 end, case when b then d end, case when b then d end,
        case when b then d end, 0.9
    from (
        select field_id, field_id %% 6 = %(index)s as b, make_date(%(season)s, 4, 20) as d
        from tulip.field where field_id > %(first)s
    ) as f
    """,
    """
    insert into tulip.observation (
        field_id, acquisition_id, verdict, clear_fraction, tulip_probability, bloom_fraction
    )
    select field_id, %(name)s, 'no_bloom', 1, 0.1, 0
    from tulip.field where field_id > %(first)s
    """,
)
"""One outline per field, and a season and a look per field and season."""


class Seen:
    """Looks without products: every field in bloom."""

    problems: dict[AcquisitionId, str] = {}  # noqa: RUF012 - never filled

    def observations(self, unobserved: Sequence[history.Unobserved]) -> list[Observation]:
        return [
            Observation(one.id, pair.acquisition_id, Verdict.BLOOM, 1.0, 0.9, 0.3)
            for pair in unobserved
            for one in pair.fields
        ]


def seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def fetch(database: Connection, query: str, field_id: int) -> object:
    return database.execute(query.encode(), [field_id]).fetchall()


def admit(database: Connection, name: str) -> AcquisitionId:
    identity = AcquisitionId.parse(name)
    footprint = MultiPolygon([box(3.5, 50, 7.5, 58)])
    areas.add_area(database, Area("everywhere", footprint))
    sensed_at = datetime(identity.day.year, identity.day.month, identity.day.day, 11, tzinfo=UTC)
    found = Acquisition(identity, sensed_at, "bench", "bench", footprint, ("red",))
    ledger.admit(database, [found], {identity: ["everywhere"]})
    return identity


def record(database: Connection, identity: AcquisitionId, shapes: Sequence[Polygon]) -> float:
    shown = [Detection(n, shape, 9e4, 0.9, 0.1, 0.3, 1.0, 1.0) for n, shape in enumerate(shapes)]
    number = ledger.begin_attempt(database, identity, "record", "bench")
    mark = hashlib.sha256(b"".join(shape.wkb for shape in shapes)).hexdigest()
    took = seconds(
        lambda: record_detections(
            database, identity, shown, unet=UNET, cloud_filter=CLOUD_FILTER, sha256=mark,
            run_id="bench",
        )
    )  # fmt: skip
    ledger.end_attempt(database, number, "done", message="recorded")
    return took


def plain(database: Connection, shapes: Sequence[Polygon]) -> float:
    """COPY BINARY into a table without key, index or constraint."""
    database.execute("create table plain (ordinal int, geometry geometry(Polygon, 4326),"
                     " area float8, tulip float4, std float4, bloom float4)")  # fmt: skip
    binaries = shapely.to_wkb(shapely.set_srid(np.array(shapes), 4326), include_srid=True)

    def load() -> None:
        with database.cursor().copy("copy plain from stdin (format binary)") as copy:
            copy.set_types(("int4", "bytea", "float8", "float4", "float4", "float4"))
            for ordinal, binary in enumerate(binaries):
                copy.write_row((ordinal, binary, 9e4, 0.9, 0.1, 0.3))

    took = seconds(load)
    database.execute("drop table plain")
    return took


def fill(database: Connection, first: int, last: int) -> None:
    """Fields with a season each in SEASONS, all of them seen, by SQL alone."""
    database.execute("set session_replication_role = replica")  # no notes: nothing is to be done
    shapes = np.array([outline(place) for place in range(first, last)])
    binaries = shapely.to_wkb(shapely.set_srid(shapes, 4326), include_srid=True)
    with database.cursor().copy(
        "copy tulip.field (field_id, simulated, geometry, area_m2, looked) from stdin"
        " (format binary)"
    ) as copy:
        copy.set_types(("int8", "bool", "bytea", "float8", "bool"))
        for place, binary in zip(range(first, last), binaries, strict=True):
            copy.write_row((place + 1, False, binary, 9e4, True))
    for index, season in enumerate(SEASONS):
        name = f"S2B_31UFU_{season}0420_0_L2A"
        values = {"season": season, "index": index, "name": name, "first": first, "last": last}
        for statement in FILL:
            database.execute(statement, values)
    database.execute("set session_replication_role = origin")
    database.execute("select setval(pg_get_serial_sequence('tulip.field', 'field_id'), %s)", [last])
    database.execute("vacuum analyze")


def take_in(database: Connection, count: int, total: int, name: str) -> dict[str, float]:
    """Record one acquisition of known fields and follow it; all of them bloomed in 2025."""
    here = [place for place in range(total) if (place + 1) % 6 == 5][:count]
    recorded = record(database, admit(database, name), [outline(place) for place in here])
    ground = MultiPolygon([box(3.9, 50.4, 7.2, outline(here[-1]).bounds[3])])
    areas.add_area(database, Area("everywhere", ground))  # what the acquisition lies over
    begin = time.perf_counter()
    histories.bring_up_to_date(database, Settings(), [2025], Seen())  # type: ignore[arg-type]
    return {"record_s": recorded, "history_s": time.perf_counter() - begin}


def measure(
    database: Connection, polygons: int, field_seasons: int, count: int
) -> dict[str, float]:
    found: dict[str, float] = {}
    shapes = [outline(place) for place in range(polygons)]
    identity = admit(database, NAME)
    found["plain_copy_s"] = plain(database, shapes)
    found["record_s"] = record(database, identity, shapes)
    moved = [*shapes[:-1], shapely.affinity.translate(shapes[-1], 1e-5)]
    found["record_again_one_changed_s"] = record(database, identity, moved)
    found["record_over_plain"] = found["record_s"] / found["plain_copy_s"]
    database.execute("truncate tulip.area, tulip.acquisition, tulip.change, tulip.stale cascade")
    for season in SEASONS:
        admit(database, f"S2B_31UFU_{season}0420_0_L2A")
        database.execute("update tulip.acquisition set state = 'recorded', reached = 'record'")
        database.execute("update tulip.acquisition set looked = true")
    total = field_seasons // len(SEASONS)
    fill(database, 0, total // 2)
    half = take_in(database, count, total // 2, "S2A_31UFU_20250425_0_L2A")
    fill(database, total // 2, total)
    whole = take_in(database, count, total // 2, "S2A_31UFU_20250430_0_L2A")
    found |= {f"half_{name}": value for name, value in half.items()}
    found |= {f"whole_{name}": value for name, value in whole.items()}
    found["whole_over_half"] = whole["history_s"] / half["history_s"]
    found["season_over_season_s"] = min(
        seconds(lambda: database.execute(
            "select season, change, count(*), sum(area_change_m2) from tulip.bloom_history"
            " group by season, change").fetchall())
        for _ in range(3)
    )  # fmt: skip
    rng = np.random.default_rng(0)
    for view in ("bloom_history", "field_timeline"):
        query = f"select * from tulip.{view} where field_id = %s"  # noqa: S608 - two fixed names
        times = [
            seconds(partial(fetch, database, query, int(one))) for one in rng.integers(1, total, 50)
        ]
        found[f"one_{view}_median_ms"] = statistics.median(times) * 1000
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--polygons", type=int, default=100_000)
    parser.add_argument("--field-seasons", type=int, default=1_000_000)
    parser.add_argument("--acquisition", type=int, default=3_000)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = postgres.start(Path(folder), durable=False)
        try:
            with psycopg.connect(server.url, autocommit=True) as administrator:
                administrator.execute("create database bench")
            url = make_conninfo(server.url, dbname="bench")
            migrations.migrate(url)
            with connect(url, "bench") as database:
                found = measure(database, given.polygons, given.field_seasons, given.acquisition)
        finally:
            server.stop()
    if given.json:
        print(json.dumps({"day": str(date.today()), **found}))  # noqa: DTZ011 - a label
        return
    for name, value in found.items():
        print(f"{name:32} {value:.4f}")


if __name__ == "__main__":
    main()
