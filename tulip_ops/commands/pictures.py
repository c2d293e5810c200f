"""`tulip picture`: look at one acquisition."""

from __future__ import annotations

from pathlib import Path

import click

from tulip_ops.commands.options import acquisition_id
from tulip_ops.domain import AcquisitionId
from tulip_ops.settings import Settings


@click.command()
@acquisition_id
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
def picture(acquisition_id: AcquisitionId, out: Path) -> None:
    """Draw the products of ID into OUT (PNG): image, cloud screen, probability, polygons."""
    from tulip_ops import portraits

    portraits.draw(acquisition_id, Settings.load(), out)
    click.echo(str(out))
