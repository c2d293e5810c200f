"""What bench/tile.py measures, each part in a process of its own.

    .tulip/venv/bin/python bench/tile_parts.py PART ARGUMENTS.json

Prints one line of JSON: what the part found, with `seconds`, `cpu_seconds` and `peak_gb`.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tulip_ops import chips, cogs, radiometry
from tulip_ops.networks import engines, predict, registry
from tulip_ops.networks.registry import Card
from tulip_ops.settings import Settings

CHIP, BATCH = 256, 16
Found = dict[str, Any]


def whole(asked: Found) -> Found:
    """Screen, segment and vectorize, as `tulip run` does."""
    import tile_scene

    from tulip_ops.store import Store

    tile_scene.publish(Store(asked["store"]), Path(asked["raster"]))
    return again(asked)


def again(asked: Found) -> Found:
    """The same of a raster that is in the store, imports included."""
    import tile_scene

    from tulip_ops import steps
    from tulip_ops.store import Store
    from tulip_ops.strips import Strips

    settings = _settings(asked)
    store, kept = Store(asked["store"]), Strips(settings.memory_gb)
    with cogs.stored(Path(asked["raster"])) as source:
        areas = tile_scene.everywhere(source.grid)
    watched = _Watched()
    found: Found = {}
    for name, step in (
        (
            "screen",
            lambda: steps.screen(
                tile_scene.IDENTITY, areas, store, settings, force=False, kept=kept
            ),
        ),
        (
            "segment",
            lambda: steps.segment(tile_scene.IDENTITY, store, settings, force=False, kept=kept),
        ),
        (
            "vectorize",
            lambda: steps.vectorize(
                tile_scene.IDENTITY, areas, store, settings, force=False, run_id="bench"
            ),
        ),
    ):
        watched.begin()
        started = time.perf_counter()
        outcome = step()
        took = time.perf_counter() - started
        print(f"       {name}: {took:.1f} s, {outcome.summary}", file=sys.stderr, flush=True)
        found[name] = {
            "seconds": took,
            "start_seconds": watched.start_seconds,
            "network_seconds": sum(seconds for _, seconds in watched.runs),
            "windows": [list(shape) for shape, _ in watched.runs],
            "peak_gb": _peak_gb(),
            "summary": outcome.summary,
        }
    cards = _cards(settings, cogs.band_names(Path(asked["raster"])))
    found["engines"] = {
        kind: f"{card.reference} {engines.decide(card, engines.wish(settings))}"
        for kind, card in cards.items()
    }
    return found


def batched(asked: Found) -> Found:
    """Keras in single precision over batches of chips, without overlaps."""
    pixels, cards = _loaded(asked)
    networks = {kind: _keras(card, asked["threads"]) for kind, card in cards.items()}
    started = time.perf_counter()
    plan = chips.plan(*pixels.shape[1:], CHIP, CHIP)
    for kind, card in cards.items():
        cuts = chips.cut(pixels[_places(card, asked)], plan)
        last = card.normalization.apply(np.moveaxis(radiometry.decode(cuts), 1, -1))
        networks[kind].predict(last, batch_size=BATCH, verbose=0)
    return {"work_seconds": time.perf_counter() - started, "pixels": pixels[0].size}


def ancestor(asked: Found) -> Found:
    """The talk's loop: chips as PNG files, read, judged and segmented one by one, masks as PNG.

    A PNG holds the bands of a chip one below the other. All chips are segmented, as all are in
    `batched`; the outlines are those that rasterio finds in each mask.
    """
    import rasterio
    from rasterio.features import shapes
    from shapely.geometry import shape

    pixels, cards = _loaded(asked)
    networks = {kind: _keras(card, asked["threads"]) for kind, card in cards.items()}
    folder = Path(asked["work"]) / "chips"
    folder.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    plan = chips.plan(*pixels.shape[1:], CHIP, CHIP)
    for number, chip in enumerate(chips.cut(pixels, plan)):
        _write_png(folder / f"{number}.png", chip.reshape(-1, CHIP))
    outlines = []
    for number in range(len(plan)):
        with rasterio.open(folder / f"{number}.png") as source:
            chip = source.read(1).reshape(-1, CHIP, CHIP)
        said = {}
        for kind, card in cards.items():
            last = np.moveaxis(radiometry.decode(chip[_places(card, asked)]), 0, -1)
            said[kind] = networks[kind].predict(card.normalization.apply(last)[None], verbose=0)
        mask = (said["unet"][0][..., 1:].sum(-1) >= cards["unet"].threshold).astype(np.uint8)
        _write_png(folder / f"mask-{number}.png", mask * 255)
        outlines += [shape(piece) for piece, value in shapes(mask, connectivity=4) if value]
    return {
        "work_seconds": time.perf_counter() - started,
        "pixels": pixels[0].size,
        "outlines": len(outlines),
    }


def shapes_of_all(asked: Found) -> Found:
    """`rasterio.features.shapes` over the mask of the whole raster, to shapely polygons."""
    from rasterio.features import shapes
    from shapely.geometry import shape

    probability, grid = cogs.read_probability(Path(asked["tulip"]))
    mask = probability[0] >= asked["threshold"]
    started = time.perf_counter()
    found = [
        shape(piece)
        for piece, _ in shapes(mask.astype(np.uint8), mask=mask, transform=grid.transform)
    ]
    return {"work_seconds": time.perf_counter() - started, "outlines": len(found)}


def peak(asked: Found) -> Found:
    """GFLOP/s of this machine: a large matrix product, and convolutions of several widths."""
    told = {}
    for name, hint in (("fp32", "f32"), ("bf16", "bf16"), ("int8", "bf16")):
        quantized = name == "int8"
        told[name] = {"product": _gflops(*_product(quantized), hint, asked["threads"])}
        for channels, side in ((64, 256), (128, 128), (256, 64), (512, 32)):
            made = _convolutions(channels, side, quantized)
            told[name][f"convolution of {channels}"] = _gflops(*made, hint, asked["threads"])
    return {"gflops": told}


def _gflops(model: Any, flop: float, hint: str, threads: int) -> float:
    import openvino as ov

    options = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": hint,
    }
    request = ov.Core().compile_model(model, "CPU", options).create_infer_request()
    best = np.inf
    for _ in range(12):
        started = time.perf_counter()
        request.infer()
        best = min(best, time.perf_counter() - started)
    return flop / best / 1e9


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


def flop(asked: Found) -> Found:
    """Floating-point operations of the convolutions of each network, for each shape of window."""
    import openvino as ov

    from tulip_ops.networks import exports

    settings = _settings(asked)
    cards = _cards(settings, tuple(asked["bands"]))
    found = {}
    for kind, card in cards.items():
        model = ov.Core().read_model(exports.place(card, settings.exports) / "fp32.xml")
        found[kind] = {}
        for shape in asked["shapes"][kind]:
            model.reshape(shape)
            found[kind]["x".join(map(str, shape))] = sum(map(_flop, model.get_ops()))
    return found


def _flop(node: Any) -> float:
    """Of a convolution, forward or transposed: two for each weight and place it is used at."""
    kind = node.get_type_name()
    if kind not in ("Convolution", "ConvolutionBackpropData"):
        return 0.0
    places = node.output(0).shape if kind == "Convolution" else node.input_value(0).shape
    return 2.0 * float(np.prod(node.input_value(1).shape)) * places[2] * places[3]


def _write_png(path: Path, pixels: NDArray[Any]) -> None:
    import rasterio

    height, width = pixels.shape
    with rasterio.open(
        path, "w", driver="PNG", width=width, height=height, count=1, dtype=pixels.dtype
    ) as target:
        target.write(pixels, 1)


def _settings(asked: Found) -> Settings:
    return Settings.model_validate(
        {
            "models": asked["models"],
            "exports": asked["exports"],
            "threads": asked["threads"],
            "engine": asked.get("engine", "auto"),
            "precision": asked.get("precision", "auto"),
            "memory_gb": asked.get("memory_gb", 2.0),
            "minimum_clear": 0.0,
        }
    )


def _cards(settings: Settings, bands: tuple[str, ...]) -> dict[str, Card]:
    return {
        "cloud-filter": registry.choose(settings.models, "cloud-filter", "auto", bands),
        "unet": registry.choose(settings.models, "unet", "auto", bands),
    }


def _loaded(asked: Found) -> tuple[NDArray[np.uint16], dict[str, Card]]:
    """The part of the raster that slow ways are measured on, and the networks."""
    with cogs.stored(Path(asked["raster"])) as source:
        pixels = source.rows(0, asked["part"])[:, :, : asked["part"]]
        return pixels, _cards(_settings(asked), source.bands)


def _places(card: Card, asked: Found) -> list[int]:
    return predict.places(card, cogs.band_names(Path(asked["raster"])))


def _keras(card: Card, threads: int) -> Any:
    predict.use_threads(threads)
    network = predict.build(card)
    predict.load_weights(network, card)
    network.predict(np.zeros((1, CHIP, CHIP, len(card.bands)), np.float32), verbose=0)
    return network


class _Watched:
    """What networks take from now on: to be ready, and to answer."""

    def __init__(self) -> None:
        self.runs: list[tuple[tuple[int, ...], float]] = []
        """Shape and seconds of every call, without what was compiled for it."""
        self.start_seconds = 0.0
        """Importing libraries, reading weights, and compiling for each new shape."""
        self._watches_compiling = False
        predict.load_cloud_filter = self._watching(predict.load_cloud_filter)
        predict.load_unet = self._watching(predict.load_unet)

    def begin(self) -> None:
        """Forget what was."""
        self.runs.clear()
        self.start_seconds = 0.0

    def _watching(self, load: Callable[..., Any]) -> Callable[..., Any]:
        def loaded(*arguments: Any) -> Any:
            network = self._starting(load)(*arguments)
            self._watch_compiling()
            run = network.run

            def timed(pixels: NDArray[np.float32]) -> Any:
                before, started = self.start_seconds, time.perf_counter()
                said = run(pixels)
                compiling = self.start_seconds - before
                self.runs.append((pixels.shape, time.perf_counter() - started - compiling))
                return said

            network.run = timed
            return network

        return loaded

    def _starting(self, work: Callable[..., Any]) -> Callable[..., Any]:
        def worked(*arguments: Any, **named: Any) -> Any:
            started = time.perf_counter()
            done = work(*arguments, **named)
            self.start_seconds += time.perf_counter() - started
            return done

        return worked

    def _watch_compiling(self) -> None:
        """OpenVINO compiles at the first call with a shape; where Keras runs, it is not there."""
        openvino = sys.modules.get("openvino")
        if openvino is not None and not self._watches_compiling:
            openvino.Core.compile_model = self._starting(openvino.Core.compile_model)
            self._watches_compiling = True


def _peak_gb() -> float:
    """Of this process alone; what getrusage says begins with that of its parent."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e9


def main() -> None:
    """Do one part."""
    asked = json.loads(Path(sys.argv[2]).read_text())
    parts = {
        "whole": whole,
        "again": again,
        "batched": batched,
        "ancestor": ancestor,
        "shapes": shapes_of_all,
        "peak": peak,
        "flop": flop,
    }
    started = time.perf_counter()
    found = parts[sys.argv[1]](asked)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    found |= {
        "seconds": time.perf_counter() - started,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_gb": _peak_gb(),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
