"""The command line: `tulip <step> <id>` by hand and in every task alike.

Exit codes: 0 done, 99 skipped (too cloudy, nothing to do), 1 failed, 2 bad input, 3 bad data.
"""

from __future__ import annotations

import logging
import sys
from importlib.metadata import version

import click

from tulip_ops.cli import (
    aoi,
    archive,
    backfill,
    beam,
    compose,
    database,
    doctor,
    evaluate,
    export,
    local,
    models,
    parcels,
    pipeline,
    quicklook,
    report,
    revisit,
    simulate,
    units,
)
from tulip_ops.cli.options import BAD_DATA, BAD_INPUT, FAILED
from tulip_ops.core.errors import BadData, BadInput, TulipError

EXTRAS = {
    "keras": "networks",
    "tensorflow": "networks",
    "openvino": "openvino",
    "nncf": "openvino",
    "matplotlib": "pictures",
    "airflow": "airflow",
    "apache_beam": "beam",
    "distributed": "beam",
    "httpx": "airflow",
}
"""Which extra of the package brings a library that not every environment has."""


class _Door(click.Group):
    """Turns the errors that we raise on purpose into one line and an exit code."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as error:
            if error.name not in EXTRAS:
                raise
            click.echo(
                f"{error.name} is not installed in this environment:"
                f" pip install 'tulip_ops[{EXTRAS[error.name]}]'",
                err=True,
            )
            ctx.exit(FAILED)
        except TulipError as error:
            click.echo(f"{type(error).__name__}: {error}", err=True)
            if isinstance(error, BadInput):
                ctx.exit(BAD_INPUT)
            ctx.exit(BAD_DATA if isinstance(error, BadData) else FAILED)


@click.group(cls=_Door, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("tulip_ops"), prog_name="tulip")
@click.option("-v", "--verbose", is_flag=True, help="More messages on stderr.")
def main(verbose: bool) -> None:
    """From new Sentinel-2 acquisitions to a bloom history of tulip fields in PostGIS.

    Every step takes an acquisition id, such as S2B_31UFU_20260420_0_L2A, finds the rest by
    itself and can be repeated: a complete product is not made again.

    Exit codes: 0 done, 99 skipped (too cloudy, nothing to do), 1 failed, 2 bad input, 3 bad data
    (quarantined). Only 1 is worth a repeat.
    Settings are TULIP_* variables: see `tulip settings`.
    """
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    # a line of each request, with its path: the instance id of a WMS is in there
    logging.getLogger("urllib3").setLevel(logging.INFO)
    if not verbose:
        for talkative in (
            "alembic", "apache_beam", "botocore", "distributed", "httpx", "rasterio", "matplotlib",
        ):  # fmt: skip
            logging.getLogger(talkative).setLevel(logging.WARNING)


for command in (
    *pipeline.COMMANDS,
    backfill.backfill,
    beam.beam,
    revisit.revisit,
    revisit.alerts,
    aoi.group,
    parcels.group,
    archive.group,
    models.group,
    models.train,
    evaluate.evaluate,
    compose.group,
    database.group,
    simulate.simulate,
    quicklook.picture,
    quicklook.season_picture,
    export.export,
    report.report,
    units.units,
    doctor.settings,
    doctor.doctor,
    local.group,
):
    main.add_command(command)
