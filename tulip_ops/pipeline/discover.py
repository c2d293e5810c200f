"""Finds new acquisitions: queries the sources and compares with the ledger."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial

from tulip_ops.core import revisit
from tulip_ops.core.errors import AreaNotFound, BadInput
from tulip_ops.core.revisit import Pass
from tulip_ops.core.settings import Settings
from tulip_ops.core.source_settings import SourceSettings
from tulip_ops.core.types import Acquisition, AcquisitionId, Alert, Area
from tulip_ops.postgis import alerts as alert_table
from tulip_ops.postgis import areas as area_table
from tulip_ops.postgis import connection, ledger
from tulip_ops.postgis import overpasses as overpass_table
from tulip_ops.postgis.connection import Connection
from tulip_ops.sources import fallback, registry
from tulip_ops.sources.fallback import acquisitions_over

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SourceSurvey:
    """Result of asking the sources."""

    areas: Sequence[Area]
    request: fallback.SurveyRequest
    result: fallback.SurveyResult

    def require_answers(self) -> None:
        """Raise the error of the sources where none answered for any area."""
        if len(self.result.unanswered) == len(self.areas):
            raise self.result.error()

    def as_json(self) -> dict[str, list[str]]:
        """For machines: the areas, the sources that were asked, in that order, and `problems`.

        Those are sources that did not answer, and items that could not be used, with their reasons.
        """
        return {
            "areas": [area.name for area in self.areas],
            "sources": list(self.result.asked),
            "problems": self.problems(),
        }

    def problems(self) -> list[str]:
        silent = [f"{name}: {error}" for name, error in self.result.errors.items()]
        return silent + [text for one in self.result.sources.values() for text in one.problems]


@dataclass(frozen=True, slots=True)
class Discovery:
    """Result of one discovery."""

    survey: SourceSurvey
    new: tuple[AcquisitionId, ...]
    """Added to the ledger by this discovery."""
    pending: tuple[AcquisitionId, ...]
    """In the ledger before, but no run has begun."""
    known: int
    """Offered by a source, and in the ledger before."""
    passes: Mapping[str, Sequence[Pass]]
    """By area: which overpasses arrived, are late, and come next."""


def discover(
    settings: Settings,
    *,
    areas: Sequence[str],
    sources: Sequence[str],
    since: date,
    until: date,
    now: datetime,
    run_id: str,
) -> Discovery:
    """Put what is new over the areas from `since` to `until` (inclusive) into the ledger.

    No area named means all of them; sources named are asked in the place of each area's own.
    Those of an area are asked in their order, until one answers and is fresh. What is wrong with
    one goes into tulip.alert and does not affect the others; an error is raised
    if no source answered for any area.
    """
    seen = survey(settings, areas=areas, sources=sources, since=since, until=until, now=now)
    wanted, question, answers = seen.areas, seen.request, seen.result
    offered = list(answers.offered.values())
    with connection.connect(settings.database.writer_url(), "tulip discover") as database:
        new = ledger.admit(database, offered, links(offered, wanted))
        known = set(answers.offered) - set(new)
        pending = ledger.pending(database, list(known))
        lasting = [lasts.alert for lasts in alert_table.open_alerts(database)]
        whole = not (areas or sources)
        ended = [alert for alert in lasting if _is_over(alert, answers, question, whole=whole)]
        alert_table.save_alerts(database, answers.alerts, ended, run_id=run_id)
        passes = review_passes(database, wanted, settings.sources, now=now)
    seen.require_answers()
    return Discovery(
        survey=seen,
        new=tuple(sorted(new)),
        pending=tuple(sorted(pending)),
        known=len(known),
        passes=passes,
    )


def survey(
    settings: Settings,
    *,
    areas: Sequence[str],
    sources: Sequence[str],
    since: date,
    until: date,
    now: datetime,
) -> SourceSurvey:
    """Ask the sources as `discover` does, and write nothing; `AreaNotFound`, `BadInput`."""
    if since > until:
        raise BadInput(
            f"the first day {since} is later than the last day {until}, so that there is nothing to"
            " search; give them in order (without a last day, it is today)"
        )
    with connection.connect(settings.database.writer_url(), "tulip discover") as database:
        wanted = area_table.get_areas(database, areas or None)
        if not wanted:
            raise AreaNotFound("there is no area of interest: add one with `tulip aoi add FILE`")
        question = _request(database, wanted, settings.sources, since, until, now)
    orders = {
        area.name: tuple(sources) or registry.order(area, settings.sources) for area in wanted
    }
    opener = partial(registry.open_source, settings=settings)
    return SourceSurvey(wanted, question, fallback.survey(wanted, orders, opener, question))


def review_passes(
    database: Connection, areas: Iterable[Area], settings: SourceSettings, *, now: datetime
) -> dict[str, list[Pass]]:
    """By area: overpasses that arrived or were due within the look-back, and the next ones."""
    names = [area.name for area in areas]
    known = overpass_table.overpasses(database, names, now - revisit.MEMORY)
    return {
        name: revisit.review(
            seen,
            since=now - timedelta(days=settings.look_back_days),
            now=now,
            grace=timedelta(hours=settings.publication_hours),
        )
        for name, seen in known.items()
    }


def links(offered: Sequence[Acquisition], areas: Sequence[Area]) -> dict[AcquisitionId, list[str]]:
    """Over which areas each acquisition lies."""
    links: dict[AcquisitionId, list[str]] = {one.id: [] for one in offered}
    for area in areas:
        for one in acquisitions_over(area, offered):
            links[one.id].append(area.name)
    return links


def _request(
    database: Connection,
    areas: Sequence[Area],
    settings: SourceSettings,
    since: date,
    until: date,
    now: datetime,
) -> fallback.SurveyRequest:
    names = [area.name for area in areas]
    days = settings.stale_after_days
    return fallback.SurveyRequest(
        since=since,
        until=until,
        now=now,
        grace=timedelta(hours=settings.publication_hours),
        limit=None if days is None else timedelta(days=days),
        overpasses=overpass_table.overpasses(database, names, now - revisit.MEMORY),
        newest=overpass_table.newest_of_sources(database, names),
    )


def _is_over(
    alert: Alert, result: fallback.SurveyResult, request: fallback.SurveyRequest, *, whole: bool
) -> bool:
    """Whether a check shows that an alert no longer holds.

    A check of everything also ends alerts of sources that it did not query: they were passed
    over because another one is fresh, or because they are no longer queried.
    """
    asked = result.asked.get(alert.source, set())
    if alert.area is None:
        again = any((alert.source, alert.kind) == (one.source, one.kind) for one in result.alerts)
        return not again and (bool(asked) or whole)
    if alert.area in asked:
        return (alert.source, alert.area) in result.fresh
    return whole and request.about_now
