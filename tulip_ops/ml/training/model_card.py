"""A model's card for people."""

from __future__ import annotations

from collections.abc import Mapping

from tulip_ops.ml.inference import model_registry
from tulip_ops.ml.inference.model_registry import Card

_USES = {
    "cloud-filter": (
        "Says of each cell of 16 x 16 pixels of a Sentinel-2 image, and of whole chips, whether"
        " cloud, haze or shadow lies in it ({network}). A pixel takes its cell's answer."
    ),
    "unet": (
        "Says of each pixel of a Sentinel-2 image how probably tulips grow there, and how"
        " probably they are in flower (U-Net: background, tulip, tulip in flower)."
    ),
}
_MEANINGS = {
    "cloud-filter": (
        "A pixel is hidden by a cloud of opacity above 0.15 or a shadow deeper than 0.3. A cell"
        " or chip with more than 5 % of such pixels is cloudy, with less than 1 % clear; those"
        " in between are left out and counted."
    ),
    "unet": (
        "A tulip pixel is in flower from a share of 0.25 in flower on. Dates *in bloom* are"
        " scenes with at least 30 % of their tulip pixels in flower. Pixels below opaque clouds"
        " do not count. IoU is over all pixels of the data set, or, as the mean per image, over"
        " scenes of the same weight."
    ),
}
_LIMITS = {
    "cloud-filter": (
        "- Clouds that fill less than about 5 % of a cell are not called cloudy.",
        "- Bright roofs, plastic and snow may be taken for cloud; thin cirrus may be missed.",
    ),
    "unet": (
        "- Without flowers, tulips look much like other young crops in red, green and blue.",
        "- Hyacinths, daffodils and other bright flowers may be taken for tulips.",
        "- Only clear ground counts: under cloud and in deep shadow its answer means nothing.",
    ),
}
_SOURCES = {
    True: (
        "## Held-out simulated scenes",
        "",
        "**Simulated, all of it: other polders than those it learned from, made by the same",
        "simulator. These figures are no promise about real images.**",
    ),
    False: (
        "## Held-out scenes",
        "",
        "Other places and seasons than those it learned from.",
    ),
}
_WEAK = 0.9
"""Figures below this on held-out scenes are named among the limits."""


def record(card: Card, title: str, metrics: Mapping[str, float | int]) -> Card:
    """Store metrics on other data in the model's card; returns the card as written.

    Figures below the same title are replaced.
    """
    found = card.model_copy(update={"elsewhere": {**card.elsewhere, title: dict(metrics)}})
    model_registry.write(found, text(found))
    return found


def text(card: Card) -> str:
    """CARD.md, from the card alone."""
    made = [f"| {name} | {value} |" for name, value in card.training.settings.items()]
    return "\n".join(
        [
            f"# {card.reference}",
            "",
            _USES[card.kind].format(network=card.architecture.network.replace("resnet", "ResNet")),
            "",
            f"Reads {', '.join(card.bands)} as surface or top-of-atmosphere reflectance at 10 m.",
            f"Reads {card.chip} x {card.chip} pixels at once.",
            f"Says yes from these probabilities on, chosen on validation scenes: {_yes(card)}.",
            f"Probabilities are {_calibrated(card)}.",
            "",
            *_SOURCES[card.training.simulated],
            "",
            _MEANINGS[card.kind],
            "",
            *_table(card.metrics, card.intervals),
            *_elsewhere(card),
            "## Limits",
            "",
            *_LIMITS[card.kind],
            *_weak(card),
            *_unreal(card),
            "",
            "## Training",
            "",
            f"Data: {card.training.data}.",
            f"Licence: {card.training.licence}. Made on {card.created}.",
            "",
            "| | |",
            "|---|---|",
            *made,
            "",
        ]
    )


def _yes(card: Card) -> str:
    return ", ".join(f"{output} {threshold:g}" for output, threshold in card.thresholds.items())


def _calibrated(card: Card) -> str:
    if not card.calibration:
        return "not calibrated"
    scaled = ", ".join(
        f"{output} {fitted.slope:g} x logit {fitted.intercept:+g}"
        for output, fitted in card.calibration.items()
    )
    return f"calibrated on validation scenes (Platt: {scaled})"


def _table(
    metrics: Mapping[str, float | int], intervals: Mapping[str, tuple[float, float]]
) -> list[str]:
    rows = []
    for name, value in metrics.items():
        low, high = intervals.get(name, (None, None))
        between = "" if low is None else f"{low} to {high}"
        rows.append(f"| {name.replace('_', ' ')} | {value} | {between} |")
    return ["| | | 95 % interval over scenes |", "|---|---|---|", *rows, ""]


def _elsewhere(card: Card) -> list[str]:
    """Metrics on data other than simulated scenes, such as real images."""
    lines = []
    for data, metrics in card.elsewhere.items():
        lines += [f"## {data}", "", *_table(metrics, {})]
    return lines


def _weak(card: Card) -> list[str]:
    """Limits that the evaluation shows."""
    shares = ("_iou", "_precision", "_recall", "_f1", "_accuracy")
    return [
        f"- Held-out {name.replace('_', ' ')} is {value} only."
        for name, value in card.metrics.items()
        if value < _WEAK and name.split("_in_bloom")[0].endswith(shares)
    ]


def _unreal(card: Card) -> list[str]:
    if not card.training.simulated:
        return []
    real = "It has never seen a real image while it learned"
    return [f"- {real}." if card.elsewhere else f"- {real}, and was not measured on any."]
