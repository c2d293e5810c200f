"""`tulip report`: the history of an area as a page to read."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from tulip_ops.cli.options import OutputFileType, as_json, show
from tulip_ops.core.settings import Settings


@click.command()
@click.argument("area")
@click.argument("out", type=OutputFileType())
@click.option(
    "--simulated/--satellite",
    default=None,
    help="What the simulator's scenes show, or a satellite's.  [default: a satellite's, if any]",
)
@as_json
def report(area: str, out: Path, simulated: bool | None, as_json: bool) -> None:
    """Write the history of AREA into OUT: one HTML page with maps, calendar, charts and gaps."""
    from tulip_ops.reports import area_report

    now = datetime.now(UTC)
    story = area_report.report(Settings.load(), area, out, simulated=simulated, now=now)
    seasons = [row.season for row in story.history.seasons]
    show(as_json, str(out), out=str(out), seasons=seasons, simulated=story.history.simulated)
