"""Alerts about sources, from the discovery that finds a problem to the one that no longer does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from tulip_ops.core.types import Alert
from tulip_ops.postgis.connection import Connection, for_each, query, transaction
from tulip_ops.postgis.ledger import one_line


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """An alert that has not ended, as of the last discovery."""

    alert: Alert
    began_at: datetime
    """Time of the discovery that found it."""


def save_alerts(
    connection: Connection, alerts: Iterable[Alert], ended: Iterable[Alert], *, run_id: str
) -> None:
    """Save the alerts of one discovery and end the resolved ones, in one transaction.

    Source, kind and area identify an alert: it is one row until it ends. Messages are reduced to
    one line without passwords in URLs.
    """
    rows = [
        {**_key(alert), **_said(alert), "run_id": run_id} for alert in sorted(alerts, key=_rank)
    ]
    with transaction(connection):
        for_each(connection, "raise_alert", rows)
        for_each(connection, "end_alert", map(_key, sorted(ended, key=_rank)))


def open_alerts(connection: Connection) -> list[OpenAlert]:
    """All alerts that have not ended, the oldest first."""
    return [
        OpenAlert(Alert(*said), began_at)
        for *said, began_at in connection.execute(query("open_alerts"))
    ]


def _key(alert: Alert) -> dict[str, object]:
    return {"source": alert.source, "kind": alert.kind, "area": alert.area}


def _said(alert: Alert) -> dict[str, object]:
    return {"message": one_line(alert.message), "newest_at": alert.newest_at}


def _rank(alert: Alert) -> tuple[str, str, str]:
    """A fixed order, so that two concurrent discoveries cannot deadlock."""
    return alert.source, alert.kind, alert.area or ""
