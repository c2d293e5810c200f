"""Advisory locks, held until the end of the transaction unless stated otherwise."""

from __future__ import annotations

import logging

from tulip_ops.core.types import AcquisitionId
from tulip_ops.postgis.connection import Connection, query

log = logging.getLogger(__name__)

# arbitrary numbers, unique in the database
_MIGRATION, _HISTORY, _ACQUISITION, _UNITS = 7_418_001, 7_418_002, 7_418_003, 7_418_004
_HISTORIES = 7_418_005


def lock_migration(connection: Connection) -> None:
    """One migration at a time."""
    connection.execute(query("lock"), {"key": _MIGRATION})


def lock_histories(connection: Connection) -> None:
    """One history at a time, until the connection ends; recording continues meanwhile."""
    connection.execute(query("lock_session"), {"key": _HISTORIES})


def lock_history(connection: Connection) -> None:
    """No recording while a history writes; not held while it reads products."""
    connection.execute(query("lock"), {"key": _HISTORY})


def block_history(connection: Connection) -> None:
    """No history writes while detections change; a shared lock among recordings.

    Take it before any row lock, because a history waits for rows while it holds its lock.
    """
    connection.execute(query("lock_shared"), {"key": _HISTORY})


def lock_units(connection: Connection) -> None:
    """One booking of processing units at a time, so that no two book the same remainder."""
    connection.execute(query("lock"), {"key": _UNITS})


def hold_acquisition(connection: Connection, acquisition_id: AcquisitionId) -> None:
    """One process at a time works on an acquisition; held until the connection ends.

    A second process waits, and then finds the products of the first one.
    """
    if try_acquisition(connection, acquisition_id):
        return
    log.info("waiting: another process carries %s", acquisition_id)
    connection.execute(query("lock_acquisition"), {"key": _ACQUISITION, "id": str(acquisition_id)})


def try_acquisition(connection: Connection, acquisition_id: AcquisitionId) -> bool:
    """As `hold_acquisition`, without waiting; False if another process holds the lock."""
    values = {"key": _ACQUISITION, "id": str(acquisition_id)}
    return connection.execute(query("try_acquisition"), values).fetchone() == (True,)
