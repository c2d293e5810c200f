"""Report of an evaluation: JSON and an HTML page.

A report is a folder: metrics.json, index.html, and the pictures that it shows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from tulip_ops.core.files import write_output
from tulip_ops.ml.evaluation import metrics
from tulip_ops.ml.evaluation.bootstrap import Estimate
from tulip_ops.ml.evaluation.evaluate import Evaluation, figures
from tulip_ops.reports import evaluation_plots, html

CASES = 6
"""Scenes on each contact sheet."""
_PICTURES = {
    "confusion.png": "Confusion at the model's thresholds. Rows sum to 100 %.",
    "precision-recall.png": "Precision over recall, and where the thresholds lie.",
    "reliability.png": "Observed over predicted frequency, in 20 bins of equal width.",
    "worst.png": "The worst scenes.",
    "best.png": "The best scenes.",
}


def write(evaluation: Evaluation, data: str, folder: Path) -> dict[str, Estimate | int]:
    """Write the report of an evaluation into `folder`; returns its figures.

    data: what the scenes are, for people. Files of an earlier report are replaced. `BadSetting`
    without matplotlib.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found = figures(evaluation)
    with write_output(folder / "metrics.json") as draft:
        text = json.dumps(as_json(evaluation, data, found), indent=2)
        draft.write_text(text + "\n", encoding="utf-8")
    drawn = _draw(evaluation, data, folder)
    with write_output(folder / "index.html") as draft:
        draft.write_text(_page(evaluation, data, found, drawn), encoding="utf-8")
    return found


def as_json(
    evaluation: Evaluation, data: str, results: Mapping[str, Estimate | int]
) -> dict[str, object]:
    """The report for machines; intervals are 95 % ones of a bootstrap over scenes."""
    card = evaluation.card
    return {
        "model": str(card.reference),
        "sha256": card.sha256,
        "data": data,
        "thresholds": card.thresholds,
        "figures": {
            name: figure
            if isinstance(figure, int)
            else {"value": figure.value, "low": figure.low, "high": figure.high}
            for name, figure in results.items()
        },
        "scores": {case.name: round(case.score, 4) for case in evaluation.cases},
    }


def _draw(evaluation: Evaluation, data: str, folder: Path) -> list[str]:
    """Draw all available charts, in the order of the page; returns the names of the files."""
    known = {name: t for name, t in evaluation.tallies.items() if (t.positive + t.negative).any()}
    thresholds = {str(output): each for output, each in evaluation.card.thresholds.items()}
    drawn = []
    if known:
        counts = {
            str(output): tally.at(thresholds[output]).sum(axis=0) for output, tally in known.items()
        }
        evaluation_plots.confusion(folder / "confusion.png", counts)
        curves = {str(output): metrics.precision_recall(tally) for output, tally in known.items()}
        evaluation_plots.precision_recall(folder / "precision-recall.png", curves, thresholds)
        reliabilities = {str(output): metrics.reliability(tally) for output, tally in known.items()}
        evaluation_plots.reliability(folder / "reliability.png", reliabilities)
        drawn += ["confusion.png", "precision-recall.png", "reliability.png"]
    if evaluation.cases:
        for name, cases in (
            ("worst", evaluation.cases[:CASES]),
            ("best", evaluation.cases[::-1][:CASES]),
        ):
            title = f"{evaluation.card.reference}, {name} of {len(evaluation.cases)}: {data}"
            evaluation_plots.contact_sheet(folder / f"{name}.png", title, cases)
            drawn.append(f"{name}.png")
    return drawn


def _page(
    evaluation: Evaluation, data: str, found: Mapping[str, Estimate | int], drawn: Sequence[str]
) -> str:
    """drawn: the names of the pictures beside it."""
    return html.render(
        "evaluation.html.j2",
        title=f"{evaluation.card.reference}: {data}",
        figures=[(name.replace("_", " "), format_figure(figure)) for name, figure in found.items()],
        pictures=[(name, _PICTURES[name]) for name in drawn],
    )


def format_figure(figure: Estimate | int) -> str:
    """A figure for people: `0.912 (0.897 to 0.925)`, or a count."""
    if isinstance(figure, int):
        return f"{figure:,}"
    if figure.low is None or figure.high is None:
        return f"{figure.value:.3f}"
    return f"{figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})"
