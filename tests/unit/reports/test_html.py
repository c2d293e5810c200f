"""Pages hold everything they show, and nothing that is put in becomes markup."""

import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest
from jinja2 import UndefinedError
from shapely.geometry import box

from tulip_ops.core.types import AcquisitionId, SeasonVerdict
from tulip_ops.postgis.report_queries import (
    AcquisitionRow,
    AreaHistory,
    FieldSeasonRow,
    ModelRow,
    SeasonRow,
)
from tulip_ops.reports import area_report_html, simulation_comparison
from tulip_ops.reports import html as pages
from tulip_ops.reports.area_report_html import AreaReport, Calendar
from tulip_ops.reports.html import Column, Table

ROOT = Path(__file__).parents[3]
NASTY = "<script>alert('x')</script> & \"co\" onload='x'"
PNG = b"\x89PNG\r\n\x1a\n"
NOW = datetime(2026, 6, 1, 8, 30, tzinfo=UTC)
TAG = re.compile(
    r"</?(html|head|body|title|meta|style|main|section|footer|div|span|p|b|a|h[1-6]|ul|ol|li|img"
    r"|figure|figcaption|table|thead|tbody|tr|th|td|details|summary|br)(\s[^<>]*)?/?>"
    r"|&(lt|gt|amp|quot|nbsp|#\w+);"
)


