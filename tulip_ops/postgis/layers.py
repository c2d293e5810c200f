"""Layers for maps: fields, bloom history, detections and observations, as streams of rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from tulip_ops.postgis import areas
from tulip_ops.postgis.connection import Connection, query, transaction
from tulip_ops.postgis.layer_names import Layer

Kind: TypeAlias = Literal["integer", "bigint", "real", "double", "text", "boolean", "date", "wkb"]

_QUERIES: dict[Layer, str] = {
    "fields": "layer_fields",
    "bloom_history": "layer_bloom_history",
    "detections": "layer_detections",
    "observations": "layer_observations",
}

_KINDS: dict[int, Kind] = {
    16: "boolean", 17: "wkb", 20: "bigint", 23: "integer", 25: "text", 700: "real", 701: "double",
    1082: "date",
}  # fmt: skip
"""By PostgreSQL's type OIDs, which are the same in every server."""


@dataclass(frozen=True, slots=True)
class Selection:
    """A selection of rows; None: all."""

    area: str | None = None
    """Fields and detections with their `ST_PointOnSurface` in this area of interest."""
    seasons: tuple[int, ...] | None = None
    """Of `fields`, those that bloomed in one of these seasons."""
    bounds: tuple[float, float, float, float] | None = None
    """West, south, east, north in degrees; rows that intersect it."""
    simulated: bool | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """A layer that is streamed from the database, one batch in memory."""

    columns: tuple[tuple[str, Kind], ...]
    """(name, type), the key first, `geometry` (WKB, EPSG:4326) last."""
    batches: Iterator[Sequence[tuple[Any, ...]]]


@contextmanager
def snapshot(connection: Connection) -> Iterator[None]:
    """All layers that are read in the block are of the same moment (repeatable read)."""
    with transaction(connection):
        connection.execute("set transaction isolation level repeatable read, read only")
        yield


@contextmanager
def read_layer(
    connection: Connection, layer: Layer, selection: Selection, *, batch: int = 5000
) -> Iterator[Rows]:
    """The rows of a layer, sorted by its key; call it within `snapshot`. `AreaNotFound`."""
    if selection.area is not None:
        areas.get_areas(connection, [selection.area])
    west, south, east, north = selection.bounds or (None,) * 4
    values = {
        **asdict(selection),
        "seasons": None if selection.seasons is None else list(selection.seasons),
        "west": west,
        "south": south,
        "east": east,
        "north": north,
    }
    with connection.cursor(name="layer", binary=True) as cursor:
        cursor.itersize = batch
        cursor.execute(query(_QUERIES[layer]), values)
        columns = tuple((c.name, _KINDS[c.type_code]) for c in cursor.description or ())
        yield Rows(columns, iter(lambda: cursor.fetchmany(batch), []))
