"""What the page of an area says, chapter by chapter: from figures to words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise

from tulip_ops import pages, pictures
from tulip_ops import season_charts as charts
from tulip_ops.domain import AcquisitionId, SeasonVerdict
from tulip_ops.pages import Column
from tulip_ops.postgis.reporting import AcquisitionRow, AreaHistory, SeasonRow


@dataclass(frozen=True, slots=True)
class Picture:
    """A calendar of a season."""

    svg: bytes
    bloomed: int
    """Fields that bloomed in it."""
    by_field: bool
    """Whether each has a row; else there is one for each size class."""


@dataclass(frozen=True, slots=True)
class Story:
    """Everything that a page shows."""

    history: AreaHistory
    maps: Mapping[int, bytes]
    """PNG by season."""
    calendars: Mapping[int, Picture]
    below: AcquisitionId | None
    """Whose image lies below the maps; None where they are plain."""
    hectares: bytes | None = None
    """SVG; None where no field is known yet."""
    changes: bytes | None = None


def page(story: Story, now: datetime) -> str:
    """The whole page as HTML."""
    history = story.history
    warning = None
    if history.simulated:
        warning = (
            "Simulated data: everything on this page comes from the simulator, not from a"
            " satellite."
        )
    body = [
        _opening(history),
        *([_maps(story)] if story.maps else []),
        *([_calendars(story)] if story.calendars else []),
        *([_seasons(story)] if story.hectares else []),
        _gaps(history),
        _models(history),
        pages.footer(
            f"Made by tulip_ops on {now:%d %B %Y, %H:%M} UTC from what PostGIS held then. Areas"
            " are geodesic; days are UTC."
        ),
    ]
    return pages.page(f"Tulip fields of {history.area.name}", body, warning)


def _opening(history: AreaHistory) -> str:
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
    words = "" if fields else pages.paragraph(
        "No field is known here yet: carry the acquisitions, then run `tulip history`."
    )  # fmt: skip
    return pages.facts(figures) + words


def _maps(story: Story) -> str:
    *earlier, newest = sorted(story.maps)
    ground = "The ground is plain: no acquisition that was recorded has its image in the store."
    if story.below is not None:
        ground = f"Below the fields lies {story.below}, made lighter."
    key = pages.key([
        (_css(colour), bool(hatch), label) for colour, hatch, label in pictures.VERDICTS.values()
    ])  # fmt: skip
    shown = [_map(story, newest)]
    if earlier:
        shown.append(pages.heading("Seasons before"))
        shown.append(pages.gallery([_map(story, season) for season in reversed(earlier)]))
    return pages.section("Where tulips bloomed", [key, *shown, pages.paragraph(
        f"{ground} The dashed line is the border of the area. Fields lie in it if a point on"
        " their surface does."
    )])  # fmt: skip


def _map(story: Story, season: int) -> str:
    said = Counter(row.verdict for row in story.history.fields if row.season == season)
    counts = (
        f"{said[SeasonVerdict.BLOOMED]} fields bloomed, {said[SeasonVerdict.NOT_BLOOMED]} did not,"
        f" {said[SeasonVerdict.NOT_SEEN]} were not seen"
    )
    name = story.history.area.name
    return pages.picture(
        story.maps[season], f"Map of {name} in {season}: {counts}.", f"{season}: {counts}."
    )


def _calendars(story: Story) -> str:
    parts = []
    for by_field in sorted({calendar.by_field for calendar in story.calendars.values()}):
        parts += _how_to_read(by_field=by_field)
    for season, calendar in sorted(story.calendars.items(), reverse=True):
        parts.append(pages.heading(str(season)))
        words = _calendar_in_words(story.history, season, calendar)
        parts.append(pages.picture(calendar.svg, f"Bloom calendar. {words}", words, chart=True))
    return pages.section("When they bloomed", parts)


def _how_to_read(*, by_field: bool) -> list[str]:
    if by_field:
        key = pages.key([
            (charts.BLOOM, False, "seen in bloom"),
            (charts.MAYBE, False, "may have been in bloom"),
        ])  # fmt: skip
        return [key, pages.paragraph(
            "A row for each field that bloomed, with its number: dark from the first to the last"
            " day seen in bloom, light as early and as late as it may have been; an arrow where no"
            " clear look bounds it. | is a clear look without bloom, x an acquisition that did not"
            " see the field."
        )]  # fmt: skip
    key = pages.key([
        (_css(colour), bool(hatch), label) for colour, hatch, label in charts.LOOKS.values()
    ])  # fmt: skip
    return [key, pages.paragraph(
        "A row for each size of fields, a bar for each acquisition: the share of the fields that"
        " it shows in bloom (top), shows without, and does not show (hatched)."
    )]  # fmt: skip


def _calendar_in_words(history: AreaHistory, season: int, calendar: Picture) -> str:
    rows = [row for row in history.fields if row.season == season]
    first = min((row.onset_latest for row in rows if row.onset_latest), default=None)
    last = max((row.end_earliest for row in rows if row.end_earliest), default=None)
    if first is None or last is None:
        return f"{season}: no field was seen in bloom."
    return (
        f"{season}: {calendar.bloomed} fields were seen in bloom, between {_day(first)} and"
        f" {_day(last)}."
    )


def _seasons(story: Story) -> str:
    seasons = story.history.seasons
    assert story.hectares  # noqa: S101 - both charts or none
    assert story.changes  # noqa: S101
    words = "; ".join(
        f"{row.season}: " + ("not seen" if row.hectares is None else f"{row.hectares:.1f} ha")
        for row in seasons
    )
    return pages.section("Season over season", [
        pages.picture(story.hectares, f"Bar chart of hectares in bloom. {words}.",
                      "Hectares that bloomed, as detected in the season.", chart=True),
        pages.picture(story.changes, _changes_in_words(story.history),
                      "Fields by what changed since the season before. Unknown: this season or"
                      " the one before was not seen, or is the first.", chart=True),
        pages.table("Seasons", [
            Column("season"), Column("hectares", "number"), Column("change", "number"),
            Column("bloomed", "number"), Column("not bloomed", "number"),
            Column("not seen", "number"), Column("clear looks", "number"),
            Column("first bloom"), Column("median peak"),
        ], [_season_cells(row) for row in seasons]),
    ])  # fmt: skip


def _season_cells(row: SeasonRow) -> list[str]:
    return [
        str(row.season),
        "not seen" if row.hectares is None else f"{row.hectares:.2f}",
        "-" if row.change_ha is None else f"{row.change_ha:+.2f}",
        str(row.bloomed), str(row.not_bloomed), str(row.not_seen),
        "-" if row.clear_looks is None else f"{row.clear_looks:.1f}",
        _day(row.earliest_onset), _day(row.median_peak),
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


def _gaps(history: AreaHistory) -> str:
    missing = [row for row in history.acquisitions if row.counts and row.state != "recorded"]
    cloudy = sum(row.state == "skipped" for row in missing)
    unfinished = f", {len(missing) - cloudy} have not come to an end" * (len(missing) > cloudy)
    parts = [pages.paragraph(
        f"{len(history.acquisitions)} acquisitions lie over the area,"
        f" {sum(row.counts and row.state == 'recorded' for row in history.acquisitions)} of them"
        f" recorded; {cloudy} were skipped{unfinished}."
    ), pages.paragraph(
        "A field on which nobody saw flowers counts as not bloomed only where its clear looks would"
        " have met nine of ten blooms that were possible in that season; else as not seen."
    )]  # fmt: skip
    for season in sorted({row.season for row in history.acquisitions}, reverse=True):
        rows = [row for row in history.acquisitions if row.season == season]
        longest = _longest_gap(rows)
        parts.append(pages.details(
            f"{season}: {len(rows)} acquisitions{longest}",
            [pages.paragraph(_unseen_in_words(history, season)),
             pages.table(f"Acquisitions of {season}", [
                Column("day"), Column("acquisition", "name"), Column("state"),
                Column("clear", "number"), Column("why not", "words"),
            ], [_acquisition_cells(row) for row in rows])],
        ))  # fmt: skip
    return pages.section("What was not seen, and why", parts)


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


def _models(history: AreaHistory) -> str:
    rows = [
        [model.role, f"{model.name}/{model.version}", model.sha256[:12], str(model.detections),
         f"{model.first} to {model.last}"]
        for model in history.models
    ]  # fmt: skip
    if not rows:
        return pages.section("Networks", [pages.paragraph("No detection is recorded here yet.")])
    return pages.section("Networks", [
        pages.paragraph("Which networks made the detections that count."),
        pages.table("Networks", [
            Column("network"), Column("version", "name"), Column("SHA-256 begins", "name"),
            Column("detections", "number"), Column("from days"),
        ], rows),
    ])  # fmt: skip


def _css(colour: str) -> str:
    """A colour of matplotlib's, a grey as `0.80` too, as CSS has it."""
    if colour.startswith("#"):
        return colour
    level = round(255 * float(colour))
    return f"#{level:02x}{level:02x}{level:02x}"


def _day(day: date | None) -> str:
    return "-" if day is None else f"{day.day} {day:%b %Y}"