class Reader(HTMLParser):
    """Checks that elements close in the order in which they opened."""

    VOID = frozenset({"meta", "img", "link", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


def field(number: int, season: int, verdict: SeasonVerdict) -> FieldSeasonRow:
    day = date(season, 4, 20) if verdict is SeasonVerdict.BLOOMED else None
    looks = 0 if verdict is SeasonVerdict.NOT_SEEN else 3
    sure = 0.25 + 0.5 * number if day else 0.0
    return FieldSeasonRow(
        number, 1e4, season, verdict, "new", looks, None, day, day, day, day, day,
        box(5, 52, 6, 53), 0.75 if day else None, sure, bool(day) and sure < 0.5, looks, 1,
        not number,
    )  # fmt: skip


def story(text: str, *, simulated: bool = True) -> AreaReport:
    """Two seasons of two fields, and `text` wherever text can be."""
    fields = [
        field(number, season, verdict)
        for season, verdicts in ((2024, "bloomed not_seen"), (2025, "not_bloomed bloomed"))
        for number, verdict in enumerate(map(SeasonVerdict, verdicts.split()))
    ]
    rows = [
        AcquisitionRow(text, date(2024, 4, 20), 2024, "recorded", None, 0.9, counts=True),
        AcquisitionRow(text, date(2024, 4, 25), 2024, text, text, None, counts=True),
        AcquisitionRow(text, date(2024, 4, 28), 2024, "skipped", text, 0.04, counts=True),
        AcquisitionRow(text, date(2025, 4, 21), 2025, "recorded", None, 1.0, counts=False),
    ]
    seasons = [
        SeasonRow(2024, 1, 1, 0, 1, 1.5, 1, 0, 1, 1.2, None, date(2024, 4, 20), None, 1),
        SeasonRow(2025, 1, 0, 0, 0, None, 1, 1, 0, None, -0.5, None, None, 0),
    ]
    model = ModelRow("unet", text, text, "a" * 64, 4, date(2024, 4, 20), date(2025, 4, 21))
    area = SimpleNamespace(name=text)  # an `Area` would refuse such a name
    history = AreaHistory(area, simulated, tuple(seasons), tuple(fields), (), tuple(rows), (model,))
    return AreaReport(
        history,
        maps={2024: PNG, 2025: PNG},
        calendars={
            2024: Calendar(b"<svg/>", 1, by_field=True),
            2025: Calendar(b"<svg/>", 1, False),
        },
        below=AcquisitionId.parse("S2B_31UFU_20240420_0_L2A"),
        hectares=b"<svg/>",
        changes=b"<svg/>",
    )


def comparison(text: str) -> str:
    return simulation_comparison.page([(text, {text: text}), ("simulated", {text: "1"})])


def evaluation(text: str) -> str:
    named = [(text, text)]
    return pages.render("evaluation.html.j2", title=text, figures=named, pictures=named)


@pytest.mark.parametrize(
    "html", [area_report_html.page(story(NASTY), NOW), comparison(NASTY), evaluation(NASTY)]
)
def test_text_stays_text(html: str) -> None:
    reader = read(html)
    assert "script" not in {tag for tag, _ in reader.seen}
    assert all("onload" not in attributes for _, attributes in reader.seen)
    assert "&lt;script&gt;" in html
    assert reader.text.count(NASTY) > 2


def test_the_page_of_an_area_needs_nothing_from_elsewhere_and_fits_a_phone() -> None:
    html = area_report_html.page(story("creil"), NOW)
    reader = read(html)
    assert html.startswith("<!doctype html>")
    assert ("html", {"lang": "en"}) in reader.seen
    viewport = [a for tag, a in reader.seen if tag == "meta" and a.get("name") == "viewport"]
    assert viewport[0]["content"] == "width=device-width, initial-scale=1"
    images = [attributes for tag, attributes in reader.seen if tag == "img"]
    assert images[0]["alt"] == (
        "Map of creil in 2025: 1 fields bloomed, 1 did not, 0 were not seen."
    )
    kinds = [(image["src"] or "").split(";")[0] for image in images]
    assert kinds == ["data:image/png"] * 2 + ["data:image/svg+xml"] * 4
    assert "http" not in html
    assert html.index("Simulated data") < html.index("<h1>")
    assert "Simulated data" not in area_report_html.page(story("creil", simulated=False), NOW)


def test_each_kind_of_calendar_is_explained_once() -> None:
    words = read(area_report_html.page(story("creil"), NOW)).text
    assert words.count("A row for each field that bloomed") == 1
    assert words.count("A row for each size of fields") == 1


def test_doubtful_fields_and_those_at_the_edge_are_marked() -> None:
    words = " ".join(read(area_report_html.page(story("creil"), NOW)).text.split())
    assert "2024: 1 fields bloomed (1 doubtful), 0 did not, 1 were not seen." in words
    assert "bloomed, doubtful: confidence below 0.5" in words
    assert "2024: 1 fields bloomed, 1 doubtful, 1 at the edge of what was seen field" in words
    assert "0.25 0.75 3 1 doubtful, touches the edge" in words
    assert "2025: 1 fields bloomed field" in words


def test_only_the_least_certain_fields_are_listed() -> None:
    told = story("creil")
    many = [replace(told.history.fields[0], field_id=n, confidence=n / 100) for n in range(100)]
    page = area_report_html.page(
        replace(told, history=replace(told.history, fields=tuple(many))), NOW
    )
    assert "the 60 least certain" in page
    assert "0.59" in page
    assert "0.60" not in page


def test_a_row_needs_a_cell_for_each_column() -> None:
    with pytest.raises(ValueError, match="Seasons: every row needs 2 cells"):
        Table("Seasons", [Column("season"), Column("hectares")], [["2024"]])


def test_a_value_that_is_not_given_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="'figures' is undefined"):
        pages.render("evaluation.html.j2", title="")


def sources() -> Iterator[Path]:
    for folder in ("tulip_ops", "plugins", "dags"):
        yield from (ROOT / folder).rglob("*.py")


def test_all_markup_is_in_templates() -> None:
    assert len(list(sources())) > 100
    marked = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.value}"
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and TAG.search(node.value)
    ]
    assert not marked, "\n".join(marked)


def test_a_wheel_holds_the_templates() -> None:
    package = ROOT / "tulip_ops"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["package-data"]["tulip_ops"]
    packed = {path for pattern in patterns for path in package.glob(pattern)}
    assert set(pages.TEMPLATES.iterdir()) <= packed
