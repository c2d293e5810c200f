"""The networks themselves: built, with their trained weights, and started by an engine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tulip_ops.core.errors import ModelDamaged
from tulip_ops.ml.inference import export_manifest, keras_backend, model_registry
from tulip_ops.ml.inference.engine_selection import Engine
from tulip_ops.ml.inference.export_manifest import Precision
from tulip_ops.ml.inference.keras_backend import InferenceFn, NetworkOutputs
from tulip_ops.ml.inference.model_registry import Card, ResNetArchitecture

if TYPE_CHECKING:
    import keras

_loading = threading.Lock()
"""One network is loaded at a time: the backend is started by the first, and Keras keeps its
policies and the names of layers in one place for the whole process."""

_POLICIES: Mapping[Precision, str] = {"fp32": "float32", "bf16": "mixed_bfloat16"}
"""Keras' names for what it can compute with."""


def build(card: Card, *, dtype: str = "float32") -> keras.Model:
    """The network that `card` describes, its weights at random."""
    from tulip_ops.ml.inference import cloud_filter, unet

    shape = card.architecture
    if isinstance(shape, ResNetArchitecture):
        return cloud_filter.build(len(card.bands), shape.network, dtype=dtype)
    return unet.build(len(card.bands), shape.base, shape.levels, dtype=dtype)


def load(card: Card, *, dtype: str = "float32") -> keras.Model:
    """The trained network of `card` as it runs, its checksum verified; `ModelDamaged`.

    (N, height, width, bands), normalized, to {"cell", "chip"} or {"logits"}, as `predictors` reads
    them.
    """
    network = build(card, dtype=dtype)
    load_weights(network, card)
    if isinstance(card.architecture, ResNetArchitecture):
        return network
    from tulip_ops.ml.inference import unet

    return unet.without_softmax(network)


def load_weights(network: keras.Model, card: Card) -> None:
    """Give `network` the weights of `card`, its checksum verified; `ModelDamaged`."""
    model_registry.verify(card)
    try:
        network.load_weights(card.weights)  # stored as float16, cast to the network's own type
    except (OSError, ValueError, KeyError) as error:
        raise ModelDamaged(
            f"{card.weights} does not fit the architecture of its card: {error}"
        ) from error


def start_model(card: Card, threads: int, engine: Engine, at_once: int = 1) -> InferenceFn:
    """Inference function of the network of `card`, checksums verified; exports load lazily.

    at_once: how many threads may call it at a time; of Keras one. `ModelDamaged`, `ExportDamaged`.
    """
    if engine.folder is not None and engine.variant is not None:
        path = export_manifest.verify(engine.variant, engine.folder)
        return _at_first_call(partial(start_export, path, engine.precision, threads, at_once))
    with _loading:
        keras_backend.use_threads(threads)  # before any network is built
        return keras_backend.compile_network(load(card, dtype=_POLICIES[engine.precision]))


def start_export(path: Path, precision: Precision, threads: int, at_once: int) -> InferenceFn:
    """As `openvino_backend.compile_export`, which is imported here."""
    from tulip_ops.ml.inference import openvino_backend

    return openvino_backend.compile_export(path, precision, threads, at_once)


def _at_first_call(start: Callable[[], InferenceFn]) -> InferenceFn:
    """A graph that is started when it is first called: others read pixels meanwhile."""
    lock, started = threading.Lock(), list[InferenceFn]()

    def run(pixels: NDArray[np.float32]) -> NetworkOutputs:
        with lock:
            if not started:
                started.append(start())
        return started[0](pixels)

    return run
