"""An archive over a range of days: what is left to process, and what that will cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from tulip_ops.core.errors import AreaNotFound
from tulip_ops.core.settings import Settings
from tulip_ops.core.storage_settings import DatabaseSettings
from tulip_ops.core.types import BANDS, Acquisition, AcquisitionId, Area
from tulip_ops.pipeline import area_masks, discover
from tulip_ops.postgis import areas as area_table
from tulip_ops.postgis import connection, ledger
from tulip_ops.postgis.ledger import LedgerState
from tulip_ops.sources.archive.source import Archive
from tulip_ops.sources.fallback import acquisitions_over
from tulip_ops.sources.sentinel_hub import processing_units

FINAL_STATES = frozenset({"recorded", "skipped", "quarantined"})
"""States in which the ledger leaves nothing to do; what is quarantined waits for a person."""
_CHARGED = "sentinel-hub"
"""Sources whose name begins so charge processing units."""
_BYTES = 2
"""Of a pixel of a band, as it is stored before it is compressed."""


@dataclass(frozen=True, slots=True)
class Work:
    """One acquisition to process, and what reading it costs."""

    acquisition: Acquisition
    new: bool
    """Whether the ledger does not know it yet."""
    pixels: int
    """Of the tile's 10 m grid that are read; 0 where it lies outside every area."""
    bands: int
    units: float
    """Processing units of Sentinel Hub; 0 for other sources."""

    @property
    def bytes(self) -> int:
        return self.pixels * self.bands * _BYTES


@dataclass(frozen=True, slots=True)
class Backfill:
    """What is left to process."""

    survey: discover.SourceSurvey
    work: tuple[Work, ...]
    """In the order of sensing."""
    left: tuple[Work, ...]
    """What the budget has no room for, later than all of `work`."""
    done: int
    """Offered, and in the ledger as recorded, skipped or quarantined."""
    measured: int
    """Acquisitions over these areas whose seconds the ledger has."""
    seconds_each: float | None
    """What they took in the mean; None where there is none."""

    @property
    def hours(self) -> float | None:
        """Of one process that handles one acquisition after the other."""
        return None if self.seconds_each is None else self.seconds_each * len(self.work) / 3600


def plan(
    settings: Settings,
    *,
    areas: Sequence[str],
    sources: Sequence[str],
    since: date,
    until: date,
    now: datetime,
    budget: float | None = None,
    again: bool = False,
) -> Backfill:
    """What the sources offer over the areas from `since` to `until` and the ledger has not done.

    Writes nothing. budget: processing units that the reading may cost; what comes first is taken,
    and nothing after the first that does not fit. again: also what the ledger has as done. Areas
    and sources as in `discover.discover`; `AreaNotFound`, and the error of the sources if none
    answers.
    """
    seen = discover.survey(
        settings, areas=areas, sources=sources, since=since, until=until, now=now
    )
    seen.require_answers()
    offered = sorted(seen.result.offered.values(), key=lambda one: (one.sensed_at, one.id))
    reached = _reached(offered, seen.areas)
    names = [area.name for area in seen.areas]
    with connection.connect(settings.database.reader_url(), "tulip backfill") as database:
        known = ledger.states_of(database, [one.id for one in offered])
        measured, seconds = ledger.throughput(database, names)
    wanted = [one for one in offered if again or not _is_done(one, reached[one.id], known)]
    work = [_work(one, reached[one.id], new=one.id not in known) for one in wanted]
    fitting = _fitting(work, budget)
    return Backfill(
        survey=seen,
        work=tuple(work[:fitting]),
        left=tuple(work[fitting:]),
        done=len(offered) - len(wanted),
        measured=measured,
        seconds_each=seconds / measured if measured else None,
    )


def admit(settings: DatabaseSettings, backfill: Backfill) -> None:
    """Add the acquisitions to process to the ledger, as a discovery does."""
    offered = [one.acquisition for one in backfill.work]
    with connection.connect(settings.writer_url(), "tulip backfill") as database:
        ledger.admit(database, offered, discover.links(offered, backfill.survey.areas))


def admit_scenes(
    settings: DatabaseSettings, archive: Archive, ids: Sequence[AcquisitionId], *, again: bool
) -> list[AcquisitionId]:
    """Put scenes of an archive into the ledger, over whichever areas they lie.

    Returns those left to process, or with `again` all of them. `AreaNotFound` without any
    area.
    """
    wanted = frozenset(ids)
    offered = [scene.acquisition(archive.name) for scene in archive.scenes(wanted.__contains__)
               if scene.id in wanted]  # fmt: skip
    with connection.connect(settings.writer_url(), "tulip backfill") as database:
        areas = area_table.get_areas(database, None)
        if not areas:
            raise AreaNotFound("there is no area of interest: add one with `tulip aoi add FILE`")
        reached = _reached(offered, areas)
        known = ledger.states_of(database, ids)
        left = [one for one in offered if again or not _is_done(one, reached[one.id], known)]
        ledger.admit(database, left, discover.links(left, areas))
    return sorted(one.id for one in left)


def _reached(
    offered: Sequence[Acquisition], areas: Sequence[Area]
) -> dict[AcquisitionId, list[Area]]:
    reached: dict[AcquisitionId, list[Area]] = {one.id: [] for one in offered}
    for area in areas:
        for one in acquisitions_over(area, offered):
            reached[one.id].append(area)
    return reached


def _is_done(
    acquisition: Acquisition, areas: Sequence[Area], known: Mapping[AcquisitionId, LedgerState]
) -> bool:
    """Whether admitting it would change nothing: no new area, and no newer baseline."""
    entry = known.get(acquisition.id)
    return (
        entry is not None
        and entry.state in FINAL_STATES
        and {area.name for area in areas} <= entry.areas
        and (entry.baseline or "99") >= (acquisition.baseline or "")
    )


def _work(acquisition: Acquisition, areas: Sequence[Area], *, new: bool) -> Work:
    grid = area_masks.read_grid(acquisition, areas) if areas else None
    bands = len(set(acquisition.bands) & set(BANDS))
    if grid is None:
        return Work(acquisition, new, 0, bands, 0.0)
    charged = acquisition.source.startswith(_CHARGED)
    cost = processing_units.of_image(grid.width, grid.height, bands) if charged else 0.0
    return Work(acquisition, new, grid.width * grid.height, bands, cost)


def _fitting(work: Sequence[Work], budget: float | None) -> int:
    """How many of `work`, from the first, cost no more than the budget together."""
    if budget is None:
        return len(work)
    spent = 0.0
    for number, one in enumerate(work):
        spent += one.units
        if spent > budget:
            return number
    return len(work)
