"""HTML for people: templates of this package, and the values that they have in common.

All markup is in `templates/`. Values are escaped there. A page contains everything it shows, or
links to files beside it.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    heading: str
    kind: str = ""
    """A class of the style sheet: number, name or words, which may wrap."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table that scrolls by itself where a phone is too narrow."""

    caption: str
    """Description for screen readers."""
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    """A text for each column; `ValueError` where one is missing."""

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"{self.caption}: every row needs {len(self.columns)} cells")


@dataclass(frozen=True, slots=True)
class Swatch:
    """What a colour means."""

    colour: str
    """A CSS colour."""
    hatched: bool
    words: str


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture within the page."""

    image: bytes
    """PNG or SVG."""
    alt: str
    """Description for screen readers."""
    caption: str
    chart: bool = False
    """Charts stay narrower than maps."""

    @property
    def source(self) -> str:
        """The image as a data URL."""
        kind = "png" if self.image.startswith(b"\x89PNG") else "svg+xml"
        return f"data:image/{kind};base64,{base64.b64encode(self.image).decode()}"


def render(template: str, **values: object) -> str:
    """The page that a file of `TEMPLATES` makes of values; all that it names must be given."""
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
