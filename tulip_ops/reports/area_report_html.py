"""The text of the area report, section by section, from its figures.

Its markup, and the sentences that are the same on every page: `templates/area_report.html.j2`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise

from tulip_ops.core.types import AcquisitionId, SeasonVerdict
from tulip_ops.postgis.report_queries import (
    AcquisitionRow,
    AreaHistory,
    FieldSeasonRow,
    SeasonRow,
)
from tulip_ops.reports import html, plotting, season_plots
from tulip_ops.reports.html import Column, Figure, Swatch, Table

LEAST_CERTAIN = 60
"""Rows of the table of a season's fields, the least certain first."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """A calendar of a season."""

    svg: bytes
    bloomed: int
    """Fields that bloomed in it."""
    by_field: bool
    """Whether each has a row; else there is one for each size class."""


@dataclass(frozen=True, slots=True)
class AreaReport:
    """Everything that a page shows."""

    history: AreaHistory
    maps: Mapping[int, bytes]
    """PNG by season."""
    calendars: Mapping[int, Calendar]
    below: AcquisitionId | None
    """Whose image lies below the maps; None where they are plain."""
    hectares: bytes | None = None
    """SVG; None where no field is known yet."""
    changes: bytes | None = None


@dataclass(frozen=True, slots=True)
class Maps:
    """Where tulips bloomed."""

    key: Sequence[Swatch]
    newest: Figure
    earlier: Sequence[Figure]
    """Newest first."""
    below: AcquisitionId | None
    """Whose image lies below the maps."""


@dataclass(frozen=True, slots=True)
class Calendars:
    """When they bloomed. A key is empty where no calendar is of its kind."""

    by_group: Sequence[Swatch]
    by_field: Sequence[Swatch]
    seasons: Sequence[tuple[int, Figure]]
    """Newest first."""


@dataclass(frozen=True, slots=True)
class Seasons:
    """Season over season."""

    hectares: Figure
    changes: Figure
    table: Table


@dataclass(frozen=True, slots=True)
class Certainty:
    """How sure it is that the fields of one season are tulips."""

    summary: str
    fields: Table


@dataclass(frozen=True, slots=True)
class Gaps:
    """What was not seen in one season."""

    summary: str
    unseen: str
    table: Table


def page(report: AreaReport, now: datetime) -> str:
    """The complete page as HTML."""
    history = report.history
    seasons = {row.season for row in history.acquisitions}
    return html.render(
        "area_report.html.j2",
        title=f"Tulip fields of {history.area.name}",
        simulated=history.simulated,
        facts=_facts(history),
        fields=bool(history.fields),
        maps=_maps(report) if report.maps else None,
        calendars=_calendars(report) if report.calendars else None,
        seasons=_seasons(report, report.hectares, report.changes)
        if report.hectares and report.changes
        else None,
        certainty=[
            _certainty(season, bloomed)
            for season in sorted(seasons, reverse=True)
            if (bloomed := _bloomed(history, season))
        ],
        counts=_acquisitions_in_words(history),
        gaps=[_gaps(history, season) for season in sorted(seasons, reverse=True)],
        networks=_networks(history) if history.models else None,
        made=f"{now:%d %B %Y, %H:%M} UTC",
    )


def _facts(history: AreaHistory) -> list[tuple[str, str]]:
    """Figures, and what each one is."""
    fields = len({row.field_id for row in history.fields})
    newest = history.seasons[-1] if history.seasons else None
    figures = [(str(fields), "fields known")]
    if newest is not None:
        hectares = "not seen" if newest.hectares is None else f"{newest.hectares:.1f} ha"
        figures += [
            (hectares, f"bloomed in {newest.season}"),
            (str(newest.bloomed), f"fields bloomed in {newest.season}"),
            (str(newest.not_seen), f"fields not seen in {newest.season}"),
        ]
    figures.append((f"{history.acquisitions[-1].day:%d %b %Y}", "newest acquisition"))
    return figures


def _maps(story: AreaReport) -> Maps:
    *earlier, newest = sorted(story.maps)
    doubts = any(row.doubtful for row in story.history.fields)
    return Maps(
        _key([*plotting.VERDICTS.values(), *([plotting.DOUBTFUL] if doubts else [])]),
        _map(story, newest),
        [_map(story, season) for season in reversed(earlier)],
        story.below,
    )


