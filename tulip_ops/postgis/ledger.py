"""The ledger: all acquisitions with their state, and the attempts of their steps."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from psycopg import errors
from psycopg.types.json import Jsonb

from tulip_ops.core.errors import QUARANTINED, AcquisitionNotFound, OffsetContradiction
from tulip_ops.core.types import STATES, Acquisition, AcquisitionId
from tulip_ops.postgis import locks
from tulip_ops.postgis.connection import Connection, for_each, query, transaction, wkb

AttemptOutcome: TypeAlias = Literal["done", "skipped", "failed"]

RETRY_AFTER = timedelta(hours=12)
"""Time after its last failure before an acquisition is tried again."""

_PASSWORD = re.compile(r"(?<=://)[^/@\s]*:[^/@\s]*@")
_LONGEST = 2000


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One acquisition in the ledger; see docs/reference/tables.md."""

    acquisition: Acquisition
    areas: tuple[str, ...]
    state: str
    reached: str | None
    verdict: str | None
    clear_fraction: float | None
    detections_sha256: str | None


@dataclass(frozen=True, slots=True)
class LedgerState:
    """State of an acquisition, for many at once."""

    state: str
    verdict: str | None
    baseline: str | None
    areas: frozenset[str]


def admit(
    connection: Connection,
    acquisitions: Sequence[Acquisition],
    areas: Mapping[AcquisitionId, Sequence[str]],
) -> list[AcquisitionId]:
    """Add new acquisitions to the ledger; returns their ids, sorted.

    Of concurrent calls, only one returns an id. A known acquisition that gains an area goes back
    to `discovered`, to be processed over that area, too. So does one that is offered with a newer
    processing baseline than in the ledger, or by the same source with a larger footprint, because
    another datastrip was published later.
    """
    ordered = sorted(acquisitions, key=lambda acquisition: acquisition.id)
    rows = [_columns(acquisition) for acquisition in ordered]
    with transaction(connection):
        new = set(for_each(connection, "admit_acquisition", rows))
        known = [row for row in rows if row["id"] not in new]
        for_each(connection, "renew_acquisition", known)
        links = [{"id": str(a.id), "areas": list(areas.get(a.id, ()))} for a in ordered]
        gained = dict.fromkeys(for_each(connection, "link_areas", links))
        for acquisition_id in gained:
            if acquisition_id not in new:
                connection.execute(query("reopen_acquisition"), {"id": acquisition_id})
    for_each(connection, "complete_acquisition", known)
    return sorted(map(AcquisitionId.parse, new))


def entry(connection: Connection, acquisition_id: AcquisitionId) -> LedgerEntry | None:
    """The entry of an acquisition; None if it is not in the ledger."""
    row = connection.execute(query("ledger_entry"), {"id": str(acquisition_id)}).fetchone()
    if row is None:
        return None
    text, sensed_at, source, href, footprint, bands, *told = row[:9]
    identity = AcquisitionId.parse(text)
    acquisition = Acquisition(identity, sensed_at, source, href, footprint, tuple(bands), *told)
    *rest, areas = row[9:]
    return LedgerEntry(acquisition, tuple(areas), *rest)


def states_of(
    connection: Connection, ids: Sequence[AcquisitionId]
) -> dict[AcquisitionId, LedgerState]:
    """States of those of `ids` that are in the ledger."""
    rows = connection.execute(query("known"), {"ids": [str(i) for i in ids]})
    return {
        AcquisitionId.parse(text): LedgerState(state, verdict, baseline, frozenset(areas))
        for text, state, verdict, baseline, areas in rows
    }


def throughput(connection: Connection, areas: Sequence[str]) -> tuple[int, float]:
    """Number of acquisitions over these areas that were processed step by step, and their seconds.

    Seconds of all their successful attempts, including repeated ones.
    """
    row = connection.execute(query("pace"), {"areas": list(areas)}).fetchone() or (0, 0.0)
    return int(row[0]), float(row[1])


def failure_reasons(
    connection: Connection, ids: Sequence[AcquisitionId], run_id: str, since: datetime
) -> dict[AcquisitionId, str]:
    """Error of the newest attempt of this run since `since`, for acquisitions where it failed."""
    values = {"ids": [str(i) for i in ids], "run_id": run_id, "since": since}
    rows = connection.execute(query("reasons"), values)
    return {
        AcquisitionId.parse(text): f"{step}: {error}: {message}"
        for text, step, error, message in rows
    }


def change_source(connection: Connection, acquisition: Acquisition) -> None:
    """Record that the acquisition was read from another source, its own being unavailable."""
    connection.execute(query("change_source"), _columns(acquisition))


def pending(connection: Connection, ids: Sequence[AcquisitionId]) -> list[AcquisitionId]:
    """Those of `ids` that need a run, oldest first.

    No run has begun them, or the last one failed with an error that a repeat may solve, more than
    `RETRY_AFTER` ago. Quarantined acquisitions wait for a person.
    """
    rows = connection.execute(query("waiting"), {"ids": [str(i) for i in ids], "rest": RETRY_AFTER})
    return [AcquisitionId.parse(text) for (text,) in rows]


