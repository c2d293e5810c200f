"""Summaries of the database, for the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from psycopg.rows import dict_row

from tulip_ops.core.types import STATES, Alert
from tulip_ops.postgis.alerts import open_alerts
from tulip_ops.postgis.connection import Connection, query
from tulip_ops.postgis.migrate import schema_revision

_STATES = ["discovered", *STATES.values(), "skipped", "failed", "quarantined"]
"""In the order in which people expect them."""

_HEADINGS = {
    "area": "area",
    "season": "season",
    "simulated": "data",
    "acquisitions_recorded": "recorded",
    "acquisitions_skipped": "skipped",
    "acquisitions_failed": "failed",
    "acquisitions_unfinished": "unfinished",
    "clear_looks": "looks",
    "fields_bloomed": "bloomed",
    "fields_not_bloomed": "not bloomed",
    "fields_not_seen": "not seen",
    "bloomed_ha": "hectares",
    "bloomed_change_ha": "change",
    "first_bloom_day": "first bloom",
    "median_peak": "median peak",
}


def status(connection: Connection) -> dict[str, int | str]:
    """Revision, rows of each table, acquisitions in each state, the newest one, and alerts.

    `SchemaOutdated` if the database was never migrated.
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        counts: Mapping[str, int] = cursor.execute(query("count_rows")).fetchone() or {}
    states = connection.execute(query("count_states"), {"states": _STATES}).fetchall()
    newest = connection.execute(query("newest_acquisition")).fetchone()
    return {
        "revision": schema_revision(connection) or "none",
        **counts,
        **{f"acquisitions {state}": count for state, count in states},
        "newest acquisition": "none" if newest is None else f"{newest[0]} ({newest[1]})",
        **{_alert_name(one.alert): one.alert.message for one in open_alerts(connection)},
    }


def _alert_name(alert: Alert) -> str:
    return " ".join(["alert", alert.kind, alert.source, *([alert.area] if alert.area else [])])


def versions(connection: Connection) -> str:
    """One line: versions of PostgreSQL, PostGIS and the schema."""
    row = connection.execute(query("versions")).fetchone()
    server, postgis = row or (None, None)
    revision = schema_revision(connection) or "none"
    return f"PostgreSQL {server}, PostGIS {postgis or 'missing'}, schema tulip {revision}"


def season_table(connection: Connection) -> list[dict[str, object]]:
    """The rows of tulip.season_summary, sorted by area and season."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return [
            {name: float(v) if isinstance(v, Decimal) else v for name, v in row.items()}
            for row in cursor.execute(query("season_table"))
        ]


def as_text(rows: Sequence[Mapping[str, object]]) -> str:
    """The season table in aligned columns; marks simulated seasons and notes doubtful fields."""
    if not rows:
        return "no season yet: discover acquisitions, carry them, then run `tulip history`"
    lines = [list(_HEADINGS.values())]
    lines += [[_cell(name, row[name]) for name in _HEADINGS] for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    table = "\n".join(
        f"{line[0]:<{widths[0]}}  "
        + "  ".join(f"{cell:>{width}}" for cell, width in zip(line[1:], widths[1:], strict=True))
        for line in lines
    )
    return "\n".join([table, *_doubts(rows)])


def _doubts(rows: Sequence[Mapping[str, object]]) -> list[str]:
    """A line on the fields of the table that may well be something else than tulips."""
    doubtful = [row for row in rows if row["fields_doubtful"]]
    if not doubtful:
        return []
    where = ", ".join(
        f"{row['area']} {row['season']}: {row['fields_doubtful']}" for row in doubtful
    )
    return [f"bloomed and hectares include doubtful fields, of a confidence below 0.5: {where}"]


def _cell(name: str, value: object) -> str:
    if name == "simulated":
        return "simulated" if value else "satellite"
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:+.2f}" if name == "bloomed_change_ha" else f"{value:.{_decimals(name)}f}"
    return str(value)


def _decimals(name: str) -> int:
    return 1 if name == "clear_looks" else 2
