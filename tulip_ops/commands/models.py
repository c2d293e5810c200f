"""`tulip train` and `tulip models`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tulip_ops.commands.options import as_json, show
from tulip_ops.settings import Settings


@click.group("models")
def group() -> None:
    """The networks that are there."""


@group.command("list")
@as_json
def list_models(as_json: bool) -> None:
    """List the models, newest version last."""
    from tulip_ops.networks import registry

    cards = registry.list_models(Settings.load().models)
    lines = [f"{card.reference!s:24} {card.kind:14} {', '.join(card.bands)}" for card in cards]
    show(
        as_json,
        "\n".join(lines) or "no model: restore models/ or run `tulip train`",
        models=[{"name": str(c.reference), "kind": c.kind, "bands": list(c.bands)} for c in cards],
    )


@group.command("show")
@click.argument("model", metavar="NAME/VERSION")
def show_model(model: str) -> None:
    """Print a model's card: what it was trained on, how well it does, where it fails."""
    from tulip_ops.networks import registry

    card = registry.find(Settings.load().models, model)
    click.echo((card.folder / "CARD.md").read_text())


@group.command()
@as_json
def verify(as_json: bool) -> None:
    """Compare the weights of every model with the checksum in its model.json."""
    from tulip_ops.networks import registry

    cards = registry.list_models(Settings.load().models)
    for card in cards:
        registry.verify(card)
    names = [str(card.reference) for card in cards]
    show(as_json, f"whole: {', '.join(names) or 'no model is there'}", whole=names)


@click.command()
@click.argument("network", type=click.Choice(["cloud-filter", "unet"]))
@click.option("--version", required=True, help="Name of the version to make, such as 2.")
@click.option(
    "--work",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for scenes, checkpoints and logs; default: <state>/training.",
)
@click.option("--scenes", type=click.IntRange(min=4), help="Simulated scenes to train on.")
@click.option("--epochs", type=click.IntRange(min=1), help="Rounds over the scenes.")
@click.option("--seed", type=int, default=1, show_default=True)
def train(
    network: str,
    version: str,
    work: Path | None,
    scenes: int | None,
    epochs: int | None,
    seed: int,
) -> None:
    """Train NETWORK on simulated scenes; after a kill the same command goes on.

    The finished model goes to <models>/<name>/<version>/ with its metrics and card.
    """
    from tulip_ops.networks import train as training

    settings = Settings.load()
    trainer = {"cloud-filter": training.train_cloud_filter, "unet": training.train_unet}[network]
    given: dict[str, Any] = {"scenes": scenes, "epochs": epochs}
    card = trainer(
        settings.models,
        work or settings.state / "training",
        version=version,
        seed=seed,
        threads=settings.threads,
        **{name: size for name, size in given.items() if size is not None},
    )
    click.echo(f"{card.reference}: {card.folder}")
