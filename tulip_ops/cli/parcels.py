"""`tulip parcels`: registered parcels as the outlines of fields."""

from __future__ import annotations

from pathlib import Path

import click

from tulip_ops.cli.options import as_json, show
from tulip_ops.core.settings import Settings


@click.group("parcels")
def group() -> None:
    """Registered parcels, such as those of the Dutch BRP, as the outlines of fields."""


@group.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--id-column", help="Column that names a parcel; default: they are numbered as they come."
)
@click.option(
    "--season",
    type=click.IntRange(2015, 2100),
    help="Season whose register it is; it holds for later ones without their own, too. Default:"
    " every season without a register of its own or of an earlier season.",
)
@as_json
def import_parcels(file: Path, id_column: str | None, season: int | None, as_json: bool) -> None:
    """Make the polygons of FILE (GeoPackage, GeoParquet, GeoJSON) the register of parcels.

    They take the place of those of the same season. Coordinates in any CRS are brought to
    EPSG:4326. Then set TULIP_FIELDS_FROM=parcels and run `tulip history --rebuild`.
    """
    from tulip_ops.postgis import connection, parcels
    from tulip_ops.storage import vector_files

    found = [parcels.RegisteredParcel(*row) for row in vector_files.read_register(file, id_column)]
    with connection.connect(Settings.load().database.writer_url(), "tulip parcels") as database:
        changed = parcels.replace_parcels(database, season or 0, found)
    when = f"of {season}" if season else "of every season"
    show(
        as_json,
        f"{len(found)} parcels {when}, {changed} rows changed",
        parcels=len(found),
        season=season,
        changed=changed,
    )


@group.command("list")
@as_json
def list_parcels(as_json: bool) -> None:
    """Say for which seasons there are parcels, and how many."""
    from tulip_ops.postgis import connection, parcels

    with connection.connect(Settings.load().database.writer_url(), "tulip parcels") as database:
        counts = parcels.count_parcels(database)
    lines = [f"{season or 'every season':>12} {count:10}" for season, count in counts.items()]
    show(
        as_json,
        "\n".join(lines) or "no parcels yet: bring some in with `tulip parcels import FILE`",
        parcels=[{"season": season or None, "count": count} for season, count in counts.items()],
    )
