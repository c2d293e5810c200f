"""Pages for people: one HTML file that holds everything it shows. Whatever is put in is escaped."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

_STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0; font: 16px/1.5 system-ui, sans-serif; color: #1c1c1c; background: #fff; }
main { max-width: 60rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: .6rem 0; }
h2 { font-size: 1.35rem; margin: 2.4rem 0 .6rem; border-top: 1px solid #ddd; padding-top: 1.2rem; }
h3 { font-size: 1.05rem; margin: 1.4rem 0 .4rem; }
p { margin: .5rem 0; max-width: 44rem; }
.banner { background: #7a2e00; color: #fff; padding: .7rem 1rem; font-weight: 600; }
.banner p { max-width: 58rem; margin: 0 auto; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: .6rem;
  margin: 1rem 0; padding: 0; list-style: none; }
.facts li { background: #f3f1ec; border-radius: .4rem; padding: .6rem .8rem; }
.facts b { display: block; font-size: 1.5rem; line-height: 1.2; }
.key { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; list-style: none; padding: 0;
  margin: .5rem 0; font-size: .9rem; }
.key li { display: flex; align-items: center; gap: .4rem; }
.swatch { width: 1.1rem; height: 1.1rem; border: 1px solid #555; flex: none; }
.hatched { background-image: repeating-linear-gradient(135deg, #777 0 1px, transparent 1px 5px); }
figure { margin: 1rem 0; }
figure img { display: block; width: 100%; height: auto; }
figure.chart img { max-width: 44rem; }
figcaption { font-size: .9rem; color: #444; margin-top: .3rem; }
.maps { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: 1rem; }
.maps figure { margin: 0; }
.wide { overflow-x: auto; margin: .8rem 0; }
table { border-collapse: collapse; font-size: .9rem; min-width: 100%; }
th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid #ddd;
  vertical-align: top; white-space: nowrap; }
td.words { white-space: normal; min-width: 14rem; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
td.name { font-family: ui-monospace, monospace; font-size: .85em; }
details { margin: .6rem 0; }
summary { cursor: pointer; font-weight: 600; }
footer { margin: 3rem 0 1rem; font-size: .85rem; color: #444; }
"""


class Column(NamedTuple):
    """A column of a table."""

    heading: str
    kind: str = ""
    """A class of the style sheet: number, name or words, which may wrap."""


def page(title: str, body: Sequence[str], banner: str | None = None) -> str:
    """A whole page. banner: a warning above everything."""
    warning = f'<div class="banner" role="note"><p>{escape(banner)}</p></div>' if banner else ""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n{warning}\n"
        f"<main>\n<h1>{escape(title)}</h1>\n" + "\n".join(body) + "\n</main>\n</body>\n</html>\n"
    )


def section(heading: str, parts: Sequence[str]) -> str:
    return "\n".join([f"<section><h2>{escape(heading)}</h2>", *parts, "</section>"])


def heading(text: str) -> str:
    return f"<h3>{escape(text)}</h3>"


def paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def facts(figures: Sequence[tuple[str, str]]) -> str:
    """Large figures side by side: (figure, what it is)."""
    items = "".join(f"<li><b>{escape(number)}</b>{escape(what)}</li>" for number, what in figures)
    return f'<ul class="facts">{items}</ul>'


def key(entries: Sequence[tuple[str, bool, str]]) -> str:
    """What colours mean: (colour as CSS has it, whether hatched, words)."""
    items = "".join(
        f'<li><span class="swatch{" hatched" if hatched else ""}" aria-hidden="true"'
        f' style="background-color:{escape(colour)}"></span>{escape(words)}</li>'
        for colour, hatched, words in entries
    )
    return f'<ul class="key">{items}</ul>'


def picture(image: bytes, alt: str, caption: str, *, chart: bool = False) -> str:
    """A figure with a PNG or an SVG in it. alt: what it shows, for who cannot see it."""
    kind = "png" if image.startswith(b"\x89PNG") else "svg+xml"
    data = base64.b64encode(image).decode()
    return (
        f'<figure{" class=chart" if chart else ""}><img alt="{escape(alt)}"'
        f' src="data:image/{kind};base64,{data}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def gallery(pictures: Sequence[str]) -> str:
    return f'<div class="maps">{"".join(pictures)}</div>'


def table(caption: str, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> str:
    """A table that scrolls by itself where a phone is too narrow."""
    head = "".join(
        f'<th scope="col"{_class(column)}>{escape(column.heading)}</th>' for column in columns
    )
    lines = "".join(
        "<tr>" + "".join(f"<td{_class(column)}>{escape(cell)}</td>"
                         for column, cell in zip(columns, row, strict=True)) + "</tr>"
        for row in rows
    )  # fmt: skip
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(caption)}"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>"
    )


def details(summary: str, parts: Sequence[str]) -> str:
    return f"<details><summary>{escape(summary)}</summary>{''.join(parts)}</details>"


def footer(text: str) -> str:
    return f"<footer>{escape(text)}</footer>"


def _class(column: Column) -> str:
    return f' class="{column.kind}"' if column.kind else ""
