"""What maps show: fields, bloom history, detections and observations, row by row."""

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
"""By PostgreSQL's type numbers, which are the same in every server."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows; None means all."""

    area: str | None = None
    """Fields and detections of which a point on the surface lies in this area of interest."""
    seasons: tuple[int, ...] | None = None
    """Of `fields`, those that bloomed in one of these seasons."""
    bounds: tuple[float, float, float, float] | None = None
    """West, south, east, north in degrees; what reaches into it."""
    simulated: bool | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """A layer as it comes from the database, no more than a batch in memory."""

    columns: tuple[tuple[str, Kind], ...]
    """Names and kinds, the key first, `geometry` (WKB, EPSG:4326) last."""
    batches: Iterator[Sequence[tuple[Any, ...]]]


@contextmanager
def snapshot(connection: Connection) -> Iterator[None]:
    """Every layer read in the block shows the same moment, whatever is written meanwhile."""
    with transaction(connection):
        connection.execute("set transaction isolation level repeatable read, read only")
        yield


@contextmanager
def read_layer(
    connection: Connection, layer: Layer, selection: Selection, *, batch: int = 5000
) -> Iterator[Rows]:
    """The rows of a layer, by its key; within `snapshot`. `AreaNotFound`."""
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
