"""One step of one acquisition: lock and ledger before, the step, the ledger after."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

from tulip_ops.core import watchdog
from tulip_ops.core.errors import (
    AcquisitionBusy,
    AcquisitionNotFound,
    DatabaseUnavailable,
    NoProgress,
    ProductMissing,
    TulipError,
)
from tulip_ops.core.settings import Settings
from tulip_ops.core.storage_settings import DatabaseSettings
from tulip_ops.core.types import (
    Acquisition,
    AcquisitionId,
    Area,
    NetworkStep,
    Outcome,
    StepName,
)
from tulip_ops.pipeline.acquire import acquire
from tulip_ops.pipeline.context import StepContext
from tulip_ops.pipeline.networks import LocalNetworks, Networks
from tulip_ops.pipeline.product_state import network_task
from tulip_ops.pipeline.record import record
from tulip_ops.pipeline.screen import screen
from tulip_ops.pipeline.segment import segment
from tulip_ops.pipeline.vectorize import vectorize
from tulip_ops.postgis import areas as area_table
from tulip_ops.postgis import connection, ledger, locks
from tulip_ops.postgis.connection import Connection
from tulip_ops.sources import registry
from tulip_ops.storage.product_store import open_store

log = logging.getLogger(__name__)


def attempt(
    step: StepName,
    acquisition_id: AcquisitionId,
    settings: Settings,
    *,
    run_id: str,
    force: bool = False,
    networks: Networks | None = None,
    wait: bool = True,
) -> Outcome:
    """Run `step` and record its outcome in the ledger.

    Every error is recorded in the ledger before it is raised again, so that a failure is found in
    SQL as well as in the log. Two processes never work on one acquisition at the same time.
    networks: default: loaded here. wait: False to raise `AcquisitionBusy` where another process
    works on the acquisition.
    """
    with _held(step, acquisition_id, settings.database, wait=wait) as database:
        entry = ledger_entry(database, acquisition_id, settings)
        context = _context(database, entry, settings, run_id=run_id, force=force)
        return _attempt(
            step, database, entry, context, networks or LocalNetworks(settings.execution)
        )


def check(
    step: NetworkStep, acquisition_id: AcquisitionId, settings: Settings, *, run_id: str
) -> Outcome:
    """The outcome of `step` where its product is current; no network runs.

    `ProductMissing` where a network would have to run, which is not recorded in the ledger, and
    `AcquisitionBusy` where another process works on the acquisition.
    """
    with _held(step, acquisition_id, settings.database, wait=False) as database:
        entry = ledger_entry(database, acquisition_id, settings)
        context = _context(database, entry, settings, run_id=run_id, force=False)
        if not network_task(step, context).is_current:
            raise ProductMissing(
                f"the product of `tulip {step} {acquisition_id}` is not there, or was made of other"
                " inputs"
            )
        return _attempt(step, database, entry, context, LocalNetworks(settings.execution))


@contextmanager
def _held(
    step: str, acquisition_id: AcquisitionId, settings: DatabaseSettings, *, wait: bool
) -> Iterator[Connection]:
    """A connection that holds the acquisition for this process."""
    with connection.connect(settings.writer_url(), f"tulip {step}") as database:
        if wait:
            locks.hold_acquisition(database, acquisition_id)
        elif not locks.try_acquisition(database, acquisition_id):
            raise AcquisitionBusy(f"another process works on {acquisition_id}")
        ledger.end_killed_attempts(database, acquisition_id)
        yield database


def _context(
    database: Connection,
    entry: ledger.LedgerEntry,
    settings: Settings,
    *,
    run_id: str,
    force: bool,
) -> StepContext:
    areas = area_table.get_areas(database, entry.areas)
    store = open_store(settings.storage)
    return StepContext(entry.acquisition, areas, store, settings, run_id, force)


def _attempt(
    step: StepName,
    database: Connection,
    entry: ledger.LedgerEntry,
    context: StepContext,
    networks: Networks,
) -> Outcome:
    if step == "record" and entry.state == "skipped":
        return Outcome("done", False, f"nothing to record, not seen: {entry.verdict}", {})
    number = ledger.begin_attempt(database, context.id, step, context.run_id)
    try:
        with _watched(step, number, context):
            outcome = _run(step, database, entry, context, networks)
    except DatabaseUnavailable:
        raise
    except Exception as error:
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


def _watched(step: str, number: int, context: StepContext) -> AbstractContextManager[None]:
    """Ends the process, and the attempt `number` in the ledger, where nothing happens any more."""

    def report(failure: NoProgress) -> None:
        # a connection of its own: the other one may be in the hands of a thread that hangs
        with connection.connect(
            context.settings.database.writer_url(), f"tulip {step}"
        ) as database:
            ledger.end_attempt(
                database, number, "failed", error=type(failure).__name__, message=str(failure)
            )

    seconds = context.settings.execution.no_progress_seconds
    return watchdog.watch(f"{step} of {context.id}", seconds, report)


def ledger_entry(
    database: Connection, acquisition_id: AcquisitionId, settings: Settings
) -> ledger.LedgerEntry:
    """The ledger entry; an acquisition that a person names before discovery is admitted."""
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
    names = registry.orders(areas, settings.sources) or settings.sources.order
    errors: list[TulipError] = []
    for found, _ in registry.offers(acquisition_id, names, settings, errors):
        return found
    if errors:
        raise errors[0]
    raise AcquisitionNotFound(
        f"{acquisition_id} is neither in the ledger nor offered by {', '.join(names)};"
        " check the id, or run `tulip discover`"
    )


def _run(
    step: StepName,
    database: Connection,
    entry: ledger.LedgerEntry,
    context: StepContext,
    networks: Networks,
) -> Outcome:
    match step:
        case "acquire":
            return _acquire(database, entry, context)
        case "screen":
            return screen(context, networks)
        case "segment":
            return segment(context, networks)
        case "vectorize":
            return vectorize(context)
        case "record":
            return record(context, database)


def _acquire(database: Connection, entry: ledger.LedgerEntry, context: StepContext) -> Outcome:
    """Read it from its source or, where that is unavailable, from the next one that offers it.

    What was read before stays: only its own source can say whether it changed since.
    """
    acquisition, settings = context.acquisition, context.settings
    try:
        return acquire(context, registry.open_source(acquisition.source, settings))
    except registry.UNAVAILABLE as error:
        if entry.state != "discovered" and (entry.reached, entry.state) != ("acquire", "failed"):
            raise
        order = registry.orders(context.areas, settings.sources)
        names = [name for name in order if name != acquisition.source]
        for found, other in registry.offers(acquisition.id, names, settings, []):
            log.warning("%s; reading %s from %s", error, acquisition.id, other.name)
            try:
                outcome = acquire(replace(context, acquisition=found), other)
            except registry.UNAVAILABLE as again:
                log.warning("source %s is away too: %s", other.name, again)
                continue
            ledger.change_source(database, found)
            summary = f"{outcome.summary}; from {other.name}, as {acquisition.source} is away"
            return replace(outcome, summary=summary)
        raise
