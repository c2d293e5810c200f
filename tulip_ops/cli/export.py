"""`tulip export`: the history as files for GIS."""

from __future__ import annotations

from pathlib import Path

import click

from tulip_ops.cli.options import OutputFileType, as_json, show
from tulip_ops.core.settings import Settings
from tulip_ops.postgis.layer_names import LAYERS


class BoundsType(click.ParamType[tuple[float, float, float, float]]):
    name = "W,S,E,N"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, float, float, float]:
        try:
            west, south, east, north = (float(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is not west,south,east,north in degrees", param, ctx)
        if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
            self.fail(f"{value!r} encloses nothing: west < east, south < north", param, ctx)
        return west, south, east, north


@click.command()
@click.argument("out", type=OutputFileType())
@click.option(
    "--layer",
    "layers",
    type=click.Choice(LAYERS),
    multiple=True,
    help="What to write; may be repeated for .gpkg, which takes all by default.",
)
@click.option("--area", help="Only what lies in this area of interest.")
@click.option(
    "--season",
    "seasons",
    type=click.IntRange(2015, 2100),
    multiple=True,
    help="Only this season; may be repeated. Of fields, those that bloomed in it.",
)
@click.option("--bbox", type=BoundsType(), help="Only what reaches into these bounds, degrees.")
@click.option(
    "--simulated/--satellite",
    default=None,
    help="Only what the simulator's scenes show, or a satellite's.  [default: both]",
)
@as_json
def export(
    out: Path,
    layers: tuple[str, ...],
    area: str | None,
    seasons: tuple[int, ...],
    bbox: tuple[float, float, float, float] | None,
    simulated: bool | None,
    as_json: bool,
) -> None:
    """Write fields, bloom history, detections or observations into OUT for GIS.

    The extension of OUT chooses the format: .gpkg (GeoPackage), .parquet (GeoParquet), .fgb
    (FlatGeobuf) or .geojson. Everything is EPSG:4326; areas are geodesic square metres.
    """
    from tulip_ops.postgis.layers import Selection
    from tulip_ops.reports import export as exporting

    wanted = [layer for layer in LAYERS if layer in layers]
    chosen = Selection(area, seasons or None, bbox, simulated)
    rows = exporting.export(Settings.load().database, out, wanted, chosen)
    lines = [f"{count:>9} {layer}" for layer, count in rows.items()]
    show(as_json, "\n".join([str(out), *lines]), out=str(out), rows=dict(rows))
