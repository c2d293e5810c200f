"""What `tulip report` writes: an area's history as one page, from the database to the file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import shapely

from tulip_ops.core.errors import AreaNotFound, ProductDamaged, ProductMissing
from tulip_ops.core.files import write_output
from tulip_ops.core.settings import Settings
from tulip_ops.core.storage_settings import StorageSettings
from tulip_ops.core.types import AcquisitionId, Verdict
from tulip_ops.postgis import connection, layers, report_queries
from tulip_ops.postgis.report_queries import AreaHistory, FieldSeasonRow
from tulip_ops.raster import cog
from tulip_ops.raster.grid import Grid
from tulip_ops.raster.mgrs import tile_at, tile_grid
from tulip_ops.raster.projection import WGS84, project
from tulip_ops.reports import area_report_html, plotting, season_plots
from tulip_ops.reports.area_report_html import AreaReport, Calendar
from tulip_ops.storage.product_store import open_store
from tulip_ops.storage.products import REFLECTANCE

CLEAR_ENOUGH = 0.9
"""Share of the area that must be clear in the acquisition below the map; else the clearest."""

ROWS = 60
"""Fields that bloomed in a season up to which each has a row of its own in the calendar."""

SIZES = (("below 1 ha", 1e4), ("1 to 3 ha", 3e4), ("3 to 10 ha", 1e5), ("10 ha and more", 1e18))
"""Size classes of fields, and the square metres that each stays below."""

_PIXELS = 900
_MARGIN = 100.0
"""Metres around the area on a map."""


def report(
    settings: Settings, area: str, out: Path, *, simulated: bool | None, now: datetime
) -> AreaReport:
    """Write the page of an area into `out`; returns what it tells.

    simulated: what the simulator's scenes show or a satellite's; None: a satellite's, if there
    are any. now: when the page is made. `AreaNotFound` if there is no such area, or nothing was
    ever found over it.
    """
    with (
        connection.connect(settings.database.reader_url(), "tulip report") as database,
        layers.snapshot(database),
    ):
        kinds = report_queries.kinds(database, area)
        kind = (kinds or [False])[0] if simulated is None else simulated
        history = report_queries.area_history(database, area, simulated=kind)
    if not history.acquisitions:
        raise AreaNotFound(
            f"no {'simulated ' if kind else ''}acquisition over {area} is known yet: run"
            " `tulip discover`"
        )
    story = _illustrated(history, settings.storage)
    with write_output(out) as draft:
        draft.write_text(area_report_html.page(story, now), encoding="utf-8")
    return story


def _illustrated(history: AreaHistory, settings: StorageSettings) -> AreaReport:
    by_season: dict[int, list[FieldSeasonRow]] = {}
    for row in history.fields:
        by_season.setdefault(row.season, []).append(row)
    story = AreaReport(history, maps={}, calendars={}, below=None)
    if not by_season:
        return story
    grid = _grid(history)
    below, rgb = _light_image(history, grid, settings)
    outline = [project(part, WGS84, grid.epsg) for part in history.area.geometry.geoms]
    maps = {}
    for season, rows in sorted(by_season.items()):
        shapes = [(project(row.geometry, WGS84, grid.epsg), _style(row)) for row in rows]
        maps[season] = season_plots.season_map(shapes, outline, grid, rgb)
    calendars = {
        season: calendar
        for season, rows in sorted(by_season.items())
        if (calendar := _calendar(season, rows, history)) is not None
    }
    return replace(
        story,
        maps=maps,
        calendars=calendars,
        below=below,
        hectares=season_plots.hectares({row.season: row.hectares for row in history.seasons}),
        changes=season_plots.changes(
            {season: Counter(row.change for row in rows) for season, rows in by_season.items()}
        ),
    )


def _style(row: FieldSeasonRow) -> plotting.Style:
    return plotting.DOUBTFUL if row.doubtful else plotting.VERDICTS[row.verdict]


def _grid(history: AreaHistory) -> Grid:
    """A coarse grid around the area in its UTM zone, for the map."""
    geometry = history.area.geometry
    epsg = tile_grid(tile_at(*geometry.centroid.coords[0])).epsg
    left, bottom, right, top = shapely.buffer(project(geometry, WGS84, epsg), _MARGIN).bounds
    resolution = max((right - left) / _PIXELS, (top - bottom) / _PIXELS, 10.0)
    width, height = int((right - left) / resolution) + 1, int((top - bottom) / resolution) + 1
    return Grid(epsg, left, top, width, height, resolution)


def _light_image(
    history: AreaHistory, grid: Grid, settings: StorageSettings
) -> tuple[AcquisitionId | None, cog.Float | None]:
    """The newest acquisition that is clear, and its image on the grid; None without products."""
    recorded = [row for row in history.acquisitions if row.state == "recorded" and row.counts]
    ranked = sorted(
        recorded,
        key=lambda row: (min(row.clear_fraction or 0.0, CLEAR_ENOUGH), row.day),
        reverse=True,
    )
    if not ranked:
        return None, None
    newest = AcquisitionId.parse(ranked[0].acquisition_id)
    try:
        path = open_store(settings).product(newest, REFLECTANCE)
        bands = cog.band_names(path)
        wanted = [(str(path), bands.index(name) + 1) for name in ("red", "green", "blue")]
    except (ProductMissing, ProductDamaged):
        return None, None  # the page has a sentence for maps without background
    return newest, cog.read_reflectance_warped(wanted, grid)


def _calendar(season: int, rows: Sequence[FieldSeasonRow], history: AreaHistory) -> Calendar | None:
    looks: dict[int, dict[int, Verdict]] = {}
    for look in history.observations:
        if look.season == season:
            looks.setdefault(look.field_id, {})[look.day.timetuple().tm_yday] = look.verdict
    bloomed = [row for row in rows if row.onset_latest and row.end_earliest]
    if 0 < len(bloomed) <= ROWS:
        bars = [_bar(row, looks.get(row.field_id, {})) for row in sorted(bloomed, key=_onset)]
        return Calendar(season_plots.field_calendar(season, bars), len(bars), by_field=True)
    groups = list(_groups(rows, looks))
    if not groups:
        return None
    return Calendar(season_plots.group_calendar(season, groups), len(bloomed), by_field=False)


def _onset(row: FieldSeasonRow) -> tuple[object, ...]:
    return row.onset_latest, row.peak, row.field_id


def _bar(row: FieldSeasonRow, looks: Mapping[int, Verdict]) -> season_plots.Bar:
    assert row.onset_latest  # noqa: S101 - only rows in bloom come here
    assert row.end_earliest  # noqa: S101
    earliest, latest = row.onset_earliest, row.end_latest
    return season_plots.Bar(
        name=str(row.field_id),
        seen=(row.onset_latest.timetuple().tm_yday, row.end_earliest.timetuple().tm_yday),
        possible=(
            earliest.timetuple().tm_yday if earliest else None,
            latest.timetuple().tm_yday if latest else None,
        ),
        observations=looks,
    )


def _groups(
    rows: Iterable[FieldSeasonRow], looks: Mapping[int, Mapping[int, Verdict]]
) -> Iterable[season_plots.Group]:
    """The observations of each day per size class of fields; empty classes are left out."""
    size = {row.field_id: row.size_m2 for row in rows}
    least = 0.0
    for name, limit in SIZES:
        members = [field for field, area in size.items() if least <= area < limit]
        days: dict[int, Counter[Verdict]] = {}
        for field in members:
            for day, verdict in looks.get(field, {}).items():
                days.setdefault(day, Counter())[verdict] += 1
        if days:
            yield season_plots.Group(f"{name}\n{len(members)} fields", dict(sorted(days.items())))
        least = limit
