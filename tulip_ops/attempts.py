"""One attempt of one step: the ledger before, the step, the ledger after."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from tulip_ops import steps
from tulip_ops.domain import Acquisition, AcquisitionId, Area, Outcome
from tulip_ops.errors import AcquisitionNotFound, DatabaseUnavailable
from tulip_ops.postgis import areas as area_table
from tulip_ops.postgis import connection, ledger
from tulip_ops.settings import Settings
from tulip_ops.sources import open_sources
from tulip_ops.store import Store

log = logging.getLogger(__name__)


def attempt(
    step: str, acquisition_id: AcquisitionId, settings: Settings, *, force: bool, run_id: str
) -> Outcome:
    """Carry out `step` and keep in the ledger how it ended.

    No connection stays open during the step, which can take minutes. Every error is kept in the
    ledger before it is raised again, so that a failure is found in SQL as well as in the log.
    """
    url, who = settings.writer_url(), f"tulip {step}"
    with connection.connect(url, who) as database:
        acquisition, areas = _look_up(database, acquisition_id, settings)
        number = ledger.begin_attempt(database, acquisition_id, step, run_id)
    try:
        outcome = _carry_out(step, acquisition, areas, settings, force=force, run_id=run_id)
    except DatabaseUnavailable:
        raise
    except Exception as error:
        with connection.connect(url, who) as database:
            ledger.end_attempt(
                database, number, "failed", error=type(error).__name__, message=str(error)
            )
        raise
    with connection.connect(url, who) as database:
        ledger.end_attempt(
            database,
            number,
            outcome.state,
            fresh=outcome.fresh,
            figures=outcome.figures,
            message=outcome.summary,
        )
    return outcome


def _look_up(
    database: connection.Connection, acquisition_id: AcquisitionId, settings: Settings
) -> tuple[Acquisition, Sequence[Area]]:
    """The acquisition and its areas; one that a person names before discovery is admitted."""
    entry = ledger.entry(database, acquisition_id)
    if entry is None:
        acquisition = _offered(acquisition_id, settings)
        areas = [
            area
            for area in area_table.list_areas(database)
            if area.geometry.intersects(acquisition.footprint)
        ]
        ledger.admit(database, [acquisition], {acquisition_id: [area.name for area in areas]})
        return acquisition, areas
    return entry.acquisition, area_table.get_areas(database, entry.areas)


def _offered(acquisition_id: AcquisitionId, settings: Settings) -> Acquisition:
    sources = open_sources(settings)
    for source in sources.values():
        found = source.find(acquisition_id)
        if found is not None:
            return found
    raise AcquisitionNotFound(
        f"{acquisition_id} is neither in the ledger nor offered by {', '.join(sources)};"
        " check the id, or run `tulip discover`"
    )


def _carry_out(
    step: str,
    acquisition: Acquisition,
    areas: Sequence[Area],
    settings: Settings,
    *,
    force: bool,
    run_id: str,
) -> Outcome:
    store = Store(settings.store_place)
    match step:
        case "acquire":
            source = open_sources(settings)[acquisition.source]
            return steps.acquire(acquisition, areas, source, store, force=force)
        case "screen":
            return steps.screen(acquisition.id, areas, store, settings, force=force)
        case "segment":
            return steps.segment(acquisition.id, store, settings, force=force)
        case "vectorize":
            return steps.vectorize(acquisition.id, areas, store, settings, force=force)
        case "record":
            with connection.connect(settings.writer_url(), "tulip record") as database:
                return steps.record(acquisition.id, store, database, run_id=run_id)
        case _:
            raise ValueError(step)
