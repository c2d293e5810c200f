"""How fast polygons are loaded, histories answered, and one acquisition taken in.

    .tulip/venv/bin/python -m bench.history.run [--polygons 100000] [--field-seasons 1000000]
        [--acquisition 3000] [--json]

Starts a private PostgreSQL in a temporary folder. Loads POLYGONS detections of 21 vertices as
`record` does, beside plain loaders: COPY BINARY and COPY of hexadecimal text, and
`geopandas.to_postgis` and ADBC where geoalchemy2 and adbc-driver-postgresql are installed. "bare"
is a table without keys, indexes and constraints, as such loaders make it; "indexed" has a key and
a spatial index; "alike" has what tulip.detection has, except the notes for the history; "upserted"
goes into a bare table first, and from there by `on conflict do update` into one that is alike.

Takes one acquisition of ACQUISITION known fields, with six times as many fields under it as the
rotation has it, into a history of no, a quarter and all of FIELD_SEASONS in six seasons. Then asks
the whole history season over season by stored identity, and single fields. Seconds are those of
the clock and, in brackets, of the processors (this process and its server process): on a busy
machine the latter say more.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psycopg
import shapely
from psycopg.conninfo import make_conninfo
from shapely.geometry import MultiPolygon, Polygon, box

from bench.history import loaders
from tulip_ops.core.processing_settings import FieldSettings
from tulip_ops.core.types import (
    Acquisition,
    AcquisitionId,
    Area,
    Detection,
    Field,
    ModelReference,
    Observation,
    SeasonDetection,
    SeasonTile,
    Verdict,
)
from tulip_ops.pipeline import history as histories
from tulip_ops.pipeline.history_products import Drawn
from tulip_ops.postgis import areas, ledger, migrate, observations
from tulip_ops.postgis.connection import Connection, connect
from tulip_ops.postgis.detections import record_detections
from tulip_ops.postgis.season_detections import Look
from tulip_ops.services import postgres

SEASONS = tuple(range(2020, 2026))
COLUMNS = 1000
BLOOMING = 4
"""Places that bloom in 2025, modulo 6: as FILL has it."""
UNET = ModelReference("unet-bench", "1", "a" * 64)
EVERYWHERE = MultiPolygon([box(3.5, 50, 7.5, 58)])
CLOUD_FILTER = ModelReference("cloud-filter-bench", "1", "b" * 64)
NAME = "S2A_31UFU_20250425_0_L2A"


def outline(place: int) -> Polygon:
    """A field of 21 vertices with a place of its own."""
    west, south = 4.0 + 0.003 * (place % COLUMNS), 50.5 + 0.006 * (place // COLUMNS)
    turn = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    return Polygon(np.column_stack([west + 0.001 * np.cos(turn), south + 0.002 * np.sin(turn)]))


FILL = (
    """
    insert into tulip.field_outline (field_id, season, geometry, area_m2)
    select field_id, %(season)s, geometry, area_m2
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


def place_of(shape: Polygon) -> int:
    """The place of a field from its outline."""
    west, south = (shape.bounds[0] + shape.bounds[2]) / 2, (shape.bounds[1] + shape.bounds[3]) / 2
    return round((west - 4.0) / 0.003) + COLUMNS * round((south - 50.5) / 0.006)


class Seen:
    """Looks without products: one field in six is in bloom, and a season shows its detections."""

    problems: dict[AcquisitionId, str] = {}  # noqa: RUF012 - never filled

    def __init__(self, database: Connection) -> None:
        self.database = database

    def season_detections(
        self, season_tile: SeasonTile, looks: Sequence[Look], *, is_drawn: bool
    ) -> Drawn:
        del season_tile, is_drawn
        rows = self.database.execute(
            "select geometry, area_m2, 0.9 from tulip.detection where acquisition_id = any(%s)",
            [[str(look.acquisition_id) for look in looks]],
        )
        return Drawn([SeasonDetection(*row) for row in rows], is_complete=True)

    def observations(self, unobserved: Sequence[observations.Unobserved]) -> list[Observation]:
        return [self.look(pair, one) for pair in unobserved for one in pair.fields]

    def look(self, pair: observations.Unobserved, one: Field) -> Observation:
        if place_of(one.geometry) % 6 == BLOOMING:
            return Observation(one.id, pair.acquisition_id, Verdict.BLOOM, 1.0, 0.9, 0.3)
        return Observation(one.id, pair.acquisition_id, Verdict.NO_BLOOM, 1.0, 0.1, 0.0)


class Cost(NamedTuple):
    clock_s: float
    cpu_s: float
    """Of this process and the server process of the connection."""


def cost(database: Connection, work: Callable[[], object]) -> Cost:
    clock, cpu = time.perf_counter(), time.process_time() + server_seconds(database)
    work()
    spent = time.process_time() + server_seconds(database) - cpu
    return Cost(time.perf_counter() - clock, spent)


