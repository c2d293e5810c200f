"""`tulip train` and `tulip models`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from tulip_ops.cli.options import as_json, show
from tulip_ops.cli.train_options import chosen, training_data_options
from tulip_ops.core.errors import BadSetting, ExportRefused
from tulip_ops.core.settings import Settings
from tulip_ops.core.types import BANDS

if TYPE_CHECKING:
    from tulip_ops.ml.training.recipes import Recipe

log = logging.getLogger(__name__)

Precision = Literal["fp32", "bf16", "int8"]

SIMULATED = 640
"""Scenes that a training simulates to learn from where it is told nothing else."""


@click.group("models")
def group() -> None:
    """The installed networks."""


@group.command("list")
@as_json
def list_models(as_json: bool) -> None:
    """List the models, newest version last."""
    from tulip_ops.ml.inference import model_registry

    models = Settings.load().networks.models
    cards = model_registry.list_models(models)
    promoted = {(card.name, model_registry.promoted(models, card.name)) for card in cards}
    listed = [
        {
            "name": str(card.reference),
            "kind": card.kind,
            "bands": list(card.bands),
            "promoted": (card.name, card.version) in promoted,
        }
        for card in cards
    ]
    lines = [
        f"{model['name']:28} {model['kind']:14} {', '.join(card.bands)}"
        + (" (promoted)" if model["promoted"] else "")
        for card, model in zip(cards, listed, strict=True)
    ]
    show(
        as_json,
        "\n".join(lines) or "no model: restore models/ or run `tulip train`",
        models=listed,
    )


@group.command("show")
@click.argument("model", metavar="NAME/VERSION")
def show_model(model: str) -> None:
    """Print a model's card: what it was trained on, how well it does, where it fails."""
    from tulip_ops.ml.inference import model_registry

    card = model_registry.find(Settings.load().networks.models, model)
    click.echo((card.folder / "CARD.md").read_text())


@group.command()
@as_json
def verify(as_json: bool) -> None:
    """Compare the weights of every model with the checksum in its model.json."""
    from tulip_ops.ml.inference import model_registry

    cards = model_registry.list_models(Settings.load().networks.models)
    for card in cards:
        model_registry.verify(card)
    names = [str(card.reference) for card in cards]
    show(as_json, f"whole: {', '.join(names) or 'no model is there'}", whole=names)


@group.command()
@click.argument("model", metavar="NAME/VERSION")
@as_json
def promote(model: str, as_json: bool) -> None:
    """Make this version the one that is used by default.

    While no version of a model is promoted, the newest is used; afterwards a newly trained
    version waits until it is promoted in turn.
    """
    from tulip_ops.ml.inference import model_registry

    models = Settings.load().networks.models
    card = model_registry.find(models, model)
    before = model_registry.promoted(models, card.name)
    model_registry.verify(card)
    model_registry.promote(card)
    show(
        as_json,
        f"{card.reference} is used from now on" + (f" in place of {before}" if before else ""),
        promoted=str(card.reference),
        before=before,
    )


@group.command()
@click.argument("model", metavar="NAME/VERSION")
@click.option(
    "--precision",
    "precisions",
    type=click.Choice(["fp32", "bf16", "int8"]),
    multiple=True,
    help="Only this one; may be repeated; default: all of them.",
)
@click.option(
    "--scenes",
    type=click.IntRange(min=1),
    default=24,
    show_default=True,
    help="Simulated scenes that each precision is measured on.",
)
@click.option(
    "--work",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of simulated scenes; default: <state>/training.",
)
@as_json
def export(
    model: str,
    precisions: tuple[Precision, ...],
    scenes: int,
    work: Path | None,
    as_json: bool,
) -> None:
    """Make an export for OpenVINO, several times as fast as Keras on processors.

    It goes beside the weights, or into the folder that TULIP_EXPORTS names. Each precision is
    measured beside Keras on held-out scenes, and accepted where no IoU and no accuracy is more
    than 0.005 below; while TULIP_ENGINE is auto, the fastest accepted one is used from then on.
    Exit code 1 if none is accepted.
    """
    from tulip_ops.ml.datasets import test_sets
    from tulip_ops.ml.inference import export_manifest, model_registry
    from tulip_ops.ml.training import openvino_export

    settings = Settings.load()
    card = model_registry.find(settings.networks.models, model)
    kept, threads = work or settings.storage.state / "training", settings.execution.threads
    made = openvino_export.export(
        card,
        precisions or export_manifest.FASTEST_FIRST,
        settings.networks.exports,
        list(test_sets.simulated(card, scenes, kept, threads)),
        f"{scenes} simulated scenes that it has not learned from",
        openvino_export.calibration_samples(card, kept, threads),
        threads,
    )
    lines = [f"{'keras fp32':16} {_figures(made.keras)}"]
    for precision, variant in made.variants.items():
        verdict = "accepted" if variant.accepted else "refused"
        lines.append(f"{f'openvino {precision}':16} {_figures(variant.metrics)}  {verdict}")
    accepted = [name for name, variant in made.variants.items() if variant.accepted]
    place = export_manifest.place(card, settings.networks.exports)
    show(as_json, "\n".join([*lines, str(place)]), place=str(place), accepted=accepted)
    if not accepted:
        raise ExportRefused(
            f"no precision of {model} comes within {export_manifest.GATE} of Keras;"
            " Keras stays in use"
        )


