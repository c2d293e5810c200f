"""What is wrong with sources, from the first look that saw it to the first that saw it gone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from tulip_ops.core.types import Alert
from tulip_ops.postgis.connection import Connection, for_each, query, transaction
from tulip_ops.postgis.ledger import one_line


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """An alert that lasts, as the last look saw it."""

    alert: Alert
    began_at: datetime
    """When a look first saw it."""


def save_alerts(
    connection: Connection, alerts: Iterable[Alert], ended: Iterable[Alert], *, run_id: str
) -> None:
    """Save the alerts of one discovery, and end those that no longer hold, in one transaction.

    An alert is known by its source, kind and area: while it lasts it is one row. Messages are
    brought to one line, with passwords in URLs left out.
    """
    rows = [
        {**_key(alert), **_said(alert), "run_id": run_id} for alert in sorted(alerts, key=_rank)
    ]
    with transaction(connection):
        for_each(connection, "raise_alert", rows)
        for_each(connection, "end_alert", map(_key, sorted(ended, key=_rank)))


def open_alerts(connection: Connection) -> list[OpenAlert]:
    """What is wrong with sources, the oldest first."""
    return [
        OpenAlert(Alert(*said), began_at)
        for *said, began_at in connection.execute(query("open_alerts"))
    ]


def _key(alert: Alert) -> dict[str, object]:
    return {"source": alert.source, "kind": alert.kind, "area": alert.area}


def _said(alert: Alert) -> dict[str, object]:
    return {"message": one_line(alert.message), "newest_at": alert.newest_at}


def _rank(alert: Alert) -> tuple[str, str, str]:
    """One order for everybody, so that two looks at once never wait for each other in a ring."""
    return alert.source, alert.kind, alert.area or ""