def server_seconds(database: Connection) -> float:
    """Processor time that the server process of the connection has used."""
    status = Path(f"/proc/{database.info.backend_pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(status[11]) + int(status[12])) / os.sysconf("SC_CLK_TCK")


def fetch(database: Connection, query: str, field_id: int) -> object:
    return database.execute(query.encode(), [field_id]).fetchall()


def admit(database: Connection, name: str, footprint: MultiPolygon) -> AcquisitionId:
    identity = AcquisitionId.parse(name)
    areas.add_area(database, Area("everywhere", footprint))
    sensed_at = datetime(identity.day.year, identity.day.month, identity.day.day, 11, tzinfo=UTC)
    found = Acquisition(identity, sensed_at, "bench", "bench", footprint, ("red",))
    ledger.admit(database, [found], {identity: ["everywhere"]})
    return identity


def record(database: Connection, identity: AcquisitionId, shapes: Sequence[Polygon]) -> Cost:
    shown = [Detection(n, shape, 9e4, 0.9, 0.1, 0.3, 1.0, 1.0) for n, shape in enumerate(shapes)]
    number = ledger.begin_attempt(database, identity, "record", "bench")
    mark = hashlib.sha256(b"".join(shape.wkb for shape in shapes)).hexdigest()
    took = cost(
        database,
        lambda: record_detections(
            database, identity, shown, unet=UNET, cloud_filter=CLOUD_FILTER, sha256=mark,
            run_id="bench",
        ),
    )  # fmt: skip
    ledger.end_attempt(database, number, "done", message="recorded")
    return took


def fill(database: Connection, first: int, last: int) -> None:
    """Fields with a season each in SEASONS, all of them seen, by SQL alone."""
    for season in SEASONS:
        admit(database, f"S2B_31UFU_{season}0420_0_L2A", EVERYWHERE)
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
    database.execute(
        "update tulip.acquisition set state = 'recorded', reached = 'record', looked = true"
    )
    database.execute("set session_replication_role = origin")
    database.execute("update tulip.field set areas = tulip.areas_of(geometry) where areas = '{}'")
    database.execute("select setval(pg_get_serial_sequence('tulip.field', 'field_id'), %s)", [last])
    database.execute("vacuum analyze")


def take_in(database: Connection, count: int, name: str) -> dict[str, Cost]:
    """Record one acquisition of fields that bloom in 2025, and follow it with a history."""
    here = [place for place in range(6 * count) if place % 6 == 4]
    ground = MultiPolygon([box(3.9, 50.4, 7.2, outline(here[-1]).bounds[3])])
    identity = admit(database, name, ground)
    found = {"record": record(database, identity, [outline(place) for place in here])}
    found["history"] = cost(
        database,
        lambda: histories.bring_up_to_date(database, FieldSettings(), [2025], Seen(database)),
    )
    return found


def measure_loading(database: Connection, url: str, polygons: int) -> dict[str, Cost]:
    shapes = [outline(place) for place in range(polygons)]
    identity = admit(database, NAME, EVERYWHERE)
    found = {"load: record": record(database, identity, shapes)}
    moved = [*shapes[:-1], shapely.affinity.translate(shapes[-1], 1e-5)]
    found["load: record again, one changed"] = record(database, identity, moved)
    found |= {
        f"load: {name}": cost(database, prepare())
        for name, prepare in loaders.loads(database, url, shapes)
    }
    database.execute("drop table bare, loaded")
    database.execute(
        "truncate tulip.area, tulip.acquisition, tulip.change, tulip.stale, tulip.season_detection"
        " cascade"
    )
    return found


def measure_history(database: Connection, field_seasons: int, count: int) -> dict[str, Cost]:
    found: dict[str, Cost] = {}
    total, filled = field_seasons // len(SEASONS), 0
    for number, share in enumerate((0, 0.25, 1)):
        if share:
            until = max(int(share * total), 6 * count)
            fill(database, filled, until)
            filled = until
        name = f"S2A_31UFU_202504{10 + 5 * number}_0_L2A"
        taken = take_in(database, count, name)
        if not share:  # the fields are new: they come as known ones with the next filling
            database.execute("truncate tulip.area, tulip.acquisition, tulip.field cascade")
        else:  # the next one finds a season that is no longer
            database.execute("delete from tulip.acquisition where acquisition_id = %s", [name])
        database.execute("truncate tulip.change, tulip.stale")
        found |= {f"{filled * len(SEASONS)} field-seasons: {k}": v for k, v in taken.items()}
    asked = (
        "select season, change, count(*), sum(area_change_m2) from tulip.bloom_history"
        " group by season, change"
    )
    found["season over season"] = min(
        cost(database, lambda: database.execute(asked).fetchall()) for _ in range(3)
    )
    by_area = (
        "select area, season, simulated, sum(area_m2) filter (where verdict = 'bloomed')"
        " from tulip.bloom_history group by area, season, simulated"
    )
    found["totals by area"] = min(
        cost(database, lambda: database.execute(by_area).fetchall()) for _ in range(3)
    )
    rng = np.random.default_rng(0)
    for view in ("bloom_history", "field_timeline"):
        query = f"select * from tulip.{view} where field_id = %s"  # noqa: S608 - two fixed names
        times = [
            cost(database, partial(fetch, database, query, int(one)))
            for one in rng.integers(1, filled, 50)
        ]
        found[f"one field of {view}"] = sorted(times)[len(times) // 2]
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
            migrate.migrate(url)
            with connect(url, "bench") as database:
                found = measure_loading(database, url, given.polygons)
                found |= measure_history(database, given.field_seasons, given.acquisition)
        finally:
            server.stop()
    if given.json:
        figures = {name: took._asdict() for name, took in found.items()}
        print(json.dumps({"day": str(date.today()), **figures}))  # noqa: DTZ011 - a label
        return
    for name, took in found.items():
        print(f"{name:44} {took.clock_s:9.4f} s ({took.cpu_s:.3f} s)")


if __name__ == "__main__":
    main()
