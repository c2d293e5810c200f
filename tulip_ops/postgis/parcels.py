"""Registered parcels, loaded in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import shapely
from shapely.geometry import Polygon

from tulip_ops.core.errors import DatabaseUnavailable
from tulip_ops.postgis.connection import Connection, query, transaction

_COPY = "copy staged_parcel (key, geometry, area_m2) from stdin (format binary)"


class RegisteredParcel(NamedTuple):
    """One registered parcel, or one part of it."""

    key: str
    """Key in the register; unique in a season."""
    geometry: Polygon
    """EPSG:4326, valid."""
    area_m2: float
    """Geodesic, square metres."""


def replace_parcels(
    connection: Connection, season: int, parcels: Sequence[RegisteredParcel]
) -> int:
    """Replace the register of a season, in one transaction; returns the number of changed rows.

    season: 0 for every season without a register of its own or of an earlier one. Parcels that
    stay as they were keep their rows, so that a second import changes nothing.
    """
    with transaction(connection):
        connection.execute(query("stage_parcels"))
        if _copy(connection, parcels) != len(parcels):
            raise DatabaseUnavailable(
                f"the database did not take all {len(parcels)} parcels; nothing was changed, repeat"
            )
        gone = connection.execute(query("remove_parcels"), {"season": season}).rowcount
        return gone + connection.execute(query("upsert_parcels"), {"season": season}).rowcount


def count_parcels(connection: Connection) -> dict[int, int]:
    """Number of parcels in the register of each season."""
    return dict(connection.execute(query("count_parcels")).fetchall())


def _copy(connection: Connection, parcels: Sequence[RegisteredParcel]) -> int:
    outlines = np.array([parcel.geometry for parcel in parcels], dtype=object)
    binaries = shapely.to_wkb(shapely.set_srid(outlines, 4326), include_srid=True)
    with connection.cursor() as cursor:
        with cursor.copy(_COPY) as copy:
            copy.set_types(("text", "bytea", "float8"))
            for parcel, binary in zip(parcels, binaries, strict=True):
                copy.write_row((parcel.key, binary, parcel.area_m2))
        return cursor.rowcount
