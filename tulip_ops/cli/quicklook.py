"""`tulip picture` and `tulip season-picture`: look at an acquisition, or at an area."""

from __future__ import annotations

from pathlib import Path

import click

from tulip_ops.cli.options import OutputFileType, acquisition_id
from tulip_ops.core.settings import Settings
from tulip_ops.core.types import AcquisitionId


@click.command()
@acquisition_id
@click.argument("out", type=OutputFileType())
def picture(acquisition_id: AcquisitionId, out: Path) -> None:
    """Draw the products of ID into OUT (PNG): image, cloud screen, probability, polygons."""
    from tulip_ops.reports import quicklook

    quicklook.draw(acquisition_id, Settings.load().storage, out)
    click.echo(str(out))


@click.command()
@click.argument("area")
@click.argument("out", type=OutputFileType())
@click.option(
    "--simulated/--satellite",
    default=False,
    help="Draw what the simulator's scenes show, or a satellite's.  [default: satellite]",
)
def season_picture(area: str, out: Path, simulated: bool) -> None:
    """Draw the fields of AREA into OUT (PNG): bloomed, not bloomed or not seen in each season."""
    from tulip_ops.reports import quicklook

    quicklook.draw_seasons(area, Settings.load().database, out, simulated=simulated)
    click.echo(str(out))
