"""Maps and charts of an area's seasons, for its report: PNG where there is an image, else SVG.

Colours and hatches are those of `plotting`, so that no information depends on colour alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from tulip_ops.core.types import SeasonVerdict, Verdict
from tulip_ops.raster.grid import Grid
from tulip_ops.reports import plotting

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray
    from shapely.geometry import Polygon

BLOOM, GREEN, UNSEEN = (plotting.VERDICTS[verdict][0] for verdict in SeasonVerdict)
POSSIBLE_BLOOM = plotting.DOUBTFUL[0]
"""When a field may have been in bloom: BLOOM, lighter."""
CHANGES = {
    "new": ("#D55E00", "", "white"),
    "returning": ("#E69F00", "", "black"),
    "continuing": ("#CC79A7", "", "black"),
    "gone": ("#0072B2", "", "white"),
    "absent": ("#56B4E9", "", "black"),
    "unknown": (UNSEEN, "////", "black"),
}
"""Colour, hatch and colour of the number on it, for each change; see tulip.bloom_history."""
VERDICT_STYLES = {
    Verdict.BLOOM: (BLOOM, "", "in bloom"),
    Verdict.NO_BLOOM: (GREEN, "", "not in bloom"),
    Verdict.NOT_SEEN: (UNSEEN, "////", "not seen"),
}
_WIDTH = 5.0
"""Inches: text stays readable when a phone draws this on 9 cm."""
_FADED = 0.45
"""Opacity of the white over the image below a map."""


@dataclass(frozen=True, slots=True)
class Bar:
    """When one field was in bloom, as days of the year."""

    name: str
    seen: tuple[int, int]
    """First and last day seen in bloom."""
    possible: tuple[int | None, int | None]
    """Earliest possible first day and latest possible last day; None where nothing bounds it."""
    observations: Mapping[int, Verdict]
    """Verdict of each day."""


@dataclass(frozen=True, slots=True)
class Group:
    """Observations of several fields by day: how many in bloom, not in bloom, or not seen."""

    name: str
    days: Mapping[int, Mapping[Verdict, int]]


def season_map(
    fields: Sequence[tuple[Polygon, plotting.Style]],
    outline: Sequence[Polygon],
    grid: Grid,
    rgb: NDArray[np.float32] | None = None,
) -> bytes:
    """PNG of the fields of a season, each in its style, over a light image.

    fields, outline (of the area): in the grid's CRS. rgb: (3, *grid.shape) reflectance, NaN
    where not measured; None leaves the ground plain.
    """
    left, bottom, right, top = grid.bounds
    figure = plotting.new_figure(6.4, 6.4 * min(2.0, (top - bottom) / (right - left)))
    figure.set_layout_engine("none")  # the map fills the picture
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(left, right), ylim=(bottom, top), xticks=[], yticks=[], aspect="equal")
    axes.set_axis_off()
    if rgb is not None:
        image = plotting.light_image(rgb, np.isfinite(rgb[0]))
        image[..., :3] = image[..., :3] * (1 - _FADED) + _FADED
        axes.imshow(image, extent=(left, right, bottom, top))
    for polygon, (colour, hatch, _) in fields:
        plotting.draw_polygon(axes, polygon, colour, hatch)
    for polygon in outline:
        axes.plot(*polygon.exterior.xy, color="0.15", linewidth=1.2, linestyle=(0, (6, 3)))
    plotting.scale_bar(axes, grid)
    return _saved(figure, "png")


def field_calendar(season: int, bars: Sequence[Bar]) -> bytes:
    """SVG: a row for each field with when it was, and may have been, in bloom."""
    figure = plotting.new_figure(_WIDTH, 1.0 + 0.17 * len(bars))
    axes = figure.subplots()
    for row, bar in enumerate(bars):
        first, last = bar.seen
        earliest = first if bar.possible[0] is None else bar.possible[0]
        latest = last if bar.possible[1] is None else bar.possible[1]
        axes.barh(row, latest - earliest + 1, left=earliest - 0.5, height=0.7, color=POSSIBLE_BLOOM)
        axes.barh(row, last - first + 1, left=first - 0.5, height=0.7, color=BLOOM)
        for missing, day, mark in zip(bar.possible, bar.seen, "<>", strict=True):
            if missing is None:
                axes.plot(day, row, mark, color="black", markersize=4)
        for verdict, mark in ((Verdict.NO_BLOOM, "|"), (Verdict.NOT_SEEN, "x")):
            days = [day for day, seen in bar.observations.items() if seen is verdict]
            colour = "0.55" if verdict is Verdict.NOT_SEEN else "black"
            axes.plot(days, [row] * len(days), mark, color=colour, markersize=4)
    axes.set_yticks(range(len(bars)), [bar.name for bar in bars], fontsize=7)
    axes.set_ylim(len(bars) - 0.4, -0.6)
    _days(axes, season)
    return _saved(figure, "svg")


def group_calendar(season: int, groups: Sequence[Group]) -> bytes:
    """SVG: a row for each group of fields, and in it a bar for each acquisition."""
    figure = plotting.new_figure(_WIDTH, 0.8 + 0.75 * len(groups))
    axes = figure.subplots()
    for row, group in enumerate(groups):
        for day, counts in group.days.items():
            base = row + 0.4
            for verdict, (colour, hatch, _) in VERDICT_STYLES.items():
                share = 0.8 * counts.get(verdict, 0) / max(sum(counts.values()), 1)
                axes.bar(
                    day, -share, bottom=base, width=1.8, color=colour, hatch=hatch,
                    edgecolor="0.35", linewidth=0.4,
                )  # fmt: skip
                base -= share
    axes.set_yticks(range(len(groups)), [group.name for group in groups], fontsize=9)
    axes.set_ylim(len(groups) - 0.5, -0.5)
    _days(axes, season)
    return _saved(figure, "svg")


def hectares(seasons: Mapping[int, float | None]) -> bytes:
    """SVG: the area that bloomed in each season; None where nothing was seen."""
    figure = plotting.new_figure(_WIDTH, 2.8)
    axes = figure.subplots()
    known = {year: area for year, area in seasons.items() if area is not None}
    bars = axes.bar([str(year) for year in seasons], [known.get(year, 0) for year in seasons],
                    color=BLOOM, width=0.6)  # fmt: skip
    words = [f"{known[year]:.1f}" if year in known else "not seen" for year in seasons]
    axes.bar_label(bars, words, padding=2)
    axes.set_ylabel("hectares in bloom")
    axes.margins(y=0.15)
    axes.spines[["top", "right"]].set_visible(False)
    return _saved(figure, "svg")


def changes(seasons: Mapping[int, Mapping[str, int]]) -> bytes:
    """SVG: how many fields of each season are new, returning, continuing, gone and so on."""
    figure = plotting.new_figure(_WIDTH, 3.2)
    axes = figure.subplots()
    years = [str(year) for year in seasons]
    base = np.zeros(len(seasons))
    smallest = 0.05 * max((sum(counts.values()) for counts in seasons.values()), default=0)
    for change, (colour, hatch, ink) in CHANGES.items():
        count = np.array([counts.get(change, 0) for counts in seasons.values()], dtype=float)
        if not count.any():
            continue
        bars = axes.bar(years, count, bottom=base, color=colour, hatch=hatch, width=0.6,
                        edgecolor="white", linewidth=0.5, label=change)  # fmt: skip
        words = [f"{n:.0f}" if n >= smallest and n else "" for n in count]
        axes.bar_label(bars, words, label_type="center", fontsize=8, color=ink)
        base += count
    axes.set_ylabel("fields")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper center", ncols=3, frameon=False, fontsize=9)
    return _saved(figure, "svg")


def _days(axes: Axes, season: int) -> None:
    """Days of the year as dates along the lower edge."""
    low, high = axes.get_xlim()
    low, high = low - 2, high + 2
    ticks = {
        date(season, month, day).timetuple().tm_yday: f"{day} {date(season, month, 1):%b}"
        for month in range(1, 13)
        for day in (1, 15)
    }
    shown = [day for day in ticks if low <= day <= high]
    axes.set_xticks(shown, [ticks[day] for day in shown], fontsize=9)
    axes.set_xlim(low, high)
    axes.grid(axis="x", color="0.88", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _saved(figure: Figure, kind: str) -> bytes:
    """The file's bytes; equal figures give equal ones."""
    from matplotlib import rc_context  # noqa: PLC0415 - an optional extra

    out = BytesIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "tulip_ops", "font.size": 10}):
        metadata = {"Date": None} if kind == "svg" else {}
        figure.savefig(out, format=kind, dpi=150, metadata=metadata)
    return out.getvalue()
