"""Who waits for whom. Locks are held until the transaction ends, or where said the connection."""

from __future__ import annotations

import logging

from tulip_ops.core.types import AcquisitionId
from tulip_ops.postgis.connection import Connection, query

log = logging.getLogger(__name__)

# any numbers, as long as nobody else takes them
_MIGRATION, _HISTORY, _ACQUISITION, _UNITS = 7_418_001, 7_418_002, 7_418_003, 7_418_004
_HISTORIES = 7_418_005


def lock_migration(connection: Connection) -> None:
    """One migration at a time."""
    connection.execute(query("lock"), {"key": _MIGRATION})


def lock_histories(connection: Connection) -> None:
    """One history at a time, until the connection ends; acquisitions are recorded meanwhile."""
    connection.execute(query("lock_session"), {"key": _HISTORIES})


def lock_history(connection: Connection) -> None:
    """No acquisition is recorded while a history writes; never held while it reads products."""
    connection.execute(query("lock"), {"key": _HISTORY})


def block_history(connection: Connection) -> None:
    """No history runs while detections change; recordings do not exclude each other.

    Take it before any row lock: a history waits for rows while it holds its own.
    """
    connection.execute(query("lock_shared"), {"key": _HISTORY})


def lock_units(connection: Connection) -> None:
    """One booking of processing units at a time: nobody else books what is still left."""
    connection.execute(query("lock"), {"key": _UNITS})


def hold_acquisition(connection: Connection, acquisition_id: AcquisitionId) -> None:
    """One process at a time carries an acquisition; held until the connection ends.

    A second one waits, and then finds done what the first one did.
    """
    if try_acquisition(connection, acquisition_id):
        return
    log.info("waiting: another process carries %s", acquisition_id)
    connection.execute(query("lock_acquisition"), {"key": _ACQUISITION, "id": str(acquisition_id)})


def try_acquisition(connection: Connection, acquisition_id: AcquisitionId) -> bool:
    """Hold the acquisition as `hold_acquisition` does; False where another process holds it."""
    values = {"key": _ACQUISITION, "id": str(acquisition_id)}
    return connection.execute(query("try_acquisition"), values).fetchone() == (True,)
