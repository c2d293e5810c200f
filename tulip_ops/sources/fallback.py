"""Queries the sources of each area in order, until one answers and is fresh."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

import shapely

from tulip_ops.core import revisit
from tulip_ops.core.errors import SourceUnavailable, TulipError
from tulip_ops.core.revisit import Overpass
from tulip_ops.core.types import Acquisition, AcquisitionId, Alert, AlertKind, Area
from tulip_ops.sources.base import Source
from tulip_ops.sources.registry import UNAVAILABLE

log = logging.getLogger(__name__)

USER_FILLED = "archive"
"""Users fill this source at any time, so it counts as stale only where another
source is available, or where an age limit is set."""


@dataclass(frozen=True, slots=True)
class SurveyRequest:
    """The query to the sources, and prior knowledge about them."""

    since: date
    until: date
    """Inclusive."""
    now: datetime
    grace: timedelta
    """How long publication may take."""
    limit: timedelta | None
    """Age from which the newest item is too old; None: as `revisit.staleness` says."""
    overpasses: Mapping[str, Sequence[Overpass]]
    """By area, from all sources."""
    newest: Mapping[tuple[str, str], datetime]
    """When the newest acquisition known of a (source, area) was sensed."""

    @property
    def about_now(self) -> bool:
        """Whether the answer shows how fresh a source is."""
        return self.until >= self.now.date()


@dataclass(slots=True)
class SurveyResult:
    """What the sources returned."""

    offered: dict[AcquisitionId, Acquisition] = field(default_factory=dict)
    """What was offered, each by the source that came first."""
    sources: dict[str, Source] = field(default_factory=dict)
    """Those that answered."""
    errors: dict[str, TulipError] = field(default_factory=dict)
    """Why others did not."""
    asked: dict[str, set[str]] = field(default_factory=dict)
    """Areas by the source that was asked for them."""
    alerts: list[Alert] = field(default_factory=list)
    fresh: set[tuple[str, str]] = field(default_factory=set)
    """(source, area) that are not known to be stale; empty if the query was not about now."""
    unanswered: list[str] = field(default_factory=list)
    """Areas for which no source answered."""

    def error(self) -> TulipError:
        """One error for all of them; a retryable one, if there is one."""
        message = "; ".join(f"{name}: {error}" for name, error in self.errors.items())
        if any(isinstance(error, SourceUnavailable) for error in self.errors.values()):
            return SourceUnavailable(message)
        return type(next(iter(self.errors.values())))(message)


def survey(
    areas: Sequence[Area],
    orders: Mapping[str, Sequence[str]],
    open_source: Callable[[str], Source],
    request: SurveyRequest,
) -> SurveyResult:
    """Ask the first source of each area, and the next one if that is unavailable or stale.

    orders: names of sources by area. A source is queried once per rank for all its areas, and not
    again once it was unavailable, so requests are bounded by sources times ranks, for any number
    of areas. Errors other than `UNAVAILABLE` are raised.
    """
    answers = SurveyResult()
    left = {area.name: list(orders[area.name]) for area in areas}
    satisfied: set[str] = set()
    while any(left.values()):
        turns: dict[str, list[Area]] = {}
        for area in areas:
            if left[area.name]:
                turns.setdefault(left[area.name].pop(0), []).append(area)
        for name, group in turns.items():
            found = _search(name, group, open_source, request, answers)
            if found is None:
                continue
            satisfied |= {area.name for area in group}
            for area in group:
                if _is_fresh(name, area, found, bool(left[area.name]), request, answers):
                    left[area.name].clear()
    answers.unanswered = sorted({area.name for area in areas} - satisfied)
    return answers


def acquisitions_over(area: Area, acquisitions: Sequence[Acquisition]) -> list[Acquisition]:
    """Acquisitions whose footprint intersects the area; thousands in milliseconds."""
    reaches = shapely.intersects(area.geometry, [one.footprint for one in acquisitions])
    return [one for one, reached in zip(acquisitions, reaches, strict=True) if reached]


def _search(
    name: str,
    areas: Sequence[Area],
    open_source: Callable[[str], Source],
    request: SurveyRequest,
    result: SurveyResult,
) -> list[Acquisition] | None:
    """Acquisitions of the source over the areas; None if it is unavailable."""
    result.asked.setdefault(name, set()).update(area.name for area in areas)
    if name in result.errors:
        return None
    try:
        source = result.sources.get(name) or open_source(name)
        found = list(source.search(areas, request.since, request.until))
    except UNAVAILABLE as error:
        kind: AlertKind = "silent" if isinstance(error, SourceUnavailable) else "refused"
        log.warning("source %s is %s: %s", name, kind, error)
        result.errors[name] = error
        result.alerts.append(Alert(name, kind, None, f"{name} is {kind}: {error}"))
        return None
    result.sources[name] = source
    for acquisition in found:
        result.offered.setdefault(acquisition.id, acquisition)
    return found


def _is_fresh(
    name: str,
    area: Area,
    found: Sequence[Acquisition],
    more: bool,
    request: SurveyRequest,
    result: SurveyResult,
) -> bool:
    """Whether the area needs no query of the next source; more: whether there is one."""
    if not request.about_now:
        return True
    here = acquisitions_over(area, found)
    known = request.newest.get((name, area.name))
    newest = max([one.sensed_at for one in here] + ([known] if known else []), default=None)
    alone = name == USER_FILLED and not more and request.limit is None
    if alone or any(one.id.simulated for one in here):
        why = None
    else:
        why = revisit.staleness(
            [*request.overpasses.get(area.name, ()), *revisit.overpasses_of(here)],
            newest,
            since=datetime.combine(request.since, time(), UTC),
            now=request.now,
            grace=request.grace,
            limit=request.limit,
        )
    if why is None:
        result.fresh.add((name, area.name))
        return True
    has = (
        f"nothing over {area.name} since {request.since}"
        if newest is None
        else f"nothing newer over {area.name} than {newest:%Y-%m-%d},"
        f" {(request.now - newest).days} days ago"
    )
    message = f"{name} is stale: it has {has}; {why}"
    log.warning("%s%s", message, "; asking the next source" if more else "")
    result.alerts.append(Alert(name, "stale", area.name, message, newest))
    return False
