"""Who waits for whom. Each lock is held until the transaction ends."""

from __future__ import annotations

from tulip_ops.postgis.connection import Connection, query

_MIGRATION, _HISTORY = 7_418_001, 7_418_002  # any numbers, as long as nobody else takes them


def lock_migration(connection: Connection) -> None:
    """One migration at a time."""
    connection.execute(query("lock"), {"key": _MIGRATION})


def lock_history(connection: Connection) -> None:
    """One history at a time, and no acquisition recorded meanwhile."""
    connection.execute(query("lock"), {"key": _HISTORY})


def keep_history_away(connection: Connection) -> None:
    """No history while detections change; any number of acquisitions may be recorded at once.

    Take it before any row lock: a history waits for rows while it holds its own.
    """
    connection.execute(query("lock_shared"), {"key": _HISTORY})
