"""One attempt of one step: the ledger before, the step, the ledger after."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

from tulip_ops.core import watchdog
from tulip_ops.core.errors import (
    AcquisitionBusy,
    AcquisitionNotFound,
    DatabaseUnavailable,
    NoProgress,
    TulipError,
)
from tulip_ops.core.settings import Settings
from tulip_ops.core.types import Acquisition, AcquisitionId, Area, Outcome
from tulip_ops.ml.inference import predictors
from tulip_ops.ml.inference.strip_cache import Strips
from tulip_ops.pipeline.acquire import acquire
from tulip_ops.pipeline.record import record
from tulip_ops.pipeline.screen import screen
from tulip_ops.pipeline.segment import segment
from tulip_ops.pipeline.vectorize import vectorize
from tulip_ops.postgis import areas as area_table
from tulip_ops.postgis import connection, ledger, locks
from tulip_ops.postgis.connection import Connection
from tulip_ops.sources import registry
from tulip_ops.storage.product_store import Store, open_store

log = logging.getLogger(__name__)


def attempt(
    step: str,
    acquisition_id: AcquisitionId,
    settings: Settings,
    *,
    force: bool,
    run_id: str,
    said: predictors.Said | None = None,
    kept: Strips | None = None,
    wait: bool = True,
    compute: bool = True,
) -> Outcome:
    """Carry out `step` and keep in the ledger how it ended.

    said: what the network of the step said already, where another process asked it.
    kept: pixels that `screen` leaves to `segment`, where one process carries both.

    Every error is kept in the ledger before it is raised again, so that a failure is found in
    SQL as well as in the log. Two processes never carry one acquisition at the same time.
    wait: False to raise `AcquisitionBusy` where another process carries it. compute: False to
    raise `ProductMissing`, of which the ledger keeps nothing, where a network would have to run.
    """
    with connection.connect(settings.writer_url(), f"tulip {step}") as database:
        if wait:
            locks.hold_acquisition(database, acquisition_id)
        elif not locks.try_acquisition(database, acquisition_id):
            raise AcquisitionBusy(f"another process carries {acquisition_id}")
        ledger.end_killed_attempts(database, acquisition_id)
        entry = ledger_entry(database, acquisition_id, settings)
        if step == "record" and entry.state == "skipped":
            return Outcome("done", False, f"nothing to record, not seen: {entry.verdict}", {})
        number = ledger.begin_attempt(database, acquisition_id, step, run_id)
        try:
            with _watched(step, acquisition_id, number, settings):
                outcome = _carry_out(
                    step,
                    entry,
                    database,
                    settings,
                    force=force,
                    run_id=run_id,
                    said=said,
                    kept=kept,
                    compute=compute,
                )
        except Exception as error:
            if not compute:
                ledger.forget_attempt(database, number)
            elif not isinstance(error, DatabaseUnavailable):
                ledger.end_attempt(
                    database, number, "failed", error=type(error).__name__, message=str(error)
                )
            raise
        ledger.end_attempt(
            database,
            number,
            outcome.state,
            fresh=outcome.fresh,
            figures=outcome.figures,
            message=outcome.summary,
        )
    return outcome


def _watched(
    step: str, acquisition_id: AcquisitionId, number: int, settings: Settings
) -> AbstractContextManager[None]:
    """Ends the process, and the attempt `number` in the ledger, where nothing happens any more."""

    def report(failure: NoProgress) -> None:
        # a connection of its own: the other one may be in the hands of a thread that hangs
        with connection.connect(settings.writer_url(), f"tulip {step}") as database:
            ledger.end_attempt(
                database, number, "failed", error=type(failure).__name__, message=str(failure)
            )

    return watchdog.watch(f"{step} of {acquisition_id}", settings.no_progress_seconds, report)


def ledger_entry(
    database: Connection, acquisition_id: AcquisitionId, settings: Settings
) -> ledger.LedgerEntry:
    """What the ledger says; an acquisition that a person names before discovery is admitted."""
    entry = ledger.entry(database, acquisition_id)
    if entry is None:
        areas = area_table.list_areas(database)
        acquisition = _offered(acquisition_id, areas, settings)
        over = [area.name for area in areas if area.geometry.intersects(acquisition.footprint)]
        ledger.admit(database, [acquisition], {acquisition_id: over})
        entry = ledger.entry(database, acquisition_id)
    if entry is None:
        raise AcquisitionNotFound(f"{acquisition_id} left the ledger while it was looked up")
    return entry


def _offered(
    acquisition_id: AcquisitionId, areas: Sequence[Area], settings: Settings
) -> Acquisition:
    names = registry.orders(areas, settings) or settings.sources
    errors: list[TulipError] = []
    for found, _ in registry.offers(acquisition_id, names, settings, errors):
        return found
    if errors:
        raise errors[0]
    raise AcquisitionNotFound(
        f"{acquisition_id} is neither in the ledger nor offered by {', '.join(names)};"
        " check the id, or run `tulip discover`"
    )


def _carry_out(
    step: str,
    entry: ledger.LedgerEntry,
    database: Connection,
    settings: Settings,
    *,
    force: bool,
    run_id: str,
    said: predictors.Said | None,
    kept: Strips | None,
    compute: bool,
) -> Outcome:
    store = open_store(settings)
    acquisition_id = entry.acquisition.id
    areas = area_table.get_areas(database, entry.areas)
    match step:
        case "acquire":
            return _acquire(entry, areas, database, store, settings, force=force)
        case "screen":
            return screen(
                acquisition_id,
                areas,
                store,
                settings,
                force=force,
                said=said,
                kept=kept,
                compute=compute,
            )
        case "segment":
            return segment(
                acquisition_id, store, settings, force=force, said=said, kept=kept, compute=compute
            )
        case "vectorize":
            return vectorize(acquisition_id, areas, store, settings, force=force, run_id=run_id)
        case "record":
            return record(acquisition_id, store, database, run_id=run_id)
        case _:
            raise ValueError(step)


def _acquire(
    entry: ledger.LedgerEntry,
    areas: Sequence[Area],
    database: Connection,
    store: Store,
    settings: Settings,
    *,
    force: bool,
) -> Outcome:
    """Read it from its source or, where that is away, from the next one that offers it.

    What was read before stays: only its own source can say whether it changed since.
    """
    acquisition = entry.acquisition
    try:
        source = registry.open_source(acquisition.source, settings)
        return acquire(acquisition, areas, source, store, force=force)
    except registry.AWAY as error:
        if entry.state != "discovered" and (entry.reached, entry.state) != ("acquire", "failed"):
            raise
        names = [name for name in registry.orders(areas, settings) if name != acquisition.source]
        for found, other in registry.offers(acquisition.id, names, settings, []):
            log.warning("%s; reading %s from %s", error, acquisition.id, other.name)
            try:
                outcome = acquire(found, areas, other, store, force=force)
            except registry.AWAY as again:
                log.warning("source %s is away too: %s", other.name, again)
                continue
            ledger.change_source(database, found)
            summary = f"{outcome.summary}; from {other.name}, as {acquisition.source} is away"
            return replace(outcome, summary=summary)
        raise
