"""What a machine can compute at most, and how near to it networks come that nothing disturbs.

Operations are counted as floating-point ones also where they are of eight bits.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from tulip_ops.core import concurrency
from tulip_ops.core.settings import Settings
from tulip_ops.ml.inference import engine_selection, export_manifest, predictors
from tulip_ops.ml.inference.model_registry import Card

Found = dict[str, Any]
ROUNDS = 12
"""In each every probe and every network has its turn: machines with other guests are faster and
slower by turns."""
LASTING = 0.5
"""Seconds of a network's turn, at least."""
_HINTS = {"fp32": "f32", "bf16": "bf16", "int8": "bf16"}


def alone(settings: Settings, cards: Mapping[str, Card], shapes: Mapping[str, Any]) -> Found:
    """Networks over windows in memory, beside matrix products and convolutions.

    shapes: by kind, of the windows. Returns, by kind, operations of a window by its shape, GFLOP/s
    of the network and of the fastest probe of its precision, and the share, each the median over
    rounds; and GFLOP/s of all probes.
    """
    asked = {kind: _Asked(card, settings, shapes[kind]) for kind, card in cards.items()}
    precisions = ["fp32", "bf16", *{each.precision for each in asked.values()} - {"fp32", "bf16"}]
    probes = {name: dict(_probes(name, settings.execution.threads)) for name in precisions}
    rounds = [_round(probes, asked) for _ in range(ROUNDS)]
    networks = {
        kind: {
            "flop": each.flop,
            "gflops": _median(one[1][kind] for one in rounds),
            "peak": _median(max(one[0][each.precision].values()) for one in rounds),
            "share": _median(one[1][kind] / max(one[0][each.precision].values()) for one in rounds),
        }
        for kind, each in asked.items()
    }
    speeds = {
        precision: {name: _median(one[0][precision][name] for one in rounds) for name in several}
        for precision, several in probes.items()
    }
    return {"networks": networks, "probes": speeds}


def _round(
    probes: Mapping[str, Mapping[str, Callable[[], float]]], asked: Mapping[str, _Asked]
) -> tuple[dict[str, dict[str, float]], dict[str, float]]:
    """GFLOP/s of each probe, and of each network."""
    return (
        {
            precision: {name: probe() for name, probe in several.items()}
            for precision, several in probes.items()
        },
        {kind: each.gflops() for kind, each in asked.items()},
    )


def _median(values: Iterator[float]) -> float:
    return float(np.median(list(values)))


class _Asked:
    """A network as the steps run it, and windows that wait for it."""

    def __init__(self, card: Card, settings: Settings, shapes: list[list[int]]) -> None:
        engine = engine_selection.choose_engine(
            card, engine_selection.engine_request(settings.networks)
        )
        self.precision = engine.precision
        if card.kind == "unet":
            self._network: Any = predictors.load_unet(card, settings.execution.threads, engine)
        else:
            self._network = predictors.load_cloud_filter(
                card, settings.execution.threads, engine, at_once=settings.execution.threads
            )
        self.flop = {"x".join(map(str, shape)): _flops(card, settings, shape) for shape in shapes}
        random = np.random.default_rng(0)
        largest = max(shapes, key=np.prod)
        self._window = random.normal(size=largest).astype(np.float32)
        self._one = self.flop["x".join(map(str, largest))]
        self.gflops()  # compiles

    def gflops(self) -> float:
        """Over some windows."""
        count, started = 0, time.perf_counter()
        while time.perf_counter() - started < LASTING:
            several = [self._window] * 2 * self._network.at_once
            for _ in concurrency.ordered_map(self._network.run, several, self._network.at_once):
                count += 1
        return count * self._one / (time.perf_counter() - started) / 1e9


def _flops(card: Card, settings: Settings, shape: list[int]) -> float:
    """Of the convolutions, over a window of that shape."""
    import openvino as ov

    model = ov.Core().read_model(
        export_manifest.place(card, settings.networks.exports) / "fp32.xml"
    )
    model.reshape(shape)
    return sum(map(_flop, model.get_ops()))


def _flop(node: Any) -> float:
    """Of a convolution, forward or transposed: two for each weight and place it is used at."""
    kind = node.get_type_name()
    if kind not in ("Convolution", "ConvolutionBackpropData"):
        return 0.0
    places = node.output(0).shape if kind == "Convolution" else node.input_value(0).shape
    return 2.0 * float(np.prod(node.input_value(1).shape)) * places[2] * places[3]


def _probes(precision: str, threads: int) -> Iterator[tuple[str, Callable[[], float]]]:
    """A large matrix product, and convolutions of several widths; each gives its GFLOP/s."""
    quantized, hint = precision == "int8", _HINTS[precision]
    yield "product", _probe(*_product(quantized), hint, threads)
    for channels, side in ((64, 256), (128, 128), (256, 64), (512, 32)):
        made = _convolutions(channels, side, quantized)
        yield f"convolution of {channels}", _probe(*made, hint, threads)


def _probe(model: Any, flop: float, hint: str, threads: int) -> Callable[[], float]:
    import openvino as ov

    options = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": hint,
    }
    request = ov.Core().compile_model(model, "CPU", options).create_infer_request()

    def probe() -> float:
        best = np.inf
        for _ in range(4):
            started = time.perf_counter()
            request.infer()
            best = min(best, time.perf_counter() - started)
        return float(flop / best / 1e9)

    return probe


def _convolutions(channels: int, side: int, quantized: bool) -> tuple[Any, float]:
    """Four of 3 x 3, one after the other, and their floating-point operations."""
    import openvino as ov
    from openvino import opset13 as op

    image = op.parameter([1, channels, side, side], np.float32)
    kernel = _weights((channels, channels, 3, 3), quantized)
    node = image
    for _ in range(4):
        node = _eight_bits(node, 0) if quantized else node
        node = op.relu(op.convolution(node, kernel, [1, 1], [1, 1], [1, 1], [1, 1]))
    return ov.Model([node], [image]), 4 * 2.0 * side**2 * channels**2 * 9


def _product(quantized: bool) -> tuple[Any, float]:
    """Of two square matrices, and its floating-point operations."""
    import openvino as ov
    from openvino import opset13 as op

    side = 2048
    left = op.parameter([side, side], np.float32)
    one = _eight_bits(left, 0) if quantized else left
    node = op.matmul(one, _weights((side, side), quantized), False, False)
    return ov.Model([node], [left]), 2.0 * side**3


def _weights(shape: tuple[int, ...], quantized: bool) -> Any:
    from openvino import opset13 as op

    random = np.random.default_rng(0)
    weights = op.constant(random.uniform(-1, 1, shape).astype(np.float32))
    return _eight_bits(weights, -1) if quantized else weights


def _eight_bits(node: Any, low: float) -> Any:
    from openvino import opset13 as op

    levels = 256 if low == 0 else 255  # signed ones are as many on both sides of zero
    lowest, highest = np.float32(low), np.float32(1)
    return op.fake_quantize(node, lowest, highest, lowest, highest, levels)
