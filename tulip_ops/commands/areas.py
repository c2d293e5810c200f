"""`tulip aoi`: areas of interest."""

from __future__ import annotations

from pathlib import Path

import click

from tulip_ops.commands.options import as_json, show
from tulip_ops.settings import Settings


@click.group("aoi")
def group() -> None:
    """Areas of interest: what discovery looks over."""


@group.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", help="Name of the area; default: the `name` column or the file's name.")
@as_json
def add(file: Path, name: str | None, as_json: bool) -> None:
    """Add the polygons of FILE (GeoJSON, GeoPackage, any OGR vector file).

    An area of the same name is replaced. Coordinates in any CRS are brought to EPSG:4326.
    """
    from tulip_ops import vectors
    from tulip_ops.postgis import areas, connection

    found = vectors.read_areas(file, name)
    with connection.connect(Settings.load().writer_url(), "tulip aoi") as database:
        for area in found:
            areas.add_area(database, area)
    names = [area.name for area in found]
    show(as_json, f"added {', '.join(names)}", added=names)


@group.command("list")
@as_json
def list_areas(as_json: bool) -> None:
    """List the areas with their size."""
    from tulip_ops.grid import geodesic_area
    from tulip_ops.postgis import areas, connection

    with connection.connect(Settings.load().writer_url(), "tulip aoi") as database:
        found = areas.list_areas(database)
    rows = [(area.name, geodesic_area(area.geometry) / 1e6) for area in found]
    lines = [f"{name:32} {size:10.2f} km2" for name, size in rows]
    show(
        as_json,
        "\n".join(lines) or "no area yet: add one with `tulip aoi add FILE`",
        areas=[{"name": name, "km2": round(size, 3)} for name, size in rows],
    )


@group.command()
@click.argument("name")
@as_json
def remove(name: str, as_json: bool) -> None:
    """Stop looking over the area NAME; what was recorded stays."""
    from tulip_ops.postgis import areas, connection

    with connection.connect(Settings.load().writer_url(), "tulip aoi") as database:
        areas.remove_area(database, name)
    show(as_json, f"removed {name}", removed=name)