def pending_for_step(connection: Connection, step: str) -> list[AcquisitionId]:
    """Acquisitions whose next step is `step`, oldest first.

    Without those in which `step` has begun, even if it failed or was killed.
    """
    before = list(STATES)[list(STATES).index(step) - 1]
    values = {"step": step, "before": before, "state": STATES[before]}
    return [AcquisitionId.parse(t) for (t,) in connection.execute(query("waiting_for"), values)]


def begin_attempt(
    connection: Connection, acquisition_id: AcquisitionId | None, step: str, run_id: str
) -> int:
    """Record the begin of an attempt of `step`; returns its id. `AcquisitionNotFound`."""
    values = {
        "id": None if acquisition_id is None else str(acquisition_id),
        "step": step,
        "run_id": run_id,
    }
    try:
        row = connection.execute(query("begin_attempt"), values).fetchone()
    except errors.ForeignKeyViolation as error:
        raise AcquisitionNotFound(
            f"{acquisition_id} is not in the ledger; run `tulip discover`"
        ) from error
    assert row is not None  # noqa: S101 - an insert that returns nothing has raised
    return int(row[0])


def end_killed_attempts(connection: Connection, acquisition_id: AcquisitionId) -> int:
    """Mark attempts that never ended as `Killed`; returns their number.

    Call it only while the acquisition is locked (`locks.hold_acquisition`): then no process that
    began an attempt is alive.
    """
    return connection.execute(query("end_killed_attempts"), {"id": str(acquisition_id)}).rowcount


def end_attempt(
    connection: Connection,
    attempt_id: int,
    outcome: AttemptOutcome,
    *,
    message: str,
    fresh: bool = True,
    figures: Mapping[str, float | int | str] | None = None,
    error: str | None = None,
) -> None:
    """Record the end of an attempt, and move its acquisition to `next_state`.

    fresh: False if the step found its product current. Such an attempt is deleted unless it
    changes the state, so that repeating finished work changes no row.
    figures: stored with the attempt; `clear_fraction` is also stored with the acquisition.
    error: name of the error's class, for `failed`.
    message: reduced to one line without passwords in URLs.
    """
    line, kept = one_line(message), dict(figures or {})
    with transaction(connection):
        if outcome == "skipped" or error in QUARANTINED:
            locks.block_history(connection)
        found = connection.execute(query("lock_state"), {"attempt_id": attempt_id}).fetchone()
        acquisition_id, step, state, reached = found or (None, None, None, None)
        moved = False
        if acquisition_id is not None:
            target = next_state(state, reached, step, outcome, fresh=fresh, error=error)
            move = {"id": acquisition_id, "state": target, "step": step}
            move |= {"verdict": None if outcome == "done" else line}
            move |= {"clear_fraction": kept.get("clear_fraction")}
            moved = target is not None and _move(connection, state, move)
        if fresh or moved:
            ending = {"attempt_id": attempt_id, "outcome": outcome, "error": error}
            connection.execute(
                query("end_attempt"), {**ending, "message": line, "figures": Jsonb(kept)}
            )
        else:
            connection.execute(query("forget_attempt"), {"attempt_id": attempt_id})


def next_state(
    state: str,
    reached: str | None,
    step: str,
    outcome: AttemptOutcome,
    *,
    fresh: bool,
    error: str | None,
) -> str | None:
    """The new state after an attempt of `step`; None if the state does not change.

    A fresh product sets the state of its step, backwards too, because later steps must run again.
    A current product moves the state only forwards, or out of a failure of the same step. A
    failure does not revert what an earlier run reached, because its products are still valid,
    except if pixels contradict their metadata. Bad data quarantines an acquisition
    that had not reached the step.
    """
    order = [None, *STATES]
    ahead = order.index(step) > order.index(reached)
    if outcome == "skipped":
        return "skipped"
    if outcome == "failed":
        if error == OffsetContradiction.__name__:
            return "quarantined"
        if error in QUARANTINED and (ahead or state in {"failed", "quarantined"}):
            return "quarantined"
        return "failed" if ahead or state == "failed" else None
    stuck_here = step == reached and state in {"failed", "skipped", "quarantined"}
    return STATES[step] if fresh or ahead or stuck_here else None


def one_line(text: str) -> str:
    """`text` on one line of bounded length, without user and password in URLs."""
    return _PASSWORD.sub("", " ".join(text.split()))[:_LONGEST]


def _move(connection: Connection, state: str, move: Mapping[str, object]) -> bool:
    """Move the acquisition from `state` to the state in `move`; returns whether a row changed.

    Its detections and observations are removed if it becomes skipped or quarantined.
    """
    if move["state"] != state and move["state"] in {"skipped", "quarantined"}:
        connection.execute(query("forget_observations"), move)
        connection.execute(query("forget_detections"), move)
        connection.execute(query("note_detections"), {**move, "sha256": None, "unet_id": None})
    return connection.execute(query("move_acquisition"), move).rowcount > 0


def _columns(acquisition: Acquisition) -> dict[str, object]:
    return {
        "id": str(acquisition.id),
        "sensed_at": acquisition.sensed_at,
        "source": acquisition.source,
        "href": acquisition.href,
        "footprint": wkb(acquisition.footprint),
        "bands": list(acquisition.bands),
        "baseline": acquisition.baseline,
        "relative_orbit": acquisition.relative_orbit,
        "provider_cloud_cover": acquisition.provider_cloud_cover,
    }
