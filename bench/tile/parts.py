"""What bench/tile/run.py measures, each part in a process of its own.

    .tulip/venv/bin/python -m bench.tile.parts PART ARGUMENTS.json

Prints one line of JSON: what the part found, with `seconds`, `cpu_seconds` and `peak_gb`.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.tile import peak
from bench.tile.watch import Watched, peak_gb
from tulip_ops.core.processing_settings import ExecutionSettings, FieldSettings, NetworkSettings
from tulip_ops.core.settings import Settings
from tulip_ops.ml.inference import (
    engine_selection,
    keras_backend,
    model_loading,
    model_registry,
    predictors,
)
from tulip_ops.ml.inference.model_registry import Card
from tulip_ops.raster import cog, tiling
from tulip_ops.raster import reflectance as radiometry

CHIP, BATCH = 256, 16
Found = dict[str, Any]


def whole(asked: Found) -> Found:
    """Screen, segment and vectorize, as `tulip run` does."""
    from bench.tile import scene
    from tulip_ops.storage.product_store import ProductStore

    scene.publish(ProductStore(asked["store"]), Path(asked["raster"]))
    return again(asked)


def again(asked: Found) -> Found:
    """The same of a raster that is in the store, imports included."""
    from bench.tile import scene
    from tulip_ops.ml.inference.strip_cache import StripCache
    from tulip_ops.pipeline.context import StepContext
    from tulip_ops.pipeline.networks import LocalNetworks
    from tulip_ops.pipeline.screen import screen
    from tulip_ops.pipeline.segment import segment
    from tulip_ops.pipeline.vectorize import vectorize
    from tulip_ops.storage.product_store import ProductStore

    settings = _settings(asked)
    networks = LocalNetworks(settings.execution, StripCache(settings.execution.memory_gb))
    with cog.open_cog(Path(asked["raster"])) as source:
        context = StepContext(
            scene.acquisition(source.grid, source.bands),
            scene.everywhere(source.grid),
            ProductStore(asked["store"]),
            settings,
            run_id="bench",
        )
    watched = Watched()
    found: Found = {}
    for name, step in (
        ("screen", lambda: screen(context, networks)),
        ("segment", lambda: segment(context, networks)),
        ("vectorize", lambda: vectorize(context)),
    ):
        watched.begin()
        started, cpu = time.perf_counter(), time.process_time()
        outcome = step()
        took = time.perf_counter() - started
        print(f"       {name}: {took:.1f} s, {outcome.summary}", file=sys.stderr, flush=True)
        found[name] = {
            "seconds": took,
            "cpu_seconds": time.process_time() - cpu,
            "start_seconds": watched.start_seconds,
            "network_seconds": watched.network_seconds,
            "windows": [list(shape) for shape in watched.windows],
            "beside": dict(watched.beside),
            "peak_gb": peak_gb(),
            "summary": outcome.summary,
        }
    cards = _cards(settings, cog.band_names(Path(asked["raster"])))
    request = engine_selection.engine_request(settings.networks)
    found["engines"] = {
        kind: f"{card.reference} {engine_selection.choose_engine(card, request)}"
        for kind, card in cards.items()
    }
    return found


def batched(asked: Found) -> Found:
    """Keras in single precision over batches of chips, without overlaps."""
    pixels, cards = _loaded(asked)
    networks = {kind: _keras(card, asked["threads"]) for kind, card in cards.items()}
    started = time.perf_counter()
    plan = tiling.plan(*pixels.shape[1:], CHIP, CHIP)
    for kind, card in cards.items():
        cuts = tiling.cut(pixels[_places(card, asked)], plan)
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
    plan = tiling.plan(*pixels.shape[1:], CHIP, CHIP)
    for number, chip in enumerate(tiling.cut(pixels, plan)):
        _write_png(folder / f"{number}.png", chip.reshape(-1, CHIP))
    outlines = []
    for number in range(len(plan)):
        with rasterio.open(folder / f"{number}.png") as source:
            chip = source.read(1).reshape(-1, CHIP, CHIP)
        outputs = {}
        for kind, card in cards.items():
            last = np.moveaxis(radiometry.decode(chip[_places(card, asked)]), 0, -1)
            outputs[kind] = networks[kind].predict(card.normalization.apply(last)[None], verbose=0)
        mask = (outputs["unet"][0][..., 1:].sum(-1) >= cards["unet"].threshold).astype(np.uint8)
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

    probability, grid = cog.read_probability(Path(asked["tulip"]))
    mask = probability[0] >= asked["threshold"]
    started = time.perf_counter()
    found = [
        shape(piece)
        for piece, _ in shapes(mask.astype(np.uint8), mask=mask, transform=grid.transform)
    ]
    return {"work_seconds": time.perf_counter() - started, "outlines": len(found)}


def _write_png(path: Path, pixels: NDArray[Any]) -> None:
    import rasterio

    height, width = pixels.shape
    with rasterio.open(
        path, "w", driver="PNG", width=width, height=height, count=1, dtype=pixels.dtype
    ) as target:
        target.write(pixels, 1)


def _settings(asked: Found) -> Settings:
    return Settings(
        networks=NetworkSettings(
            models=asked["models"],
            exports=asked["exports"],
            engine=asked.get("engine", "auto"),
            precision=asked.get("precision", "auto"),
        ),
        fields=FieldSettings(minimum_clear_fraction=0.0),
        execution=ExecutionSettings(
            threads=asked["threads"], memory_gb=asked.get("memory_gb", 2.0)
        ),
    )


def _cards(settings: Settings, bands: tuple[str, ...]) -> dict[str, Card]:
    return {
        "cloud-filter": model_registry.choose(
            settings.networks.models, "cloud-filter", "auto", bands
        ),
        "unet": model_registry.choose(settings.networks.models, "unet", "auto", bands),
    }


def _loaded(asked: Found) -> tuple[NDArray[np.uint16], dict[str, Card]]:
    """The part of the raster that slow ways are measured on, and the networks."""
    with cog.open_cog(Path(asked["raster"])) as source:
        pixels = source.read_rows(0, asked["part"])[:, :, : asked["part"]]
        return pixels, _cards(_settings(asked), source.bands)


def _places(card: Card, asked: Found) -> list[int]:
    return predictors.band_indices(card, cog.band_names(Path(asked["raster"])))


def _keras(card: Card, threads: int) -> Any:
    keras_backend.use_threads(threads)
    network = model_loading.build(card)
    model_loading.load_weights(network, card)
    network.predict(np.zeros((1, CHIP, CHIP, len(card.bands)), np.float32), verbose=0)
    return network


def of_the_peak(asked: Found) -> Found:
    """What `tile_peak.alone` says of the networks, in windows of `shapes`."""
    settings = _settings(asked)
    return peak.alone(settings, _cards(settings, tuple(asked["bands"])), asked["shapes"])


def main() -> None:
    """Do one part."""
    asked = json.loads(Path(sys.argv[2]).read_text())
    parts = {
        "whole": whole,
        "again": again,
        "batched": batched,
        "ancestor": ancestor,
        "shapes": shapes_of_all,
        "peak": of_the_peak,
    }
    started = time.perf_counter()
    found = parts[sys.argv[1]](asked)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    found |= {
        "seconds": time.perf_counter() - started,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_gb": peak_gb(),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