def _figures(found: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {value:.4f}" for name, value in found.items())


@click.command()
@click.argument("network", type=click.Choice(["cloud-filter", "unet"]))
@click.option("--version", required=True, help="Name of the version to make, such as 3.")
@click.option(
    "--bands",
    type=click.Choice(["rgb", "multispectral"]),
    default="rgb",
    show_default=True,
    help="What it reads: red, green and blue, or all ten bands of 10 and 20 m.",
)
@click.option(
    "--work",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for scenes, checkpoints and logs; default: <state>/training.",
)
@click.option("--epochs", type=click.IntRange(min=1), help="Rounds; each is --steps batches.")
@click.option("--steps", type=click.IntRange(min=1), help="Batches of an epoch.")
@click.option("--base", type=click.IntRange(min=1), help="U-Net: filters of its first level.")
@click.option("--levels", type=click.IntRange(1, 8), help="U-Net: how often it halves the image.")
@click.option(
    "--depth", type=click.Choice(["resnet50", "resnet101"]), help="Cloud filter: which ResNet."
)
@click.option(
    "--start-from",
    metavar="NAME/VERSION",
    help="Begin with the weights of this model, perhaps of fewer bands.",
)
@click.option(
    "--pretrained",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Cloud filter: begin with a Keras ResNet's weights without its top; the head is trained"
    " first, then all of it.",
)
@click.option(
    "--head-epochs",
    type=click.IntRange(min=0),
    default=4,
    show_default=True,
    help="With --pretrained: rounds in which only the head is trained.",
)
@click.option("--seed", type=int, default=1, show_default=True)
@training_data_options
def train(
    network: Literal["cloud-filter", "unet"],
    version: str,
    bands: str,
    seed: int,
    work: Path | None,
    start_from: str | None,
    pretrained: Path | None,
    head_epochs: int,
    **given: Any,
) -> None:
    """Train NETWORK; after a kill the same command continues.

    It is trained on simulated scenes unless options name others: see docs/how-to/train.md. The
    finished model goes to <models>/<name>/<version>/ with its metrics and card.
    """
    foreign = {"cloud-filter": ("base", "levels"), "unet": ("depth",)}[network]
    if wrong := [f"--{name}" for name in foreign if given[name] is not None]:
        raise click.UsageError(f"{' and '.join(wrong)}: a {network} has none")
    if pretrained and (start_from or network == "unet"):
        raise click.UsageError("--pretrained is for a cloud filter, without --start-from")
    from tulip_ops.ml.inference import model_registry
    from tulip_ops.ml.training import train as training
    from tulip_ops.ml.training.recipes import cloud_filter_recipe, unet_recipe
    from tulip_ops.storage.product_store import open_store

    settings = Settings.load()
    several = training.RGB if bands == "rgb" else BANDS
    options = chosen(network, several, seed=seed, simulated=SIMULATED, given=given)
    make_recipe: Callable[..., Recipe] = unet_recipe if network == "unet" else cloud_filter_recipe
    recipe = make_recipe(**{name: value for name, value in given.items() if value is not None})
    other = model_registry.find(settings.networks.models, start_from) if start_from else None
    card = training.train(
        recipe,
        options,
        training.Folders(
            settings.networks.models,
            work or settings.storage.state / "training",
            open_store(settings.storage),
        ),
        version=version,
        start=training.Start(other, pretrained, head_epochs),
        threads=settings.execution.threads,
        draw_curves=_draw_curves,
    )
    click.echo(f"{card.reference}: {card.folder}")


def _draw_curves(table: Path, picture: Path) -> None:
    from tulip_ops.reports import evaluation_plots

    try:
        evaluation_plots.training_curves(table, picture)
    except BadSetting as error:
        log.warning("the curves are not drawn: %s", error)
