"""A model's card for people."""

from __future__ import annotations

from tulip_ops.networks.registry import Card

_USES = {
    "cloud-filter": (
        "Says of each chip of a Sentinel-2 image whether cloud, haze or shadow lies in it"
        " (ResNet50). Chips overlap by half; a pixel takes the mean of the chips over it."
    ),
    "unet": (
        "Says of each pixel of a Sentinel-2 image how probably tulips grow there, and how"
        " probably they are in flower (U-Net: background, tulip, tulip in flower)."
    ),
}
_LIMITS = {
    "cloud-filter": (
        "- Clouds smaller than about 5 % of a chip are not called cloudy.",
        "- Bright roofs, plastic and snow may be taken for cloud; thin cirrus may be missed.",
    ),
    "unet": (
        "- Without flowers, tulips look much like other young crops in red, green and blue.",
        "- Hyacinths, daffodils and other bright flowers may be taken for tulips.",
        "- Only clear ground counts: under cloud and in deep shadow its answer means nothing.",
    ),
}


def text(card: Card) -> str:
    """CARD.md, from the card alone."""
    rows = [f"| {name.replace('_', ' ')} | {value} |" for name, value in card.metrics.items()]
    made = [f"| {name} | {value} |" for name, value in card.training.settings.items()]
    bloom = "" if card.bloom_threshold is None else f"; in flower from {card.bloom_threshold}"
    return "\n".join(
        [
            f"# {card.reference}",
            "",
            _USES[card.kind],
            "",
            f"Reads {', '.join(card.bands)} as surface or top-of-atmosphere reflectance at 10 m.",
            f"Reads {card.chip} x {card.chip} pixels at once.",
            f"Positive from probability {card.threshold}{bloom}, chosen on validation scenes.",
            "",
            "## Held-out simulated scenes",
            "",
            "**Simulated, all of it: other polders than those it learned from, made by the same",
            "simulator. These figures are no promise about real images.**",
            "",
            "| | |",
            "|---|---|",
            *rows,
            "",
            "## Limits",
            "",
            *_LIMITS[card.kind],
            "- It has never seen a real image while it learned.",
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