def _map(story: AreaReport, season: int) -> Figure:
    rows = [row for row in story.history.fields if row.season == season]
    said = Counter(row.verdict for row in rows)
    counts = (
        f"{said[SeasonVerdict.BLOOMED]} fields bloomed{_doubts(sum(row.doubtful for row in rows))},"
        f" {said[SeasonVerdict.NOT_BLOOMED]} did not,"
        f" {said[SeasonVerdict.NOT_SEEN]} were not seen"
    )
    alt = f"Map of {story.history.area.name} in {season}: {counts}."
    return Figure(story.maps[season], alt, f"{season}: {counts}.")


def _doubts(count: int) -> str:
    return f" ({count} doubtful)" if count else ""


def _bloomed(history: AreaHistory, season: int) -> list[FieldSeasonRow]:
    """The fields that bloomed in a season, the least certain first."""
    rows = [
        row
        for row in history.fields
        if row.season == season and row.verdict is SeasonVerdict.BLOOMED
    ]
    return sorted(rows, key=lambda row: (row.confidence, row.field_id))


def _certainty(season: int, bloomed: Sequence[FieldSeasonRow]) -> Certainty:
    shown = bloomed[:LEAST_CERTAIN]
    counts = {
        "doubtful": sum(row.doubtful for row in bloomed),
        "at the edge of what was seen": sum(row.touches_edge for row in bloomed),
    }
    notes = "".join(f", {count} {what}" for what, count in counts.items() if count)
    part = f"; the {len(shown)} least certain" if len(shown) < len(bloomed) else ""
    columns = [
        Column("field", "number"), Column("hectares", "number"), Column("confidence", "number"),
        Column("probability", "number"), Column("looks for", "number"),
        Column("looks against", "number"), Column("note", "words"),
    ]  # fmt: skip
    return Certainty(
        f"{season}: {len(bloomed)} fields bloomed{notes}{part}",
        Table(f"Fields that bloomed in {season}", columns, [_field_cells(row) for row in shown]),
    )


def _field_cells(row: FieldSeasonRow) -> list[str]:
    notes = ["doubtful"] * row.doubtful + ["touches the edge"] * row.touches_edge
    return [
        str(row.field_id),
        "-" if row.area_m2 is None else f"{row.area_m2 / 1e4:.2f}",
        f"{row.confidence:.2f}",
        "-" if row.tulip_probability is None else f"{row.tulip_probability:.2f}",
        str(row.looks_for), str(row.looks_against), ", ".join(notes),
    ]  # fmt: skip


def _calendars(story: AreaReport) -> Calendars:
    kinds = {calendar.by_field for calendar in story.calendars.values()}
    by_field = [
        Swatch(season_plots.BLOOM, hatched=False, words="seen in bloom"),
        Swatch(season_plots.POSSIBLE_BLOOM, hatched=False, words="may have been in bloom"),
    ]
    figures = []
    for season, calendar in sorted(story.calendars.items(), reverse=True):
        words = _calendar_in_words(story.history, season, calendar)
        alt = f"Bloom calendar. {words}"
        figures.append((season, Figure(calendar.svg, alt, words, chart=True)))
    return Calendars(
        _key(season_plots.VERDICT_STYLES.values()) if False in kinds else [],
        by_field if True in kinds else [],
        figures,
    )


def _calendar_in_words(history: AreaHistory, season: int, calendar: Calendar) -> str:
    rows = [row for row in history.fields if row.season == season]
    first = min((row.onset_latest for row in rows if row.onset_latest), default=None)
    last = max((row.end_earliest for row in rows if row.end_earliest), default=None)
    if first is None or last is None:
        return f"{season}: no field was seen in bloom."
    return (
        f"{season}: {calendar.bloomed} fields were seen in bloom, between {_day(first)} and"
        f" {_day(last)}."
    )


def _seasons(story: AreaReport, hectares: bytes, changes: bytes) -> Seasons:
    """hectares, changes: the charts as SVG."""
    rows = story.history.seasons
    words = "; ".join(
        f"{row.season}: " + ("not seen" if row.hectares is None else f"{row.hectares:.1f} ha")
        for row in rows
    )
    columns = [
        Column("season"), Column("hectares", "number"), Column("change", "number"),
        Column("bloomed", "number"), Column("not bloomed", "number"),
        Column("not seen", "number"), Column("clear looks", "number"),
        Column("first bloom"), Column("median peak"),
    ]  # fmt: skip
    return Seasons(
        Figure(
            hectares,
            f"Bar chart of hectares in bloom. {words}.",
            "Hectares that bloomed, as detected in the season.",
            chart=True,
        ),
        Figure(
            changes,
            _changes_in_words(story.history),
            "Fields by what changed since the season before. Unknown: this season or the one"
            " before was not seen, or is the first.",
            chart=True,
        ),
        Table("Seasons", columns, [_season_cells(row) for row in rows]),
    )


