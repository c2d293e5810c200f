"""The options of `tulip train` that say what to learn from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

if TYPE_CHECKING:
    from tulip_ops.ml.datasets.training_sets import Options

Command = TypeVar("Command", bound=Callable[..., Any])

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


class _Codes(click.ParamType[tuple[str, ...]]):
    name = "CODE,..."

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        del param, ctx
        return tuple(code.strip() for code in str(value).split(",") if code.strip())


class _Weight(click.ParamType[tuple[str, float]]):
    name = "KIND=NUMBER"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, float]:
        kind, _, number = str(value).partition("=")
        try:
            return kind, float(number)
        except ValueError:
            self.fail(f"{value!r} is no weight; write it like parcels=3", param, ctx)


_OPTIONS = (
    click.option(
        "--simulated",
        type=click.IntRange(min=0),
        help="Simulated scenes to learn from, beside what the following options give.",
    ),
    click.option(
        "--planet",
        type=_FOLDER,
        help="Cloud filter: folder with train.csv and JPEGs, as of Planet's competition.",
    ),
    click.option("--images", type=_FOLDER, help="Folder of images; with --masks."),
    click.option(
        "--masks",
        type=_FOLDER,
        help="Folder of their masks: 255 where there are tulips (unet) or clouds (cloud-filter).",
    ),
    click.option(
        "--parcels",
        type=click.Path(exists=True, path_type=Path),
        help="U-Net: register of parcels, any polygon layer; with --season.",
    ),
    click.option(
        "--crop-column", metavar="NAME", default="gewascode", show_default=True,
        help="Column of the register with the crop of a parcel.",
    ),
    click.option(
        "--crop-codes", type=_Codes(), default="1004,985", show_default=True,
        help="Codes of tulips in it.",
    ),
    click.option("--season", type=int, metavar="YEAR", help="Year of the register."),
    click.option(
        "--acquisitions",
        type=_FOLDER,
        help="Folder of clear GeoTIFFs to lay the parcels over; default: the store's screened"
        " acquisitions of the season.",
    ),
    click.option(
        "--leave-borders",
        is_flag=True,
        help="Leave out pixels within half a pixel of a parcel's border.",
    ),
    click.option(
        "--weight",
        "weights",
        type=_Weight(),
        multiple=True,
        help="How often chips come from simulated, planet, images or parcels, such as parcels=3;"
        " default: 1 each.",
    ),
)  # fmt: skip


def training_data_options(command: Command) -> Command:
    """Give a command the options; `chosen` takes their values."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


NAMES = (
    "simulated", "planet", "images", "masks", "parcels", "crop_column", "crop_codes", "season",
    "acquisitions", "leave_borders", "weights",
)  # fmt: skip
"""The parameters that the options bring."""


def chosen(
    network: Literal["cloud-filter", "unet"],
    bands: tuple[str, ...],
    *,
    seed: int,
    simulated: int,
    given: dict[str, Any],
) -> Options:
    """What was said on the command line; takes its parameters out of `given`.

    simulated: scenes where the command line names nothing at all to learn from.
    """
    from tulip_ops.ml.datasets.training_sets import Options

    told = {name: given.pop(name) for name in NAMES}
    others = told["planet"] or told["images"] or told["masks"] or told["parcels"]
    if told["simulated"] is None:
        told["simulated"] = 0 if others else simulated
    borders = not told.pop("leave_borders")
    told["weights"] = dict(told["weights"])
    return Options(network=network, bands=bands, seed=seed, borders=borders, **told)
