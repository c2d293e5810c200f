"""Expected overpasses of an area, learnt from those that were seen.

A satellite of Sentinel-2 passes over the same ground at the same time of day after 143 orbits,
which take ten days (ESA, Sentinel-2 User Handbook, 1.5.1); each relative orbit over an area is one
such *track*. Nothing else is regular: one or two satellites are nominal, a third one flies an
extended mission that acquires only some cycles, tracks of neighbouring orbits overlap, and
satellites are moved and replaced. So no spacing is assumed. Each track is learnt by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median_low
from typing import Literal, TypeAlias

from tulip_ops.core.types import Acquisition

CYCLE = timedelta(days=10)

MEMORY = 12 * CYCLE
"""How far back acquisitions are worth learning from; satellites are moved about once a year."""

TOLERANCE = timedelta(hours=11)
"""Two overpasses of one satellite that lie this close, apart from whole cycles, are of one track.
Tiles of one overpass are minutes apart, archives may know the day alone, and other tracks of the
same satellite are never closer than a day, but for the poles."""

RETIRED = 3
"""A track ends after so many missing overpasses in a row, while other tracks go on."""

STALE = 2
"""A source that lacks so many expected overpasses is stale. One missing acquisition is tolerated
(calibration, manoeuvres)."""

State: TypeAlias = Literal["arrived", "awaited", "late", "next"]


@dataclass(frozen=True, slots=True, order=True)
class Overpass:
    """One satellite over one area."""

    sensed_at: datetime
    """UTC, with its zone."""
    platform: str
    relative_orbit: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Track:
    """One relative orbit of one satellite over one area."""

    platform: str
    relative_orbit: int | None
    """None where the provider does not declare it."""
    seen: tuple[datetime, ...]
    """Its overpasses, in order, at least one."""
    cycles_between: int
    """Cycles between two overpasses: the median of those seen; 1 after a single overpass."""

    @property
    def known(self) -> bool:
        """Whether it was seen often enough to call an overpass late: twice."""
        return len(self.seen) > 1

    def missed(self, until: datetime) -> Iterator[datetime]:
        """When it was to be expected up to `until`, and not seen, in order."""
        step = self.cycles_between * CYCLE
        for before, after in pairwise(self.seen):
            skipped, rest = divmod(_cycles(after - before), self.cycles_between)
            if rest == 0:  # else its rhythm changed at an unknown time
                yield from (before + number * step for number in range(1, skipped))
        at = self.seen[-1] + step
        while at <= until:
            yield at
            at += step

    def after(self, moment: datetime) -> datetime:
        """When it is to be expected next after `moment`; not before it was last seen."""
        step = self.cycles_between * CYCLE
        ahead = max(1, (moment - self.seen[-1]) // step + 1)
        return self.seen[-1] + ahead * step


@dataclass(frozen=True, slots=True)
class Pass:
    """One overpass that was seen, or that was or is to be expected."""

    at: datetime
    platform: str
    relative_orbit: int | None
    state: State
    """arrived; awaited: expected, and its publication may still take time; late: expected, and
    that time is over; next: in the future."""
    expected: bool
    """False for one that arrived before its track was known."""


def overpasses_of(acquisitions: Iterable[Acquisition]) -> list[Overpass]:
    """When satellites took these; simulated acquisitions follow no orbit and are left out."""
    return [
        Overpass(one.sensed_at, one.id.platform, one.relative_orbit)
        for one in acquisitions
        if not one.id.simulated
    ]


def learn_tracks(overpasses: Iterable[Overpass]) -> list[Track]:
    """The tracks over an area, from its recent overpasses in any order.

    Several overpasses of one satellite within `TOLERANCE` are one. A track that did not come
    `RETIRED` times in a row, each time before something else came, is over and left out.
    """
    tracks = _tracks(overpasses)
    newest = max((track.seen[-1] for track in tracks), default=None)
    return [
        track
        for track in tracks
        if newest is None or newest - track.seen[-1] < RETIRED * track.cycles_between * CYCLE
    ]


def review(
    overpasses: Sequence[Overpass],
    *,
    since: datetime,
    now: datetime,
    grace: timedelta,
    ahead: timedelta = CYCLE,
) -> list[Pass]:
    """What arrived and what was to be expected from `since`, and what is until `now + ahead`.

    overpasses: over one area, in any order; also those before `since`, from which is learnt.
    grace: how long publication may take. Returns them by time.
    """
    passes = [
        Pass(at, track.platform, track.relative_orbit, "arrived", expected=at > track.seen[0])
        for track in _tracks(overpasses)
        for at in track.seen
    ]
    for track in learn_tracks(overpasses):
        missed = track.missed(now) if track.known else ()
        due: list[tuple[datetime, State]] = [
            (at, "late" if at + grace <= now else "awaited") for at in missed
        ]
        if track.after(now) <= now + ahead and (track.known or now - track.seen[-1] < CYCLE):
            due.append((track.after(now), "next"))
        passes += [
            Pass(at, track.platform, track.relative_orbit, state, expected=True)
            for at, state in due
        ]
    return sorted(
        (one for one in passes if one.at >= since), key=lambda one: (one.at, one.platform)
    )


def count_overdue(
    overpasses: Iterable[Overpass], newest: datetime | None, *, now: datetime, grace: timedelta
) -> int | None:
    """Number of overpasses that should have followed the newest one by now.

    overpasses: over the area, from all sources. newest: of the source; None if it has none.
    None where no track is known.
    """
    tracks = [track for track in learn_tracks(overpasses) if track.known]
    if not tracks:
        return None
    due = {at for track in tracks for at in (*track.seen, *track.missed(now))}
    return sum(at + grace <= now and (newest is None or at > newest + TOLERANCE) for at in due)


def staleness(
    overpasses: Iterable[Overpass],
    newest: datetime | None,
    *,
    since: datetime,
    now: datetime,
    grace: timedelta,
    limit: timedelta | None,
) -> str | None:
    """Why a source is too old over an area, in a few words; None if it is fresh.

    overpasses: over the area, from all sources. newest: of what the source has of the area; None
    if it has nothing. since: start of the query. limit: the age that is too old; None:
    `STALE` overpasses that it should have, and has not, or where no track is known a whole cycle.
    """
    if limit is None:
        asked = since if newest is None else max(newest, since)
        owed = count_overdue(overpasses, asked, now=now, grace=grace)
        if owed is not None:
            return f"{owed} overpasses were to be expected since" if owed >= STALE else None
        limit = CYCLE + grace
    if now - (since if newest is None else newest) <= limit:
        return None
    return f"{limit / timedelta(days=1):.3g} days at most are expected"


def _tracks(overpasses: Iterable[Overpass]) -> list[Track]:
    """Every track that was ever seen, by its first overpass."""
    found: list[list[Overpass]] = []
    for one in sorted(overpasses):
        track = next((track for track in found if _continues(track[0], one)), None)
        if track is None:
            found.append([one])
        else:
            track.append(one)
    return [_track(track) for track in found]


def _track(overpasses: Sequence[Overpass]) -> Track:
    """Of what one satellite saw from one orbit, in order."""
    seen = [overpasses[0].sensed_at]
    for one in overpasses[1:]:
        if _cycles(one.sensed_at - seen[-1]) > 0:
            seen.append(one.sensed_at)
    gaps = [_cycles(after - before) for before, after in pairwise(seen)]
    orbits = [one.relative_orbit for one in overpasses if one.relative_orbit is not None]
    return Track(
        platform=overpasses[0].platform,
        relative_orbit=orbits[-1] if orbits else None,
        seen=tuple(seen),
        cycles_between=median_low(gaps) if gaps else 1,
    )


def _continues(first: Overpass, one: Overpass) -> bool:
    """Whether both are of one track, `one` not being the earlier."""
    apart = one.sensed_at - first.sensed_at
    return one.platform == first.platform and abs(apart - _cycles(apart) * CYCLE) <= TOLERANCE


def _cycles(apart: timedelta) -> int:
    """Whole cycles, to the nearest."""
    return round(apart / CYCLE)
