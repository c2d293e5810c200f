"""`tulip archive`: scenes of one's own as a static STAC catalog."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Literal

import click

from tulip_ops.cli.options import DayType, NoDataType, as_json, show
from tulip_ops.core.settings import Settings


@click.group("archive")
def group() -> None:
    """Scenes in a folder or S3 prefix, described by a static STAC catalog."""


@group.command()
@click.argument(
    "files",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option("--to", "place", help="Folder or s3://bucket/prefix; default: TULIP_ARCHIVE.")
@click.option(
    "--platform",
    type=click.Choice(["S2A", "S2B", "S2C", "S2D"]),
    help="Satellite; default: from the file's name, or S2A before S2B flew.",
)
@click.option("--tile", help="MGRS tile, such as 31UFU; default: from the name, or the centre.")
@click.option("--date", "day", type=DayType(), help="Day of sensing; default: from the name.")
@click.option(
    "--level",
    type=click.Choice(["L1C", "L2A"]),
    default="L2A",
    show_default=True,
    help="Top of atmosphere or surface reflectance.",
)
@click.option(
    "--kind",
    type=click.Choice(["auto", "reflectance", "true-color"]),
    default="auto",
    show_default=True,
    help="What the pixels are; auto: 8-bit with three or four bands is true colour.",
)
@click.option(
    "--band",
    "bands",
    multiple=True,
    help="Name of each band, in order, as red or B04; `skip` leaves one out, `mask` is 0 where"
    " nothing was measured; default: band descriptions, then colour interpretation.",
)
@click.option(
    "--nodata",
    type=NoDataType(),
    help="Pixel value that means: nothing measured; `none`: every value is measured.",
)
@click.option(
    "--scale",
    type=float,
    help="Reflectance = stored * scale + offset; default: each band's header, or 0.0001 for DN.",
)
@click.option("--offset", type=float, help="See --scale; default: each band's header, or 0.")
@click.option("--stretch", type=float, help="Gain of true colour; default: the setting.")
@as_json
def add(
    files: tuple[Path, ...],
    place: str | None,
    platform: str | None,
    tile: str | None,
    day: date | None,
    level: str,
    kind: str,
    bands: tuple[str, ...],
    nodata: float | Literal["none"] | None,
    scale: float | None,
    offset: float | None,
    stretch: float | None,
    as_json: bool,
) -> None:
    """Add GeoTIFF FILES to an archive: reflectance, or 8-bit TRUE_COLOR renderings.

    Pixels are copied unchanged into COGs; `tulip acquire` brings them to the tile's grid. A file
    that is already there changes nothing.
    """
    from tulip_ops.sources.archive.source import Archive

    settings = Settings.load()
    archive = Archive(place or settings.storage.archive_place, settings.storage.s3_endpoint)
    ids = archive.add_files(
        files,
        platform=platform,
        tile=tile,
        day=day,
        level=level,
        kind=kind,
        bands=bands or None,
        nodata=nodata,
        scale=scale,
        offset=offset,
        stretch=stretch or settings.sources.true_color_stretch,
    )
    show(as_json, "\n".join(str(i) for i in ids), added=[str(i) for i in ids])


@group.command("list")
@click.option("--from", "place", help="Folder or s3://bucket/prefix; default: TULIP_ARCHIVE.")
@as_json
def list_scenes(place: str | None, as_json: bool) -> None:
    """List the scenes of an archive, and the items that cannot be used."""
    from tulip_ops.sources.archive.source import Archive

    settings = Settings.load()
    archive = Archive(place or settings.storage.archive_place, settings.storage.s3_endpoint)
    found = list(archive.scenes())
    lines = [f"{scene.id}  {', '.join(scene.bands)}" for scene in found]
    lines += [f"unusable: {problem}" for problem in archive.problems]
    show(
        as_json,
        "\n".join(lines),
        scenes=[{"id": str(scene.id), "bands": list(scene.bands)} for scene in found],
        problems=list(archive.problems),
    )
