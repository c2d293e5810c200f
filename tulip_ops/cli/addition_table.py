"""The table of what files would become as scenes of an archive."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tulip_ops.sources.archive.additions import Addition

_HEAD = ("file", "scene", "kind", "bands", "date")


def addition_table(additions: Iterable[Addition]) -> list[str]:
    """Lines of equal columns: file, scene, kind, bands, date and its origin, or the refusal."""
    rows = [_HEAD, *(_row(one) for one in additions)]
    columns = zip(*(row for row in rows if len(row) == len(_HEAD)), strict=True)
    widths = [max(map(len, column)) for column in columns]
    widths[0] = max(len(row[0]) for row in rows)
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip()
        for row in rows
    ]


def _row(one: Addition) -> tuple[str, ...]:
    if one.error is not None:
        return (one.path.name, f"refused: {one.error}")
    if not one.parts:
        return (one.path.name, f"{one.id} is in the archive, and stays as it is")
    found = one.parts[0].found
    bands = ", ".join(band for part in one.parts for band in part.found.pixels.bands)
    left_out = f" (left out: {', '.join(one.left_out)})" if one.left_out else ""
    replaces = f" (replaces {one.replaces})" if one.replaces else ""
    return (
        one.path.name,
        f"{one.id}{replaces}",
        f"{found.pixels.title}, {found.pixels.dtype}",
        bands + left_out,
        f"{found.sensed_at:%Y-%m-%d %H:%M} from {found.day_from}",
    )
