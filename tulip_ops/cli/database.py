"""`tulip database`: migrations and status."""

from __future__ import annotations

import click

from tulip_ops.cli.options import as_json, show
from tulip_ops.core.settings import Settings


@click.group("database")
def group() -> None:
    """The tables in PostGIS."""


@group.command()
@as_json
def migrate(as_json: bool) -> None:
    """Bring the schema `tulip` to this version; safe to repeat, and when two run at once."""
    from tulip_ops.postgis import connection, season_detections
    from tulip_ops.postgis import migrate as migrations

    url = Settings.load().database.owner_url()
    revision = migrations.migrate(url)
    with connection.connect(url, "tulip database migrate") as database:
        waiting = season_detections.count_changes(database)
    summary = f"schema tulip is at revision {revision}"
    if waiting:
        summary += f"; {waiting} tiles and seasons wait to be drawn anew: run `tulip history`"
    show(as_json, summary, revision=revision, waiting=waiting)


@group.command()
@as_json
def status(as_json: bool) -> None:
    """Rows of each table, the newest acquisition, the schema's revision."""
    from tulip_ops.postgis import connection
    from tulip_ops.postgis import status as tables

    with connection.connect(Settings.load().database.writer_url(), "tulip database") as database:
        figures = tables.status(database)
    lines = [f"{name:24} {value}" for name, value in figures.items()]
    show(as_json, "\n".join(lines), **figures)


@group.command()
@as_json
def seasons(as_json: bool) -> None:
    """The season table: `tulip.season_summary` for each area and season."""
    from tulip_ops.postgis import connection
    from tulip_ops.postgis import status as tables

    with connection.connect(Settings.load().database.writer_url(), "tulip database") as database:
        rows = tables.season_table(database)
    show(as_json, tables.as_text(rows), seasons=rows)


@group.command()
@as_json
def styles(as_json: bool) -> None:
    """Keep styles for QGIS beside the tables, in public.layer_styles; safe to repeat."""
    from tulip_ops.postgis import styles as tables
    from tulip_ops.postgis.layer_names import LAYERS
    from tulip_ops.reports import qgis_styles

    looks = {layer: qgis_styles.styles([layer])[layer] for layer in LAYERS}
    written = tables.write_styles(Settings.load().database.owner_url(), looks)
    lines = [f"tulip.{table}" for table in written]
    show(as_json, "\n".join(lines), tables=lines)
