"""`tulip evaluate`: what a model is worth, on scenes with a truth."""

from __future__ import annotations

from pathlib import Path

import click

from tulip_ops.cli.options import as_json, show
from tulip_ops.core.settings import Settings


@click.command()
@click.argument("model", metavar="NAME/VERSION")
@click.option(
    "--data",
    "source",
    default="simulated",
    show_default=True,
    metavar="SOURCE",
    help="simulated (places and seasons that it has not learned from), planet:FOLDER,"
    " folder:FOLDER with images and masks, or parcels:FILE:YEAR over acquisitions in the store.",
)
@click.option(
    "--scenes",
    type=click.IntRange(min=1),
    default=60,
    show_default=True,
    help="At most so many scenes.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder for the report: metrics.json, index.html and its pictures.",
)
@click.option(
    "--work",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of simulated scenes; default: <state>/training.",
)
@click.option(
    "--record",
    metavar="TITLE",
    help="Also write the figures into the model's card, below this title.",
)
@as_json
def evaluate(
    model: str,
    source: str,
    scenes: int,
    out: Path,
    work: Path | None,
    record: str | None,
    as_json: bool,
) -> None:
    """Hold MODEL against scenes with a truth, and write a report.

    Figures come with 95 % intervals of a bootstrap over scenes. The report holds the confusion
    matrix, precision-recall and reliability curves, and contact sheets of the best and the worst
    scenes: open its index.html.
    """
    from tulip_ops.ml.datasets import test_sets
    from tulip_ops.ml.evaluation import evaluate as evaluation
    from tulip_ops.ml.inference import model_registry
    from tulip_ops.ml.training import model_card
    from tulip_ops.reports import evaluation_report
    from tulip_ops.storage.product_store import open_store

    settings = Settings.load()
    card = model_registry.find(settings.networks.models, model)
    there = test_sets.scenes(
        source,
        card,
        scenes,
        work=work or settings.storage.state / "training",
        processes=settings.execution.threads,
        store=open_store(settings.storage),
    )
    found = evaluation_report.write(
        evaluation.evaluate(card, there, settings.execution.threads), source, out
    )
    if record:
        model_card.record(card, record, evaluation.values(found))
    lines = [
        f"{name.replace('_', ' ')}: {evaluation_report.format_figure(found[name])}"
        for name in found
    ]
    show(
        as_json,
        "\n".join([*lines, f"see {out / 'index.html'}"]),
        model=model,
        data=source,
        report=str(out),
        figures=evaluation.values(found),
        intervals=evaluation.intervals(found),
    )
