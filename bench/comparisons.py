"""The talk's comparisons on simulated scenes: ResNet50 and ResNet101, RGB and ten bands.

    .tulip/venv/bin/python bench/comparisons.py [--only resnets|bands] [--scenes N]

Trains both ResNets on the same scenes for the same number of batches, and runs the shipped U-Nets
over the same held-out scenes, sorted by what they show. Writes docs/comparisons.md and its charts.
What was finished is kept in --work, and not done again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tulip_ops import charts
from tulip_ops.domain import BANDS
from tulip_ops.errors import ModelNotFound
from tulip_ops.networks import data, evaluate, metrics, registry, train, truth
from tulip_ops.networks.data import Scene
from tulip_ops.networks.intervals import Estimate, estimate
from tulip_ops.networks.training_data import TEST, Options
from tulip_ops.store import Store

ROOT = Path(__file__).resolve().parent.parent
SEED = 9
"""Its places and seasons are neither those of a shipped training nor those of its figures."""
SIDE = 512
DEPTHS = ("resnet50", "resnet101")
Situations = Mapping[str, NDArray[np.bool_]]
"""By name: which of the scenes, (scenes,)."""
Bars = dict[str, dict[str, tuple[float, float | None, float | None]]]


@dataclass(frozen=True, slots=True)
class Look:
    """What a scene shows."""

    flowering: float
    """Share of the tulip pixels in flower."""
    hidden: float
    """Share of the measured pixels below cloud or in shadow."""
    edges: float
    """Tulip pixels beside another class, as a share of the tulip pixels: 1 for narrow strips."""
    tulips: int


def main() -> None:
    """Compare, draw, write."""
    options = _options()
    options.work.mkdir(parents=True, exist_ok=True)
    if options.only != "bands":
        _keep(options.work / "resnets.json", compare_resnets(options))
    if options.only != "resnets":
        _keep(options.work / "bands.json", compare_bands(options))
    write_page(options.work, options.docs)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--only", choices=["resnets", "bands"])
    parser.add_argument("--models", type=Path, default=ROOT / "models")
    parser.add_argument("--work", type=Path, default=ROOT / ".tulip" / "comparisons")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs")
    parser.add_argument("--scenes", type=int, default=160, help="held-out scenes")
    parser.add_argument("--learn", type=int, default=120, help="scenes that the ResNets learn from")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def _keep(path: Path, found: dict[str, object]) -> None:
    path.write_text(json.dumps(found, indent=2) + "\n")


def held_out(options: argparse.Namespace, bands: tuple[str, ...]) -> Iterator[Scene]:
    """The scenes that all are compared on, one in memory at a time."""
    first = SEED * 10_000 + TEST
    seeds = range(first, first + options.scenes)
    for path in data.make_scenes(options.work, seeds, SIDE, options.threads):
        yield from data.load_scenes([path], bands)


def compare_resnets(options: argparse.Namespace) -> dict[str, object]:
    """Cloud filters of both depths after the same batches of the same scenes."""
    chosen = Options("cloud-filter", train.RGB, seed=SEED, simulated=options.learn, size=SIDE)
    folders = train.Folders(
        options.work / "models", options.work, Store(str(options.work / "store"))
    )
    found: dict[str, object] = {}
    for depth in DEPTHS:
        version = f"0-{depth}-{options.learn}-{options.epochs}-{options.steps}"
        place = folders.models / "cloud-filter-rgb" / version
        if place.exists():
            card = registry.read_card(place)
        else:
            card = train.train_cloud_filter(
                chosen, folders, version=version, epochs=options.epochs, steps=options.steps,
                threads=options.threads, depth=depth,
            )  # fmt: skip
        scenes = held_out(options, card.bands)
        figures = evaluate.figures(evaluate.evaluate(card, scenes, options.threads))
        found[depth] = {
            "minutes": card.training.settings["minutes"],
            "megabytes": round(card.weights.stat().st_size / 1e6, 1),
            **{name: _plain(figure) for name, figure in figures.items()},
        }
    budget = f"{options.epochs} x {options.steps} batches of {options.learn} scenes"
    return {"budget": budget, "networks": found}


def compare_bands(options: argparse.Namespace) -> dict[str, object]:
    """The shipped U-Nets, by situation."""
    bars: Bars = {}
    looks = [look(scene) for scene in held_out(options, train.RGB)]
    cards: list[str] = []
    for bands in (train.RGB, BANDS):
        card = registry.choose(options.models, "unet", "auto", bands)
        if set(card.bands) != set(bands):
            raise ModelNotFound(f"no U-Net of {len(bands)} bands is in {options.models}; train one")
        said = evaluate.evaluate(card, held_out(options, card.bands), options.threads)
        cards.append(str(card.reference))
        for situation, chosen in situations(looks).items():
            counts = said.tallies["tulip"].of(chosen).at(card.threshold)
            figure = estimate(metrics.over_all(counts, metrics.iou), len(counts))
            bars.setdefault(situation, {})[str(card.reference)] = _bar(figure)
    numbers = {name: int(chosen.sum()) for name, chosen in situations(looks).items()}
    return {"models": cards, "scenes": numbers, "iou": bars}


def look(scene: Scene) -> Look:
    """What a simulated scene shows; nothing in its truth is unknown."""
    measured = (scene.dn > 0).all(axis=-1)
    hidden = truth.hidden(scene.truth)[0] & measured
    tulip = (scene.truth[..., truth.TULIP] == 1) & measured
    flower = scene.truth[..., truth.FLOWER] >= truth.IN_FLOWER * truth.SHARE
    inner = (
        tulip[1:-1, 1:-1] & tulip[2:, 1:-1] & tulip[:-2, 1:-1] & tulip[1:-1, 2:] & tulip[1:-1, :-2]
    )
    tulips = int(np.count_nonzero(tulip[1:-1, 1:-1]))
    return Look(
        np.count_nonzero(tulip & flower) / max(1, np.count_nonzero(tulip)),
        np.count_nonzero(hidden) / max(1, np.count_nonzero(measured)),
        1 - np.count_nonzero(inner) / max(1, tulips),
        tulips,
    )


def situations(looks: Sequence[Look]) -> Situations:
    """Which scenes show what; a scene may show several, or none."""
    flowering, hidden, edges, tulips = (
        np.array([getattr(each, name) for each in looks]) for name in asdict(looks[0])
    )
    there = tulips > 500
    blooming, clear = there & (flowering >= evaluate.IN_BLOOM), hidden < 0.05
    narrow = edges > np.quantile(edges[there], 0.67) if there.any() else there
    return {
        "full bloom": there & (flowering >= 0.6) & clear,
        "broken cloud": blooming & (hidden >= 0.1) & (hidden < 0.6),
        "complex fields": blooming & narrow & clear,
        "not obvious": there & (flowering < 0.05) & clear,
    }


def _plain(figure: Estimate | int) -> object:
    return figure if isinstance(figure, int) else _bar(figure)


def _bar(figure: Estimate) -> tuple[float, float | None, float | None]:
    low, high = (None if end is None else round(end, 4) for end in (figure.low, figure.high))
    return round(figure.value, 4), low, high


def write_page(work: Path, docs: Path) -> None:
    """docs/comparisons.md from what is in `work`, with its charts."""
    lines = [
        "# Comparisons",
        "",
        "**Simulated, all of it.** Made by `bench/comparisons.py` on places and seasons that no",
        "network has learned from. In brackets: 95 % intervals of a bootstrap over scenes.",
        "",
    ]
    (docs / "pictures").mkdir(parents=True, exist_ok=True)
    if (work / "resnets.json").exists():
        lines += _resnets(json.loads((work / "resnets.json").read_text()), docs)
    if (work / "bands.json").exists():
        lines += _bands(json.loads((work / "bands.json").read_text()), docs)
    (docs / "comparisons.md").write_text("\n".join(lines))


def _resnets(found: dict[str, object], docs: Path) -> list[str]:
    networks = found["networks"]
    assert isinstance(networks, dict)  # noqa: S101
    names = {depth: depth.replace("resnet", "ResNet") for depth in networks}
    wanted = ("chip_accuracy", "chip_f1", "cell_accuracy", "cell_f1")
    groups = {
        name.replace("_", " "): {
            names[depth]: tuple(each[name]) for depth, each in networks.items()
        }
        for name in wanted
    }
    title = f"Cloud filters after {found['budget']} (simulated)"
    charts.comparison(docs / "pictures" / "resnets.png", title, "share", groups)
    rows = [
        f"| {name} | " + " | ".join(_cell(bars[names[depth]]) for depth in networks) + " |"
        for name, bars in groups.items()
    ]
    rows += [
        f"| {name} | " + " | ".join(str(each[name]) for each in networks.values()) + " |"
        for name in ("minutes", "megabytes", "chips_cloudy", "chips_clear", "chips_left_out")
    ]
    return [
        "## ResNet50 against ResNet101",
        "",
        f"Cloud filters over RGB after the same small budget: {found['budget']}. Chips are cloudy",
        "above 5 % of hidden pixels and clear below 1 %; those between are left out.",
        "",
        f"| | {' | '.join(names.values())} |",
        f"|---|{'---|' * len(names)}",
        *rows,
        "",
        "![ResNet50 against ResNet101](pictures/resnets.png)",
        "",
    ]


def _bands(found: dict[str, object], docs: Path) -> list[str]:
    bars, numbers, models = found["iou"], found["scenes"], found["models"]
    assert isinstance(bars, dict)  # noqa: S101
    assert isinstance(numbers, dict)  # noqa: S101
    assert isinstance(models, list)  # noqa: S101
    groups = {f"{name}\n{numbers[name]} scenes": each for name, each in bars.items()}
    title = "Tulips by situation (simulated)"
    charts.comparison(docs / "pictures" / "bands.png", title, "IoU over all pixels", groups)
    rows = [
        f"| {name} | {numbers[name]} | " + " | ".join(_cell(each[model]) for model in models) + " |"
        for name, each in bars.items()
    ]
    return [
        "## Red, green and blue against ten bands",
        "",
        "Tulip IoU of the shipped U-Nets over all pixels of the scenes that show:",
        "",
        "- **full bloom**: at least 60 % of the tulip pixels in flower, less than 5 % hidden;",
        "- **broken cloud**: in bloom (30 %), 10 to 60 % hidden by clouds and shadows; what",
        "  opaque clouds hide does not count;",
        "- **complex fields**: in bloom and clear, the third of all scenes with the narrowest",
        "  tulip fields (most tulip pixels on a border);",
        "- **not obvious**: tulips, less than 5 % of them in flower, before or after the bloom.",
        "",
        f"| | scenes | {' | '.join(models)} |",
        f"|---|---|{'---|' * len(models)}",
        *rows,
        "",
        "![RGB against ten bands](pictures/bands.png)",
        "",
    ]


def _cell(bar: Sequence[float | None]) -> str:
    value, low, high = bar
    return f"{value:.3f}" if low is None else f"{value:.3f} ({low:.3f} to {high:.3f})"


if __name__ == "__main__":
    main()
