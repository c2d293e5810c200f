"""Charts of trainings and of how good a network is, contact sheets of best and worst cases.

Colours are distinguishable with any colour vision (Okabe and Ito's palette, viridis).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tulip_ops.ml.evaluation.evaluate import Case
from tulip_ops.reports import plotting

if TYPE_CHECKING:
    from numpy.typing import NDArray

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
_UNKNOWN = (0.8, 0.8, 0.8)
_VERDICTS = np.array(
    [
        (0.18, 0.18, 0.18),  # rightly not found
        (0.34, 0.71, 0.91),  # missed
        (0.90, 0.62, 0.00),  # false alarm
        (1.00, 1.00, 1.00),  # rightly found
    ]
)
_KEY = "white: rightly found   orange: false alarm   blue: missed   grey: not counted"


def contact_sheet(path: Path, title: str, cases: Sequence[Case]) -> None:
    """Draw image, truth, probability and difference of each case in a row of its own."""
    figure = plotting.new_figure(11, 2.85 * len(cases) + 0.9)
    panels = figure.subplots(len(cases), 4, squeeze=False)
    for row, case in zip(panels, cases, strict=True):
        predicted = np.nan_to_num(case.probability) >= case.threshold
        truth = np.where(case.counted[..., None], case.truth[..., None] * np.ones(3), _UNKNOWN)
        verdict = _VERDICTS[2 * predicted + case.truth]
        verdict[~case.counted] = _UNKNOWN
        height, width = case.image.shape[:2]
        extent = (0, width, height, 0)
        row[0].imshow(case.image, extent=extent)
        row[1].imshow(truth, extent=extent, interpolation="nearest")
        row[2].set_facecolor(_UNKNOWN)
        row[2].imshow(case.probability, extent=extent, vmin=0, vmax=1, interpolation="nearest")
        row[3].imshow(verdict, extent=extent, interpolation="nearest")
        headings = (case.name, "truth", "probability", f"score {case.score:.2f}  {case.note}")
        for axes, heading in zip(row, headings, strict=True):
            axes.set_title(heading, fontsize=8)
            axes.set(xticks=[], yticks=[])
    figure.suptitle(f"{title}\n{_KEY}", fontsize=11)
    figure.savefig(path, dpi=80)


def precision_recall(
    path: Path, curves: Mapping[str, NDArray[np.float64]], thresholds: Mapping[str, float]
) -> None:
    """Draw precision over recall, with a point at the threshold of each.

    curves: by name, rows of threshold, precision, recall.
    """
    figure = plotting.new_figure(5.4, 4.6)
    axes = figure.subplots()
    for (name, curve), colour in zip(curves.items(), COLOURS, strict=False):
        axes.plot(curve[:, 2], curve[:, 1], color=colour, label=name)
        chosen = curve[np.abs(curve[:, 0] - thresholds[name]).argmin()] if len(curve) else None
        if chosen is not None:
            label = f"threshold {thresholds[name]:g}"
            axes.plot(chosen[2], chosen[1], "o", color=colour, label=label)
    _unit_square(axes, "recall", "precision")
    axes.legend(loc="lower left")
    figure.savefig(path, dpi=100)


def reliability(path: Path, curves: Mapping[str, NDArray[np.float64]]) -> None:
    """Draw observed over predicted frequency, above the number of cases.

    curves: by name, rows of predicted probability, observed share, number of cases.
    """
    figure = plotting.new_figure(5.4, 5.8)
    upper, lower = figure.subplots(2, 1, height_ratios=[3, 1], sharex=True)
    upper.plot([0, 1], [0, 1], color="0.6", linestyle="--", label="perfect")
    for (name, curve), colour in zip(curves.items(), COLOURS, strict=False):
        filled = curve[curve[:, 2] > 0]
        upper.plot(filled[:, 0], filled[:, 1], marker=".", color=colour, label=name)
        lower.step(filled[:, 0], filled[:, 2], where="mid", color=colour)
    _unit_square(upper, "", "share that came true")
    lower.set(xlabel="probability said", ylabel="cases", yscale="log")
    upper.legend(loc="upper left")
    figure.savefig(path, dpi=100)


def confusion(path: Path, counts: Mapping[str, NDArray[np.float64]]) -> None:
    """Draw the confusion matrix of each output.

    counts: by name, hits, false alarms, misses, right rejections.
    """
    figure = plotting.new_figure(3.6 * len(counts) + 0.4, 3.4)
    for axes, (name, found) in zip(
        figure.subplots(1, len(counts), squeeze=False)[0], counts.items(), strict=True
    ):
        matrix = found[[0, 2, 1, 3]].reshape(2, 2)
        share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
        axes.imshow(share, vmin=0, vmax=1, cmap="Blues")
        for (row, column), value in np.ndenumerate(matrix):
            colour = "white" if share[row, column] > 0.6 else "black"
            axes.text(
                column, row, f"{value:,.0f}\n{share[row, column]:.1%}",
                ha="center", va="center", color=colour,
            )  # fmt: skip
        axes.set(
            title=name,
            xticks=[0, 1], xticklabels=["said yes", "said no"],
            yticks=[0, 1], yticklabels=["yes", "no"], ylabel="truth",
        )  # fmt: skip
    figure.savefig(path, dpi=100)


def comparison(
    path: Path,
    title: str,
    unit: str,
    groups: Mapping[str, Mapping[str, tuple[float, float | None, float | None]]],
) -> None:
    """Draw groups of bars with their intervals.

    groups: by situation, by contestant, (value, low, high).
    """
    contestants = list(dict.fromkeys(name for bars in groups.values() for name in bars))
    figure = plotting.new_figure(1.6 * len(groups) + 2.6, 4.2)
    axes = figure.subplots()
    width = 0.8 / len(contestants)
    for place, (name, colour) in enumerate(zip(contestants, COLOURS, strict=False)):
        there = [(at, bars[name]) for at, bars in enumerate(groups.values()) if name in bars]
        x = np.array([at for at, _ in there]) + (place - (len(contestants) - 1) / 2) * width
        value = np.array([bar[0] for _, bar in there])
        ends = np.array([[b[1] or b[0], b[2] or b[0]] for _, b in there])
        around = np.abs(ends.T - value)
        axes.bar(x, value, width * 0.92, color=colour, label=name, yerr=around, capsize=3)
    axes.set(ylim=(0, 1), ylabel=unit, xticks=range(len(groups)), xticklabels=list(groups))
    axes.set_title(title, fontsize=11)
    figure.legend(loc="outside lower center", ncols=len(contestants), frameon=False)
    figure.savefig(path, dpi=100)


def rates(path: Path, title: str, unit: str, bars: Mapping[str, float]) -> None:
    """Draw a bar for each, the first in a colour of its own, and write its number beside it."""
    figure = plotting.new_figure(8, 0.55 * len(bars) + 1.3)
    axes = figure.subplots()
    colours = [COLOURS[0], *[COLOURS[1]] * (len(bars) - 1)]
    drawn = axes.barh(list(bars), list(bars.values()), color=colours)
    axes.bar_label(drawn, fmt="%.2f", padding=4)
    axes.invert_yaxis()
    axes.set(xlabel=unit, xlim=(0, 1.12 * max(bars.values())))
    axes.set_title(title, fontsize=11)
    figure.savefig(path, dpi=100)


def _unit_square(axes: Any, across: str, up: str) -> None:
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), xlabel=across, ylabel=up)
    axes.grid(color="0.9")


def training_curves(table: Path, picture: Path) -> None:
    """Draw the losses of a training's CSV log; `BadSetting` without matplotlib.

    table: columns part, epoch, chip size, loss, validation loss, seconds, under a line of names.
    """
    loss, validation = np.loadtxt(table, delimiter=",", skiprows=1, ndmin=2, usecols=(3, 4)).T
    epoch = np.arange(1, len(loss) + 1)
    figure = plotting.new_figure(6, 4)
    axes = figure.subplots()
    axes.plot(epoch, loss, label="learned from")
    axes.plot(epoch, validation, label="validation scenes")
    axes.set(xlabel="epoch", ylabel="loss")
    axes.legend()
    figure.savefig(picture, dpi=120)
