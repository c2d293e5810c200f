"""Exports a network, and measures it against Keras before it is accepted."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tulip_ops.core.errors import BadSetting
from tulip_ops.core.files import atomic_folder
from tulip_ops.ml.datasets.scenes import TrainingScene, load_scenes, make_scenes, reflectance_of
from tulip_ops.ml.datasets.training_sets import TEST
from tulip_ops.ml.evaluation import evaluate, metrics
from tulip_ops.ml.inference import export_manifest, keras_backend, model_loading, openvino_backend
from tulip_ops.ml.inference.engine_selection import Engine
from tulip_ops.ml.inference.export_manifest import GATE, Export, Precision, Variant
from tulip_ops.ml.inference.model_registry import Card

log = logging.getLogger(__name__)

SAMPLES = 48
"""Scenes from which the ranges of eight bits are taken; one window of each."""
SIDE = 256
_FIRST = TEST + 5_000
"""Their first seed; training and evaluation use other seeds."""


def export(
    card: Card,
    precisions: Sequence[Precision],
    root: Path | None,
    scenes: Sequence[TrainingScene],
    described: str,
    samples: Iterable[NDArray[np.float32]],
    threads: int,
) -> Export:
    """Export the network of `card`, measure each precision on `scenes`, and store what passes.

    root: as `export_manifest.place` has it. scenes: with a truth, of the card's bands; `described`
    says what they are. samples: each (1, bands, height, width), normalized, for eight bits.
    A precision is accepted where no IoU and no accuracy is below that of Keras by more than
    `GATE`; the files of others are removed, but their figures stay. An earlier export is replaced.
    `BadSetting` if the folder cannot be written.
    """
    keras_backend.use_threads(threads)
    place = export_manifest.place(card, root)
    with ExitStack() as stack:
        try:
            making = stack.enter_context(atomic_folder(place))
        except OSError as error:
            raise BadSetting(
                f"{place.parent} cannot be written ({error.strerror});"
                " name a folder for exports in TULIP_EXPORTS"
            ) from error
        _write_files(card, precisions, making, samples)
        keras = figures(evaluate.evaluate(card, scenes, threads))
        log.info("%s keras fp32: %s", card.reference, _in_words(keras))
        variants = {
            precision: _measured(card, precision, making, scenes, keras, threads)
            for precision in precisions
        }
        _drop_refused(variants, making)
        made = Export(
            format=export_manifest.FORMAT,
            model=str(card.reference),
            weights=card.sha256,
            openvino=openvino_backend.release(),
            scenes=described,
            keras=keras,
            variants=variants,
        )
        (making / export_manifest.NAME).write_text(
            made.model_dump_json(indent=2) + "\n", encoding="utf-8"
        )
        shutil.rmtree(place, ignore_errors=True)
    return made


def calibration_samples(card: Card, work: Path, processes: int) -> Iterator[NDArray[np.float32]]:
    """Windows of simulated scenes of seeds of their own, as the network reads them."""
    first = int(card.training.settings.get("seed", 1)) * 10_000 + _FIRST
    paths = make_scenes(work, range(first, first + SAMPLES), SIDE, processes)
    for path in paths:
        (scene,) = load_scenes([path], card.bands)
        last = card.normalization.apply(reflectance_of(scene.dn))
        yield np.ascontiguousarray(np.moveaxis(last, -1, 0))[None]


def figures(evaluation: evaluate.Evaluation) -> dict[str, float]:
    """IoU and accuracy of each output over all cases; what is undefined is left out."""
    found = {}
    for output, tally in evaluation.tallies.items():
        counts = tally.at(evaluation.card.thresholds[output]).sum(axis=0)
        for formula in (metrics.iou, metrics.accuracy):
            found[f"{output}_{formula.__name__}"] = float(formula(counts))
    return {name: round(value, 5) for name, value in found.items() if np.isfinite(value)}


def passes(metrics: dict[str, float], keras: dict[str, float]) -> bool:
    """Whether nothing is below Keras by more than `GATE`, and no metric of Keras is missing."""
    return all(metrics.get(name, -np.inf) >= value - GATE for name, value in keras.items())


def _write_files(
    card: Card,
    precisions: Sequence[Precision],
    folder: Path,
    samples: Iterable[NDArray[np.float32]],
) -> None:
    unquantized = folder / _file("fp32")
    openvino_backend.save(openvino_backend.convert(model_loading.load(card)), unquantized)
    if "int8" in precisions:
        openvino_backend.save(
            openvino_backend.quantize(unquantized, samples), folder / _file("int8")
        )


def _file(precision: Precision) -> str:
    """bf16 needs no file of its own: it is how the numbers are multiplied."""
    return "int8.xml" if precision == "int8" else "fp32.xml"


def _measured(
    card: Card,
    precision: Precision,
    folder: Path,
    scenes: Sequence[TrainingScene],
    keras: dict[str, float],
    threads: int,
) -> Variant:
    file = _file(precision)
    draft = Variant(
        file=file, sha256=export_manifest.digest(folder / file), metrics={}, accepted=False
    )
    engine = Engine("openvino", precision, folder, draft)
    found = figures(evaluate.evaluate(card, scenes, threads, engine))
    accepted = passes(found, keras)
    log.info(
        "%s openvino %s: %s: %s",
        card.reference,
        precision,
        _in_words(found),
        "accepted" if accepted else f"refused, more than {GATE} below Keras",
    )
    return draft.model_copy(update={"metrics": found, "accepted": accepted})


def _drop_refused(variants: dict[Precision, Variant], folder: Path) -> None:
    accepted = {variant.file for variant in variants.values() if variant.accepted}
    for path in folder.glob("*.xml"):
        if path.name not in accepted:
            path.unlink()
            path.with_suffix(".bin").unlink()


def _in_words(found: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in found.items())
