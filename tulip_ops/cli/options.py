"""What several commands share: exit codes, the id argument, the `--json` option, results."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

import click

from tulip_ops.core.errors import BadAcquisitionId
from tulip_ops.core.files import regular_target
from tulip_ops.core.types import AcquisitionId

DONE, FAILED, BAD_INPUT, BAD_DATA, SKIPPED = 0, 1, 2, 3, 99


class AcquisitionIdType(click.ParamType[AcquisitionId]):
    name = "id"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> AcquisitionId:
        try:
            return AcquisitionId.parse(str(value))
        except BadAcquisitionId as error:
            self.fail(str(error), param, ctx)


class DayType(click.ParamType[date]):
    name = "YYYY-MM-DD"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> date:
        if isinstance(value, date):
            return value
        try:
            return datetime.strptime(str(value), "%Y-%m-%d").replace(tzinfo=UTC).date()
        except ValueError:
            self.fail(f"{value!r} is not a day; write it like 2026-04-20", param, ctx)


class NoDataType(click.ParamType[float | Literal["none"]]):
    name = "VALUE|none"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float | Literal["none"]:
        if str(value).lower() == "none":
            return "none"
        try:
            return float(str(value))
        except ValueError:
            self.fail(f"{value!r} is neither a number nor `none`", param, ctx)


class OutputFileType(click.ParamType[Path]):
    """A file to write: a regular one that may be replaced, or a new one in a folder that exists."""

    name = "file"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Path:
        path = Path(str(value))
        try:
            regular_target(path)
        except (OSError, RuntimeError) as error:
            self.fail(f"{error}; name a file in a folder that exists", param, ctx)
        return path


acquisition_id = click.argument("acquisition_id", metavar="ID", type=AcquisitionIdType())
as_json = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object instead of a line for people."
)
run_id = click.option(
    "--run-id",
    default="by hand",
    show_default=True,
    envvar="TULIP_RUN_ID",
    help="Name of this run in the ledger; a DAG passes its own.",
)


def show(as_json: bool, line: str, **figures: object) -> None:
    """Print the result: `line` for people, or everything for machines."""
    click.echo(json.dumps(_plain(figures), default=str) if as_json else line)


def _plain(figures: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in figures.items() if value is not None}
