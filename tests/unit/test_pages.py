"""Pages hold everything they show, and nothing that is put in becomes markup."""

from html.parser import HTMLParser

import pytest

from tulip_ops import pages
from tulip_ops.pages import Column

NASTY = "<script>alert('x')</script> & \"co\""
PNG = b"\x89PNG\r\n\x1a\n"


class Reader(HTMLParser):
    """Checks that elements close in the order in which they opened."""

    VOID = frozenset({"meta", "img", "link", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


@pytest.mark.parametrize(
    "part",
    [
        pages.section(NASTY, [pages.paragraph(NASTY)]),
        pages.heading(NASTY),
        pages.facts([(NASTY, NASTY)]),
        pages.key([('red" onload="x', True, NASTY)]),
        pages.picture(PNG, NASTY, NASTY),
        pages.gallery([pages.picture(b"<svg/>", NASTY, NASTY, chart=True)]),
        pages.table(NASTY, [Column(NASTY, "number")], [[NASTY]]),
        pages.details(NASTY, [pages.footer(NASTY)]),
        pages.page(NASTY, [], NASTY),
    ],
)
def test_text_stays_text(part: str) -> None:
    reader = read(part)
    assert "script" not in {tag for tag, _ in reader.seen}
    assert all("onload" not in attributes for _, attributes in reader.seen)
    assert "&lt;script&gt;" in part


def test_a_page_needs_nothing_from_elsewhere_and_fits_a_phone() -> None:
    html = pages.page("Tulips", [pages.picture(PNG, "a field", "Field.")], "Simulated data")
    reader = read(html)
    assert html.startswith("<!doctype html>")
    assert ("html", {"lang": "en"}) in reader.seen
    viewport = [a for tag, a in reader.seen if tag == "meta" and a.get("name") == "viewport"]
    assert viewport[0]["content"] == "width=device-width, initial-scale=1"
    (image,) = (attributes for tag, attributes in reader.seen if tag == "img")
    assert image["alt"] == "a field"
    assert (image["src"] or "").startswith("data:image/png;base64,")
    assert "http" not in html
    assert html.index("Simulated data") < html.index("<h1>")
