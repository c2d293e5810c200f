"""`tulip archive`: scenes of one's own as a static STAC catalog."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import click

from tulip_ops.cli.addition_table import addition_table
from tulip_ops.cli.options import (
    BAD_INPUT,
    AcquisitionIdType,
    DayType,
    NoDataType,
    as_json,
    show,
)
from tulip_ops.core.errors import BadData
from tulip_ops.core.settings import Settings
from tulip_ops.core.types import AcquisitionId

if TYPE_CHECKING:
    from tulip_ops.sources.archive.geotiff_metadata import MetadataOptions


@click.group("archive")
def group() -> None:
    """Scenes in a folder or S3 prefix, described by a static STAC catalog."""


@group.command()
@click.argument(
    "files",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, path_type=Path),
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
@click.option("--replace", is_flag=True, help="Change scenes that the archive has.")
@click.option("--dry-run", is_flag=True, help="Print what each file would become; write nothing.")
@as_json
@click.pass_context
def add(
    context: click.Context,
    /,
    files: tuple[Path, ...],
    place: str | None,
    replace: bool,
    dry_run: bool,
    as_json: bool,
    **options: Unpack[MetadataOptions],
) -> None:
    """Add FILES to an archive: reflectance, or 8-bit TRUE_COLOR renderings.

    FILES are GeoTIFFs, files of one band each whose names differ by the band, ESA products (SAFE,
    a folder or a zip file), or folders of these. Pixels are copied unchanged into COGs;
    `tulip acquire` brings them to the tile's grid.

    A file that cannot be used does not stop the others: it is named, and the exit code is 2. A file
    that is already there changes nothing; with other options it needs --replace.
    """
    from tulip_ops.sources.archive.scene_files import find_files
    from tulip_ops.sources.archive.source import Archive

    settings = Settings.load()
    archive = Archive(place or settings.storage.archive_place, settings.storage.s3_endpoint)
    options["bands"] = options["bands"] or None
    options["stretch"] = options["stretch"] or settings.sources.true_color_stretch
    additions = archive.adder().add(
        find_files(files),
        existing="replace" if replace else "compare",
        dry_run=dry_run,
        refuse=_say_nothing if dry_run else _refuse,
        **options,
    )
    ids = [str(one.id) for one in additions if one.id is not None]
    refused = {str(one.path): str(one.error) for one in additions if one.error}
    lines = addition_table(additions) if dry_run else ids
    if lines or as_json:
        show(as_json, "\n".join(lines), added=ids, refused=refused or None)
    if refused:
        context.exit(BAD_INPUT)


def _say_nothing(_: Path, __: BadData) -> None:
    """The table has the reason."""


def _refuse(_: Path, error: BadData) -> None:
    click.echo(f"{type(error).__name__}: {error}", err=True)


@group.command()
@click.argument("ids", nargs=-1, required=True, type=AcquisitionIdType(), metavar="ID...")
@click.option("--from", "place", help="Folder or s3://bucket/prefix; default: TULIP_ARCHIVE.")
@as_json
def remove(ids: tuple[AcquisitionId, ...], place: str | None, as_json: bool) -> None:
    """Remove scenes that `tulip archive add` made, with their pixels.

    What was made of them stays: products in the store, and rows in the database.
    """
    from tulip_ops.sources.archive.source import Archive

    settings = Settings.load()
    archive = Archive(place or settings.storage.archive_place, settings.storage.s3_endpoint)
    for one in ids:
        archive.remove(one)
    removed = [str(one) for one in ids]
    show(as_json, "\n".join(f"removed {one}" for one in removed), removed=removed)


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
