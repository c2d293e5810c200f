"""The talk's comparisons on simulated scenes: ResNet50 and ResNet101, RGB and ten bands.

    .tulip/venv/bin/python -m bench.networks.comparisons [--only resnets|bands] [--scenes N]

Trains both ResNets on the same scenes for the same number of batches, and runs the shipped U-Nets
over scenes that were simulated for each situation. Writes
docs/explanation/comparisons.md and its charts. Trained networks are kept in --work and reused.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np

from tulip_ops import simulate
from tulip_ops.core.errors import ModelNotFound
from tulip_ops.core.types import BANDS
from tulip_ops.ml.datasets import labels
from tulip_ops.ml.datasets.scenes import TrainingScene, load_scenes, make_scenes
from tulip_ops.ml.datasets.training_sets import TEST, Options
from tulip_ops.ml.evaluation import evaluate, metrics
from tulip_ops.ml.evaluation.bootstrap import Estimate, estimate
from tulip_ops.ml.inference import model_registry
from tulip_ops.ml.inference.model_registry import Card
from tulip_ops.ml.training import train
from tulip_ops.ml.training.recipes import cloud_filter_recipe
from tulip_ops.raster import reflectance as radiometry
from tulip_ops.reports import evaluation_plots
from tulip_ops.simulate import Sky, Weather
from tulip_ops.simulate.seasons import KNOWN_SEASONS
from tulip_ops.storage.product_store import ProductStore

ROOT = Path(__file__).resolve().parents[2]
SEED = 9
"""Its places and seasons are neither those of a shipped training nor those of its figures."""
SIDE = 512
DEPTHS = ("resnet50", "resnet101")
Bars = dict[str, dict[str, tuple[float, float | None, float | None]]]


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
    parser.add_argument("--scenes", type=int, default=80, help="that the ResNets are measured on")
    parser.add_argument("--situation", type=int, default=30, help="scenes of each situation")
    parser.add_argument("--learn", type=int, default=120, help="scenes that the ResNets learn from")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def _keep(path: Path, found: dict[str, object]) -> None:
    path.write_text(json.dumps(found, indent=2) + "\n")


def held_out(options: argparse.Namespace, bands: tuple[str, ...]) -> Iterator[TrainingScene]:
    """The scenes that all are compared on, one in memory at a time."""
    first = SEED * 10_000 + TEST
    seeds = range(first, first + options.scenes)
    for path in make_scenes(options.work, seeds, SIDE, options.threads):
        yield from load_scenes([path], bands)


def compare_resnets(options: argparse.Namespace) -> dict[str, object]:
    """Cloud filters of both depths after the same batches of the same scenes."""
    chosen = Options("cloud-filter", train.RGB, seed=SEED, simulated=options.learn, size=SIDE)
    folders = train.Folders(
        options.work / "models", options.work, ProductStore(str(options.work / "store"))
    )
    found: dict[str, object] = {}
    for depth in DEPTHS:
        version = f"0-{depth}-{options.learn}-{options.epochs}-{options.steps}"
        place = folders.models / "cloud-filter-rgb" / version
        if place.exists():
            card = model_registry.read_card(place)
        else:
            recipe = cloud_filter_recipe(epochs=options.epochs, steps=options.steps, depth=depth)
            card = train.train(recipe, chosen, folders, version=version, threads=options.threads)
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
    """The U-Nets in use, by situation."""
    bars: Bars = {}
    cards = [
        model_registry.choose(options.models, "unet", "auto", bands) for bands in (train.RGB, BANDS)
    ]
    if [set(card.bands) for card in cards] != [set(train.RGB), set(BANDS)]:
        raise ModelNotFound(f"{options.models} lacks a U-Net of three or of ten bands; train it")
    numbers = {}
    for situation, scenes in situations(options.situation).items():
        numbers[situation] = len(scenes)
        bars[situation] = {
            str(card.reference): _bar(_tulip_iou(card, scenes, options.threads)) for card in cards
        }
    return {"models": [str(card.reference) for card in cards], "scenes": numbers, "iou": bars}


def _tulip_iou(card: Card, scenes: Sequence[TrainingScene], threads: int) -> Estimate:
    evaluation = evaluate.evaluate(
        card, [with_bands(scene, card.bands) for scene in scenes], threads
    )
    counts = evaluation.tallies["tulip"].at(card.threshold)
    return estimate(metrics.over_all(counts, metrics.iou), len(counts))


def situations(count: int, side: int = SIDE) -> dict[str, list[TrainingScene]]:
    """`count` scenes of ten bands of each situation; complex fields are a third of full bloom."""
    bloom = [_simulated(seed, side, "full bloom") for seed in range(count)]
    narrow = np.argsort([-edges(scene) for scene in bloom])[: max(1, count // 3)]
    return {
        "full bloom": bloom,
        "complex fields": [bloom[place] for place in narrow],
        "broken cloud": [_simulated(seed, side, "broken cloud") for seed in range(count)],
        "not obvious": [_simulated(seed, side, "not obvious") for seed in range(count)],
    }


def _simulated(seed: int, side: int, situation: str) -> TrainingScene:
    """A polder of its own, in a random season; the same seed gives the same one in all situations.

    In full bloom the day is that on which most of its fields flower; where tulips are not
    obvious, it lies 12 days before the first flowers or 12 days after the last ones.
    """
    random = np.random.default_rng([SEED, seed])
    season = int(random.choice(KNOWN_SEASONS))
    polder = _flowering(random, side, season)
    early, late = bool(random.integers(2)), timedelta(days=12)
    blooms = polder.blooms[season].values()
    peaks = sorted(bloom.peak for bloom in blooms)
    day = peaks[len(peaks) // 2]
    if situation == "not obvious":
        first, last = min(b.onset for b in blooms), max(b.end for b in blooms)
        day = first - late if early else last + late
    kind = Weather.BROKEN if situation == "broken cloud" else Weather.CLEAR
    sky = replace(Sky.draw(random, kind), swath_edge=0.0)
    made = simulate.make_scene(
        polder, day, sky=sky, seed=seed, atmosphere=simulate.Atmosphere.draw(random)
    )
    return as_scene(f"{situation} {seed}", made)


def _flowering(random: np.random.Generator, side: int, season: int) -> simulate.Polder:
    """A random polder in which something flowers, which a small one need not."""
    while True:
        polder = simulate.make_polder(int(random.integers(2**31)), side, side, [season])
        if polder.blooms[season]:
            return polder


def as_scene(name: str, made: simulate.SimulatedScene) -> TrainingScene:
    """A simulated scene as networks are held against it, with all its bands."""
    shares = np.stack([made.truth.bloom, made.truth.cloud, made.truth.shadow])
    layers = np.concatenate([made.truth.tulip[None], np.rint(shares.clip(0, 1) * labels.SHARE)])
    dn, known = (
        np.ascontiguousarray(np.moveaxis(each, 0, -1))
        for each in (radiometry.encode(made.reflectance), layers.astype(np.uint8))
    )
    return TrainingScene(name, name, made.sensed_at.year, dn, known, measured=BANDS)


def with_bands(scene: TrainingScene, bands: Sequence[str]) -> TrainingScene:
    """The same scene with these bands alone, in this order."""
    dn = scene.dn[..., [scene.measured.index(band) for band in bands]]
    return replace(scene, dn=np.ascontiguousarray(dn), measured=tuple(bands))


def edges(scene: TrainingScene) -> float:
    """Tulip pixels beside another class, as a share of the tulip pixels: 1 for narrow strips."""
    tulip = np.pad(scene.truth[..., labels.TULIP] == 1, 1, mode="edge")
    around = tulip[2:, 1:-1] & tulip[:-2, 1:-1] & tulip[1:-1, 2:] & tulip[1:-1, :-2]
    tulips = tulip[1:-1, 1:-1]
    return np.count_nonzero(tulips & ~around) / max(1, np.count_nonzero(tulips))


def _plain(figure: Estimate | int) -> object:
    return figure if isinstance(figure, int) else _bar(figure)


def _bar(figure: Estimate) -> tuple[float, float | None, float | None]:
    low, high = (None if end is None else round(end, 4) for end in (figure.low, figure.high))
    return round(figure.value, 4), low, high


def write_page(work: Path, docs: Path) -> None:
    """docs/explanation/comparisons.md from what is in `work`, with its charts."""
    lines = [
        "# Comparisons",
        "",
        "**All of this is simulated.** Written by `bench/networks/comparisons.py` for places",
        "and seasons outside all training sets. In brackets: 95 % intervals of a bootstrap over",
        "scenes.",
        "",
    ]
    (docs / "pictures").mkdir(parents=True, exist_ok=True)
    if (work / "resnets.json").exists():
        lines += _resnets(json.loads((work / "resnets.json").read_text()), docs)
    if (work / "bands.json").exists():
        lines += _bands(json.loads((work / "bands.json").read_text()), docs)
    path = docs / "explanation" / "comparisons.md"
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(lines))


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
    evaluation_plots.comparison(docs / "pictures" / "resnets.png", title, "share", groups)
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
        "above 5 % of hidden pixels and clear below 1 %; those between are left out. This shows",
        "how fast each learns, not its final accuracy: the shipped filter saw 3,600 batches.",
        "",
        f"| | {' | '.join(names.values())} |",
        f"|---|{'---|' * len(names)}",
        *rows,
        "",
        "![ResNet50 against ResNet101](../pictures/resnets.png)",
        "",
    ]


def _bands(found: dict[str, object], docs: Path) -> list[str]:
    bars, numbers, models = found["iou"], found["scenes"], found["models"]
    assert isinstance(bars, dict)  # noqa: S101
    assert isinstance(numbers, dict)  # noqa: S101
    assert isinstance(models, list)  # noqa: S101
    groups = {f"{name}\n{numbers[name]} scenes": each for name, each in bars.items()}
    title = "Tulips by situation (simulated)"
    evaluation_plots.comparison(
        docs / "pictures" / "bands.png", title, "IoU over all pixels", groups
    )
    rows = [
        f"| {name} | {numbers[name]} | " + " | ".join(_cell(each[model]) for model in models) + " |"
        for name, each in bars.items()
    ]
    return [
        "## Red, green and blue against ten bands",
        "",
        "Tulip IoU over all pixels, on scenes that were simulated for it:",
        "",
        "- **full bloom**: clear, on the day on which most fields of the place flower;",
        "- **complex fields**: the third of those places with the narrowest tulip fields;",
        "- **broken cloud**: the same places and days under broken clouds and their shadows;",
        "  pixels below opaque cloud do not count;",
        "- **not obvious**: the same places, clear, 12 days before the first flowers or 12 days",
        "  after the last ones.",
        "",
        f"| | scenes | {' | '.join(models)} |",
        f"|---|---|{'---|' * len(models)}",
        *rows,
        "",
        "![RGB against ten bands](../pictures/bands.png)",
        "",
    ]


def _cell(bar: Sequence[float | None]) -> str:
    value, low, high = bar
    return f"{value:.3f}" if low is None else f"{value:.3f} ({low:.3f} to {high:.3f})"


if __name__ == "__main__":
    main()