def _season_cells(row: SeasonRow) -> list[str]:
    return [
        str(row.season),
        "not seen" if row.hectares is None else f"{row.hectares:.2f}",
        "-" if row.change_ha is None else f"{row.change_ha:+.2f}",
        f"{row.bloomed}{_doubts(row.doubtful)}", str(row.not_bloomed), str(row.not_seen),
        "-" if row.clear_looks is None else f"{row.clear_looks:.1f}",
        _day(row.first_bloom_day), _day(row.median_peak),
    ]  # fmt: skip


def _changes_in_words(history: AreaHistory) -> str:
    said: dict[int, Counter[str]] = {}
    for row in history.fields:
        said.setdefault(row.season, Counter())[row.change] += 1
    words = "; ".join(
        f"{season}: " + ", ".join(f"{count} {change}" for change, count in counts.most_common())
        for season, counts in sorted(said.items())
    )
    return f"Stacked bars of fields by change. {words}."


def _acquisitions_in_words(history: AreaHistory) -> str:
    missing = [row for row in history.acquisitions if row.counts and row.state != "recorded"]
    cloudy = sum(row.state == "skipped" for row in missing)
    unfinished = f", {len(missing) - cloudy} have not come to an end" * (len(missing) > cloudy)
    return (
        f"{len(history.acquisitions)} acquisitions lie over the area,"
        f" {sum(row.counts and row.state == 'recorded' for row in history.acquisitions)} of them"
        f" recorded; {cloudy} were skipped{unfinished}."
    )


def _gaps(history: AreaHistory, season: int) -> Gaps:
    rows = [row for row in history.acquisitions if row.season == season]
    columns = [
        Column("day"), Column("acquisition", "name"), Column("state"),
        Column("clear", "number"), Column("why not", "words"),
    ]  # fmt: skip
    return Gaps(
        f"{season}: {len(rows)} acquisitions{_longest_gap(rows)}",
        _unseen_in_words(history, season),
        Table(f"Acquisitions of {season}", columns, [_acquisition_cells(row) for row in rows]),
    )


def _unseen_in_words(history: AreaHistory, season: int) -> str:
    unseen = [
        row
        for row in history.fields
        if row.season == season and row.verdict is SeasonVerdict.NOT_SEEN
    ]
    never = sum(not row.clear_looks for row in unseen)
    if not unseen:
        return "Every field known here was seen."
    return (
        f"{len(unseen)} fields were not seen. On no clear day at all: {never}. On too few clear"
        f" days, or such that a bloom could have come and gone between them: {len(unseen) - never}."
    )


def _longest_gap(rows: Sequence[AcquisitionRow]) -> str:
    days = sorted({row.day for row in rows if row.counts and row.state == "recorded"})
    gaps = [(later - earlier).days for earlier, later in pairwise(days)]
    return f", at most {max(gaps)} days from one that shows something to the next" if gaps else ""


def _acquisition_cells(row: AcquisitionRow) -> list[str]:
    why = row.verdict or ("" if row.counts else "a newer processing counts instead")
    clear = "-" if row.clear_fraction is None else f"{row.clear_fraction:.0%}"
    return [_day(row.day), row.acquisition_id, row.state, clear, why]


def _networks(history: AreaHistory) -> Table:
    columns = [
        Column("network"), Column("version", "name"), Column("SHA-256 begins", "name"),
        Column("detections", "number"), Column("from days"),
    ]  # fmt: skip
    return Table("Networks", columns, [
        [model.role, f"{model.name}/{model.version}", model.sha256[:12], str(model.detections),
         f"{model.first} to {model.last}"]
        for model in history.models
    ])  # fmt: skip


def _key(entries: Iterable[tuple[str, str, str]]) -> list[Swatch]:
    """entries: colour and hatch as matplotlib has them, and what they mean."""
    return [Swatch(_css(colour), bool(hatch), words) for colour, hatch, words in entries]


def _css(colour: str) -> str:
    """A colour of matplotlib's, a grey as `0.80` too, as CSS has it."""
    if colour.startswith("#"):
        return colour
    level = round(255 * float(colour))
    return f"#{level:02x}{level:02x}{level:02x}"


def _day(day: date | None) -> str:
    return "-" if day is None else f"{day.day} {day:%b %Y}"
