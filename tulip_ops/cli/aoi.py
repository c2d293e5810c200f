"""`tulip aoi`: areas of interest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from tulip_ops.cli.options import as_json, show
from tulip_ops.core.settings import Settings


@click.group("aoi")
def group() -> None:
    """Areas of interest, over which discovery searches."""


@group.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--name", help="Name of the area; default: the `name` (Name, NAME) column or the file's name."
)
@click.option(
    "--source",
    "sources",
    multiple=True,
    help="Ask this source for the area; may be repeated, the preferred one first. Default:"
    " those of TULIP_SOURCES.",
)
@as_json
def add(file: Path, name: str | None, sources: tuple[str, ...], as_json: bool) -> None:
    """Add the polygons of FILE (GeoJSON, GeoPackage, KML, Shapefile, GeoParquet).

    An area of the same name is replaced, with its sources. Coordinates in any CRS are brought to
    EPSG:4326. Discovery uses the first source that answers and is fresh: see `tulip alerts`.
    """
    from tulip_ops.postgis import areas, connection
    from tulip_ops.sources import registry
    from tulip_ops.storage import vector_files

    settings = Settings.load()
    order = tuple(dict.fromkeys(sources))
    for source in order:
        registry.open_source(source, settings)
    found = [replace(area, sources=order) for area in vector_files.read_areas(file, name)]
    with connection.connect(settings.database.writer_url(), "tulip aoi") as database:
        for area in found:
            areas.add_area(database, area)
    names = [area.name for area in found]
    asked = f", to be asked of {', then '.join(order)}" if order else ""
    show(as_json, f"added {', '.join(names)}{asked}", added=names, sources=list(order))


@group.command("list")
@as_json
def list_areas(as_json: bool) -> None:
    """List the areas with their size, and the sources that are asked for each, in order."""
    from tulip_ops.postgis import areas, connection
    from tulip_ops.raster.projection import geodesic_area
    from tulip_ops.sources import registry

    settings = Settings.load()
    with connection.connect(settings.database.writer_url(), "tulip aoi") as database:
        found = areas.list_areas(database)
    rows = [
        (
            area.name,
            geodesic_area(area.geometry) / 1e6,
            registry.order(area, settings.sources),
            area.sources,
        )
        for area in found
    ]
    lines = [
        f"{name:32} {size:10.2f} km2  {', then '.join(order)}{'' if own else ' (TULIP_SOURCES)'}"
        for name, size, order, own in rows
    ]
    show(
        as_json,
        "\n".join(lines) or "no area yet: add one with `tulip aoi add FILE`",
        areas=[
            {"name": name, "km2": round(size, 3), "sources": list(order), "own": bool(own)}
            for name, size, order, own in rows
        ],
    )


@group.command()
@click.argument("name")
@as_json
def remove(name: str, as_json: bool) -> None:
    """Remove the area NAME from discovery; recorded rows stay."""
    from tulip_ops.postgis import areas, connection

    with connection.connect(Settings.load().database.writer_url(), "tulip aoi") as database:
        areas.remove_area(database, name)
    show(as_json, f"removed {name}", removed=name)
