"""Plain loaders of polygons that bench/history/run.py holds `record` against.

Each loads the same rows of twelve columns, a polygon among them, and nothing else: no validity, no
bounds of values, no reference to acquisition or model, unless it loads into a table "alike".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec

import numpy as np
import shapely
from shapely.geometry import Polygon

from tulip_ops.postgis.connection import Connection

NAMES = (
    "acquisition_id", "ordinal", "unet_id", "cloud_filter_id", "geometry", "area_m2",
    "tulip_probability", "tulip_probability_std", "bloom_fraction", "clear_fraction",
    "border_clear_fraction", "run_id",
)  # fmt: skip
VALUES = ("S2A_31UFU_20250425_0_L2A", 0, 1, 2, None, 9e4, 0.9, 0.1, 0.3, 1.0, 1.0, "bench")
TYPES = ("text", "int4", "int4", "int4", "bytea", "float8", "float4", "float4", "float4", "float4",
         "float4", "text")  # fmt: skip
LISTED = ", ".join(NAMES)
UPSERT = f"""
    insert into loaded ({LISTED}) select {LISTED} from bare
    on conflict (acquisition_id, ordinal) do update
    set {", ".join(f"{name} = excluded.{name}" for name in NAMES[2:])}
"""  # noqa: S608 - fixed names

Load = Callable[[], object]
Prepare = Callable[[], Load]


def loads(
    database: Connection, url: str, shapes: Sequence[Polygon]
) -> Iterator[tuple[str, Prepare]]:
    """Name of each loader, and what prepares it."""
    yield "COPY BINARY, bare", made(database, "bare", lambda: binary(database, "bare", shapes))
    yield "COPY hex, bare", made(database, "bare", lambda: text(database, shapes))
    if find_spec("geoalchemy2"):
        made(database, "bare", lambda: None)()
        frame(url, shapes[:1])  # what is imported and asked once is not measured
        yield "to_postgis, bare", made(database, "bare", lambda: frame(url, shapes))
    if find_spec("adbc_driver_postgresql"):
        yield "ADBC, bare", made(database, "bare", lambda: arrow(url, shapes))
    yield (
        "COPY BINARY, indexed",
        made(database, "indexed", lambda: binary(database, "bare", shapes)),
    )
    yield (
        "COPY BINARY, alike",
        made(database, "alike", lambda: binary(database, "loaded", shapes)),
    )

    def upserted() -> None:
        with database.transaction():
            binary(database, "bare", shapes)
            database.execute(UPSERT.encode())

    yield "COPY BINARY, upserted", made(database, "alike", upserted)


def made(database: Connection, kind: str, load: Load) -> Prepare:
    """What makes the tables, and gives back the load that is to be measured."""

    def prepared() -> Load:
        database.execute("drop table if exists bare, loaded")
        database.execute(
            f"create table bare as select {LISTED} from tulip.detection with no data".encode()  # noqa: S608
        )
        if kind == "indexed":
            database.execute("alter table bare add primary key (acquisition_id, ordinal)")
            database.execute("create index on bare using gist (geometry)")
        if kind == "alike":
            database.execute("create table loaded (like tulip.detection including all)")
            database.execute(
                "alter table loaded add foreign key (acquisition_id) references tulip.acquisition,"
                " add foreign key (unet_id) references tulip.model,"
                " add foreign key (cloud_filter_id) references tulip.model"
            )
        return load

    return prepared


def rows(shapes: Sequence[Polygon]) -> Iterator[tuple[object, ...]]:
    binaries = shapely.to_wkb(shapely.set_srid(np.array(shapes), 4326), include_srid=True)
    for ordinal, shape in enumerate(binaries):
        yield VALUES[0], ordinal, *VALUES[2:4], shape, *VALUES[5:]


def binary(database: Connection, table: str, shapes: Sequence[Polygon]) -> None:
    statement = f"copy {table} ({LISTED}) from stdin (format binary)"
    with database.cursor().copy(statement.encode()) as copy:
        copy.set_types(TYPES)
        for row in rows(shapes):
            copy.write_row(row)


def text(database: Connection, shapes: Sequence[Polygon]) -> None:
    with database.cursor().copy(f"copy bare ({LISTED}) from stdin".encode()) as copy:
        for row in rows(shapes):
            copy.write_row([cell.hex() if isinstance(cell, bytes) else cell for cell in row])


def frame(url: str, shapes: Sequence[Polygon]) -> None:
    import geopandas
    from sqlalchemy import create_engine
    from sqlalchemy.engine import URL

    table = geopandas.GeoDataFrame(columns(shapes), geometry=list(shapes), crs=4326)
    engine = create_engine(
        URL.create("postgresql+psycopg", query=dict(_parts(url)))  # libpq's own parameters
    )
    table.to_postgis("bare", engine, if_exists="append")
    engine.dispose()


def arrow(url: str, shapes: Sequence[Polygon]) -> None:
    import pyarrow
    from adbc_driver_postgresql import dbapi

    wkb = shapely.to_wkb(shapely.set_srid(np.array(shapes), 4326), include_srid=True)
    table = pyarrow.table({**columns(shapes), "geometry": pyarrow.array(list(wkb))})
    with dbapi.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("alter table bare alter column geometry type bytea using null")
        cursor.adbc_ingest("bare", table.select(NAMES), mode="append")
        cursor.execute("alter table bare alter column geometry type geometry(Polygon, 4326)"
                       " using geometry::geometry")  # fmt: skip
        connection.commit()


def columns(shapes: Sequence[Polygon]) -> dict[str, object]:
    count = len(shapes)
    values = dict(zip(NAMES, VALUES, strict=True))
    return {
        name: np.arange(count, dtype=np.int32) if name == "ordinal" else np.full(
            count, value, dtype=None if isinstance(value, str)
            else np.int32 if isinstance(value, int)
            else np.float64 if name == "area_m2" else np.float32)
        for name, value in values.items() if name != "geometry"
    }  # fmt: skip


def _parts(url: str) -> dict[str, str]:
    from psycopg.conninfo import conninfo_to_dict

    return {name: str(value) for name, value in conninfo_to_dict(url).items()}
