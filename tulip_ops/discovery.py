"""What is new: ask the sources, let the ledger decide."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from tulip_ops.domain import Acquisition, AcquisitionId, Area
from tulip_ops.errors import AreaNotFound, BadSetting, SourceUnavailable
from tulip_ops.postgis import areas as area_table
from tulip_ops.postgis import connection, ledger
from tulip_ops.settings import Settings
from tulip_ops.sources import Source, open_sources

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Discovery:
    """What one look at the sources gave."""

    new: tuple[AcquisitionId, ...]
    """In the ledger since this look."""
    pending: tuple[AcquisitionId, ...]
    """In the ledger before, but no run has begun."""
    known: int
    """Offered by a source, and in the ledger before."""
    areas: tuple[str, ...]
    sources: tuple[str, ...]
    problems: tuple[str, ...]
    """Sources that were silent, and items that could not be used, each with its reason."""


def discover(
    settings: Settings,
    *,
    areas: Sequence[str],
    sources: Sequence[str],
    since: date,
    until: date,
) -> Discovery:
    """Put what is new over the areas from `since` to `until` (inclusive) into the ledger.

    No area or no source named means all of them. A source that does not answer is named among
    the problems and does not keep the others from being carried; `SourceUnavailable` if none
    answers.
    """
    asked = _chosen(open_sources(settings), sources)
    with connection.connect(settings.writer_url(), "tulip discover") as database:
        wanted = area_table.get_areas(database, areas or None)
    if not wanted:
        raise AreaNotFound("there is no area of interest: add one with `tulip aoi add FILE`")
    offered, silent = _ask(asked, wanted, since, until)
    if len(silent) == len(asked):
        raise SourceUnavailable("; ".join(silent))
    links = {
        acquisition.id: tuple(
            area.name for area in wanted if area.geometry.intersects(acquisition.footprint)
        )
        for acquisition in offered.values()
    }
    with connection.connect(settings.writer_url(), "tulip discover") as database:
        new = ledger.admit(database, list(offered.values()), links)
        pending = [i for i in ledger.waiting(database, list(links)) if i not in set(new)]
    return Discovery(
        new=tuple(sorted(new)),
        pending=tuple(sorted(pending)),
        known=len(offered) - len(new),
        areas=tuple(area.name for area in wanted),
        sources=tuple(asked),
        problems=(*silent, *(text for source in asked.values() for text in source.problems)),
    )


def _chosen(sources: Mapping[str, Source], names: Sequence[str]) -> dict[str, Source]:
    unknown = [name for name in names if name not in sources]
    if unknown:
        raise BadSetting(
            f"no source is called {', '.join(unknown)}; TULIP_SOURCES names {', '.join(sources)}"
        )
    return {name: source for name, source in sources.items() if not names or name in names}


def _ask(
    sources: Mapping[str, Source], areas: Sequence[Area], since: date, until: date
) -> tuple[dict[AcquisitionId, Acquisition], list[str]]:
    """What the sources offer, the first source winning, and which sources were silent, and why."""
    offered: dict[AcquisitionId, Acquisition] = {}
    silent = []
    for name, source in sources.items():
        try:
            for acquisition in source.search(areas, since, until):
                offered.setdefault(acquisition.id, acquisition)
        except SourceUnavailable as error:
            log.warning("source %s is silent: %s", name, error)
            silent.append(f"{name}: {error}")
    return offered, silent
