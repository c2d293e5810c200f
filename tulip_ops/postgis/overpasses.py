"""Overpasses of satellites over areas, from the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tulip_ops.core.revisit import Overpass
from tulip_ops.postgis.connection import Connection, query


def overpasses(
    connection: Connection, areas: Sequence[str], since: datetime
) -> dict[str, list[Overpass]]:
    """Overpasses by area since a time, sorted by time, without simulated ones."""
    found: dict[str, list[Overpass]] = {name: [] for name in areas}
    values = {"areas": list(areas), "since": since}
    for area, *seen in connection.execute(query("overpasses"), values):
        found[area].append(Overpass(*seen))
    return found


def newest_of_sources(
    connection: Connection, areas: Sequence[str]
) -> dict[tuple[str, str], datetime]:
    """Sensing time of the newest acquisition by (source, area), without simulated ones."""
    rows = connection.execute(query("newest_of_sources"), {"areas": list(areas)})
    return {(source, area): sensed_at for source, area, sensed_at in rows}
