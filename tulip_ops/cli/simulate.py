"""`tulip simulate`: an archive with known truth."""

from __future__ import annotations

from pathlib import Path

import click

from tulip_ops.cli.options import as_json, show
from tulip_ops.core.settings import Settings


@click.command()
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the archive; default: TULIP_ARCHIVE.",
)
@click.option(
    "--season",
    "seasons",
    type=click.IntRange(2015, 2100),
    multiple=True,
    default=(2024, 2025, 2026),
    show_default=True,
    help="May be repeated.",
)
@click.option(
    "--seed", type=int, default=0, show_default=True, help="The same seed makes the same pixels."
)
@click.option(
    "--baseline",
    type=click.Choice(["02.14", "05.11"]),
    help="Processing baseline whose encoding the pixels get: 02.14 without, 05.11 with 1000 added"
    " to DN; default: as 05.11, unnamed.",
)
@click.option(
    "--compare",
    "real",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of real 8-bit true-colour GeoTIFFs: write no archive, but a picture and a page"
    " that show them beside simulated scenes of the same days; needs --out.",
)
@as_json
def simulate(
    out: Path | None,
    seasons: tuple[int, ...],
    seed: int,
    baseline: str | None,
    real: Path | None,
    as_json: bool,
) -> None:
    """Write a simulated archive: two areas of one tile, several seasons, clouds, and the truth.

    Every id starts with SIM. Beside the scenes lie `areas.geojson` for `tulip aoi add`, and
    with each scene its truth.
    """
    if real is not None:
        _compare(real, out, seed, as_json)
        return
    from tulip_ops.sources.archive import simulated

    place = out or Path(Settings.load().storage.archive_place)
    ids = simulated.write_archive(place, seasons, seed, baseline)
    show(
        as_json,
        f"{len(ids)} simulated scenes of {len(seasons)} seasons in {place}",
        simulated=[str(i) for i in ids],
        place=str(place),
    )


def _compare(real: Path, out: Path | None, seed: int, as_json: bool) -> None:
    if out is None:
        raise click.UsageError("--compare needs --out, the folder for its picture and page")
    from tulip_ops.reports import simulation_comparison

    written = [str(path) for path in simulation_comparison.compare(real, out, seed)]
    show(as_json, "\n".join(written), written=written)
