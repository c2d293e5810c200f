"""Areas of interest."""

from __future__ import annotations

from collections.abc import Sequence

from tulip_ops.core.errors import AreaNotFound
from tulip_ops.core.types import Area
from tulip_ops.postgis.connection import Connection, query, transaction, wkb


def add_area(connection: Connection, area: Area) -> bool:
    """Add an area, or replace the one of that name; returns whether anything changed.

    A changed geometry removes the area's links to acquisitions: the next discovery makes them
    again, and the acquisitions over the new geometry are processed again.
    """
    with transaction(connection):
        values = {
            "name": area.name,
            "geometry": wkb(area.geometry),
            "sources": list(area.sources) or None,
        }
        changed = connection.execute(query("add_area"), values).fetchone()
        if changed == (True,):
            connection.execute(query("unlink_area"), {"name": area.name})
    return changed is not None


def list_areas(connection: Connection) -> list[Area]:
    """All areas, sorted by name."""
    return get_areas(connection, None)


def get_areas(connection: Connection, names: Sequence[str] | None) -> list[Area]:
    """The areas of these names, or all if None, sorted by name; `AreaNotFound`."""
    wanted = None if names is None else list(names)
    rows = connection.execute(query("get_areas"), {"names": wanted}).fetchall()
    found = [Area(name, geometry, tuple(sources)) for name, geometry, sources in rows]
    missing = set(wanted or ()) - {area.name for area in found}
    if missing:
        raise _not_found(connection, sorted(missing))
    return found


def remove_area(connection: Connection, name: str) -> None:
    """Remove an area; its acquisitions and detections stay. `AreaNotFound`."""
    if connection.execute(query("remove_area"), {"name": name}).rowcount == 0:
        raise _not_found(connection, [name])


def _not_found(connection: Connection, names: Sequence[str]) -> AreaNotFound:
    known = [area.name for area in list_areas(connection)]
    return AreaNotFound(
        f"no area is called {', '.join(names)};"
        f" known are {', '.join(known) or 'none yet'} (see `tulip aoi list`)"
    )
