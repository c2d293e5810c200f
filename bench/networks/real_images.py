"""Hold the shipped networks, and peers, against real images that nothing was trained on.

    .tulip/venv/bin/python -m bench.networks.real_images [--models FOLDER] [--peers PYTHON] ...

Prints a table, and leaves a page with contact sheets for every model and source below --out.
README.md tells what the images and the peers are. Counts stand beside every figure: most sources
are a handful of images, and none of their figures is sharper than that.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.networks import real_page, real_scenes
from bench.networks.real_scenes import Collection, with_bands
from tulip_ops.ml.datasets import labels
from tulip_ops.ml.datasets.scenes import TrainingScene
from tulip_ops.ml.evaluation import evaluate, metrics
from tulip_ops.ml.inference import model_registry, predictors
from tulip_ops.ml.inference.model_registry import Card
from tulip_ops.ml.inference.window_layout import CELL
from tulip_ops.ml.training import model_card
from tulip_ops.raster import tiling
from tulip_ops.reports import evaluation_report

PEERS = {
    "ukis-csmask-l1c": ("blue", "green", "red", "nir", "swir16", "swir22"),
    "ukis-csmask-l2a": ("blue", "green", "red", "nir"),
    "s2cloudless": real_scenes.SENTINEL_2,
}
"""Bands that each peer needs. The level of ukis-csmask is that of the sources: the series from
Antwerp alone is corrected for the atmosphere, and has four bands."""
PEER_CHIP = 256


class Row(NamedTuple):
    """One line of the table."""

    source: str
    contestant: str
    cases: str
    counts: tuple[int, int, int, int]
    """Hits, false alarms, misses, right rejections; a hit is cloud, or tulips, rightly found."""
    left_out: int

    def figures(self) -> dict[str, float]:
        counts = np.array(self.counts, dtype=np.float64)
        formulas = (metrics.accuracy, metrics.f1, metrics.precision, metrics.recall, metrics.iou)
        found = {formula.__name__: float(formula(counts)) for formula in formulas}
        return {name: round(value, 4) for name, value in found.items() if np.isfinite(value)}


def main() -> None:
    """Run, print, write."""
    options = _options()
    found = [read(real_scenes.folder()) for read in real_scenes.COLLECTIONS]
    rows: list[Row] = []
    for card in _newest(options.models):
        for collection in found:
            if readable := _readable(card, collection):
                rows += _judge(card, collection, readable, options)
    if options.peers:
        rows += _peers(options.peers, found)
    for row in rows:
        print(_line(row))
    if options.json:
        options.json.write_text(json.dumps([_plain(row) for row in rows], indent=2) + "\n")
    if options.page:
        real_page.write([_plain(row) for row in rows], options.page)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--models", type=Path, default=real_scenes.ROOT / "models")
    parser.add_argument("--peers", type=Path, help="python that has bench/requirements.txt")
    parser.add_argument("--out", type=Path, default=real_scenes.ROOT / ".tulip" / "real-images")
    parser.add_argument("--json", type=Path, help="file for the rows")
    parser.add_argument(
        "--page", type=Path, help="the same for people: docs/explanation/real-images.md"
    )
    parser.add_argument(
        "--record", action="store_true", help="write figures into the models' cards"
    )
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def _newest(models: Path) -> list[Card]:
    """The version of each model that `auto` would take."""
    there = model_registry.list_models(models)
    return [
        model_registry.choose(models, kind, name, bands)
        for kind, name, bands in sorted({(card.kind, card.name, card.bands) for card in there})
    ]


def _readable(card: Card, collection: Collection) -> list[TrainingScene]:
    """The scenes that the model can read; only those with known tulips for a U-Net."""
    fitting = [scene for scene in collection.scenes if set(card.bands) <= set(scene.measured)]
    if card.kind == "unet":
        fitting = [
            scene
            for scene in fitting
            if (scene.truth[..., labels.TULIP] == 1).any() and scene.cloudy is not True
        ]
    return [with_bands(scene, card.bands) for scene in fitting]


def _judge(
    card: Card, collection: Collection, scenes: Sequence[TrainingScene], options: argparse.Namespace
) -> list[Row]:
    """Rows of one model over one source, and its report."""
    found = evaluate.evaluate(card, scenes, options.threads)
    place = options.out / f"{card.name}-{card.version}" / collection.name.replace(" ", "-")
    figures = evaluate.values(
        evaluation_report.write(found, f"{collection.name} ({collection.truth})", place)
    )
    name = str(card.reference)
    if card.kind == "unet":
        rows = list(_dates(card, collection.name, scenes, options.threads))
        figures |= {f"tulip_iou, {row.cases}": row.figures()["iou"] for row in rows}
    else:
        rows = [
            Row(collection.name, name, f"{output}s", _sum(tally.at(card.thresholds[output])), left)
            for output, tally in found.tallies.items()
            if (left := found.left_out[output]) >= 0 and (tally.positive + tally.negative).any()
        ]
    if options.record:
        title = f"{collection.name}: real images, never trained on ({collection.truth})"
        model_card.record(model_registry.read_card(card.folder), title, figures)
    return rows


def _sum(
    counts: NDArray[np.float64] | NDArray[np.int_] | NDArray[np.bool_],
) -> tuple[int, int, int, int]:
    hits, alarms, misses, rejections = counts.sum(axis=0).astype(int).tolist()
    return hits, alarms, misses, rejections


def _dates(card: Card, source: str, scenes: Sequence[TrainingScene], threads: int) -> Iterator[Row]:
    """Tulips by image, and by place from all its clear dates together: see `_together`."""
    network = predictors.load_unet(card, threads)
    predictions: dict[str, list[NDArray[np.float32]]] = {}
    true: dict[str, NDArray[np.bool_]] = {}
    for scene in scenes:
        tulip = network.tulip_probability(scene.reflectance(), card.bands)[0]
        growing = scene.truth[..., labels.TULIP]
        tulip[growing == labels.UNKNOWN] = np.nan
        predictions.setdefault(scene.place, []).append(tulip)
        true[scene.place] = growing == 1
        yield Row(source, str(card.reference), scene.name, _counts(tulip, growing == 1, card), 0)
    both = [(_together(np.stack(each)), true[place]) for place, each in predictions.items()]
    for how in ("union", "mean", "mean of log-odds"):
        counts = np.array([_counts(each[how], growing, card) for each, growing in both])
        cases = f"{how} of dates, {len(predictions)} places"
        yield Row(source, str(card.reference), cases, _sum(counts), 0)


def _together(dates: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """Predictions of several dates, (dates, height, width), combined in three ways.

    The union predicts tulip where any date does; the means where the mean probability, or the
    probability of the mean log-odds, does.
    """
    clipped = np.clip(dates, 1e-6, 1 - 1e-6)
    odds = np.log(clipped) - np.log1p(-clipped)
    return {
        "union": np.fmax.reduce(dates),
        "mean": dates.mean(axis=0),
        "mean of log-odds": 1 / (1 + np.exp(-odds.mean(axis=0))),
    }


def _counts(
    tulip: NDArray[np.float32], growing: NDArray[np.bool_], card: Card
) -> tuple[int, int, int, int]:
    return _sum(metrics.tally([(tulip, growing)]).at(card.threshold))


def _peers(python: Path, found: Sequence[Collection]) -> Iterator[Row]:
    """Rows of each peer over the sources that it can read, by the same rules as for cells."""
    images = {}
    for collection in found:
        for scene in collection.scenes:
            for peer in _peers_of(scene):
                seen = np.moveaxis(with_bands(scene, PEERS[peer]).reflectance(), 0, -1)
                images[f"{peer}|{scene.name}"] = np.nan_to_num(seen)
    with tempfile.TemporaryDirectory() as folder:
        images_file, hidden_file = Path(folder) / "images.npz", Path(folder) / "hidden.npz"
        np.savez(images_file, **images)
        script = Path(__file__).with_name("peers.py")
        subprocess.run([python, script, images_file, hidden_file], check=True)
        with np.load(hidden_file) as arrays:
            hidden = dict(arrays)
    for collection in found:
        for peer in PEERS:
            judged = [
                (scene, hidden[f"{peer}|{scene.name}"])
                for scene in collection.scenes
                if f"{peer}|{scene.name}" in hidden
            ]
            if judged:
                yield from _peer_rows(collection.name, peer, judged)


def _peers_of(scene: TrainingScene) -> list[str]:
    corrected = scene.measured == ("blue", "green", "red", "nir")
    return [
        peer
        for peer, bands in PEERS.items()
        if set(bands) <= set(scene.measured) and corrected == (peer == "ukis-csmask-l2a")
    ]


def _peer_rows(
    source: str, peer: str, judged: Sequence[tuple[TrainingScene, NDArray[np.bool_]]]
) -> Iterator[Row]:
    """A chip or a cell is said to be cloudy where the peer hides more than 5 % of it."""
    units = {
        "chips": [_chips(scene, hidden) for scene, hidden in judged],
        "cells": [_cells(scene, hidden) for scene, hidden in judged],
    }
    for unit, cases in units.items():
        share, label = (np.concatenate(each) for each in zip(*cases, strict=True))
        decided = np.isfinite(label)
        called, cloudy = share[decided] > labels.CLOUDY, label[decided] == 1
        four = np.array([called & cloudy, called & ~cloudy, ~called & cloudy, ~called & ~cloudy])
        if decided.any():
            left_out = int(np.count_nonzero(~decided))
            yield Row(source, peer, unit, _sum(four.T), left_out)


def _chips(
    scene: TrainingScene, hidden: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Share that is hidden, and the label, of each chip; see `answers` for verdicts."""
    plan = tiling.plan(*hidden.shape, PEER_CHIP, PEER_CHIP)
    shares = tiling.cut(hidden[np.newaxis].astype(np.float32), plan).mean(axis=(1, 2, 3))
    if scene.cloudy is not None:
        return shares.max(keepdims=True), np.array([scene.cloudy], dtype=np.float32)
    cuts = tiling.cut(np.moveaxis(scene.truth, -1, 0), plan)
    return shares, labels.cloud_filter_target(np.moveaxis(cuts, 1, -1))[1]


def _cells(
    scene: TrainingScene, hidden: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    rows, columns = (side // CELL for side in hidden.shape)
    complete = hidden[: rows * CELL, : columns * CELL].astype(np.float32)
    shares = complete.reshape(rows, CELL, columns, CELL).mean(axis=(1, 3))
    return shares.ravel(), labels.cell_labels(scene.truth).ravel()


def _line(row: Row) -> str:
    hits, alarms, misses, right = row.counts
    figures = "  ".join(f"{name} {value:.3f}" for name, value in row.figures().items())
    return (
        f"{row.source:20} {row.contestant:24} {row.cases:26} {hits:6} hits {alarms:6} alarms"
        f" {misses:6} misses {right:6} right {row.left_out:5} left out  {figures}"
    )


def _plain(row: Row) -> dict[str, object]:
    hits, alarms, misses, right = row.counts
    return {
        "source": row.source,
        "contestant": row.contestant,
        "cases": row.cases,
        "hits": hits,
        "false_alarms": alarms,
        "misses": misses,
        "right_rejections": right,
        "left_out": row.left_out,
        **row.figures(),
    }


if __name__ == "__main__":
    main()
