"""A whole tile from COG to polygons, beside what a user would do instead.

    .tulip/venv/bin/python -m bench.tile.run [--side 10980] [--part 2048] [--peers PYTHON]

Makes a raster of simulated texture (bench/tile/scene.py), exports the networks for OpenVINO if
needed, processes the raster with screen, segment and vectorize and the fastest accepted export,
and smaller ones as well; runs the 2018 prototype's loop, Keras in batches, rasterio's outlines and
(in an environment of their own) other projects over a part of the same pixels; measures the peak
performance of this machine. Every part is a process of its own, one after the other, and logs its
start. Results are cached below --work, so an interrupted command continues. A cached result is
measured again if code, models or options changed.
Writes docs/explanation/performance.md, its chart, and all measurements as JSON below --work.
It takes some fifteen minutes on two idle cores, and 6 GB of disk below --work.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.kept import Kept, digest, machine
from bench.tile import page, scene
from tulip_ops.core.errors import ExportDamaged
from tulip_ops.ml.inference import export_manifest, model_registry
from tulip_ops.ml.inference.model_registry import UNetArchitecture
from tulip_ops.raster import cog, tiling
from tulip_ops.raster import reflectance as radiometry
from tulip_ops.raster.grid import Grid
from tulip_ops.storage.products import TULIP

ROOT = Path(__file__).resolve().parents[2]
PARTS, *MORE = (Path(__file__).with_name(f"{name}.py") for name in ("parts", "peak", "watch"))
PEERS = Path(__file__).with_name("peers.py")
SCENE = Path(__file__).with_name("scene.py")
KINDS = ("cloud-filter", "unet")
SMALLER = (1000, 3000, 5490)
"""Sides of the rasters that show whether time goes with pixels."""
_PLAIN = "AVX512_CORE_BF16"
Found = dict[str, Any]


def main() -> None:
    """Measure, keep, write the page."""
    options = _options()
    options.work.mkdir(parents=True, exist_ok=True)
    kept = options.work / "tile.json"
    if not options.page_only:
        kept.write_text(json.dumps(measure(options), indent=2) + "\n")
    page.write(json.loads(kept.read_text()), options.docs)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--side", type=int, default=10_980, help="pixels on a side of the tile")
    parser.add_argument("--part", type=int, default=2048, help="pixels on a side for slow ways")
    parser.add_argument("--models", type=Path, default=ROOT / "models")
    parser.add_argument("--exports", type=Path, help="default: below --work")
    parser.add_argument("--work", type=Path, default=ROOT / ".tulip" / "tile")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory", type=float, default=2.0, help="TULIP_MEMORY_GB")
    parser.add_argument("--peers", type=Path, help="a Python with s2cloudless and torch")
    parser.add_argument("--page-only", action="store_true", help="write the page from the JSON")
    return parser.parse_args()


def measure(options: argparse.Namespace) -> Found:
    """Everything, one part after the other."""
    asked = {
        "models": str(options.models),
        "exports": str(options.exports or options.work / "exports"),
        "threads": options.threads,
        "memory_gb": options.memory,
        "part": min(options.part, options.side),
        "side": options.side,
        "raster": str(options.work / f"reflectance-{options.side}.tif"),
        "work": str(options.work),
    }
    making = Kept(options.work / "made", [options.side, SMALLER, digest([SCENE]), asked["exports"]])
    making.part("rasters", lambda: _rasters(options), _places(options).values())
    cards = _cards(asked)
    exported = [
        export_manifest.place(card, Path(asked["exports"])) / export_manifest.NAME
        for card in cards.values()
    ]
    making.part("exports", lambda: _exported(asked, cards), exported)
    code = digest([PARTS, *MORE, PEERS, SCENE, *(ROOT / "tulip_ops").rglob("*.py")])
    weights = [card.sha256 for card in cards.values()]
    kept = Kept(options.work / "parts", [asked, code, weights, digest(exported)])
    found: Found = {
        "machine": machine(),
        "side": options.side,
        "part": asked["part"],
        "memory_gb": options.memory,
        "threads": options.threads,
        "models": {kind: str(card.reference) for kind, card in cards.items()},
    }
    found |= _ours(options, asked, kept)
    found |= _others(options, asked, kept, cards["unet"])
    whole = found["whole"][str(options.side)]
    shapes = {
        "cloud-filter": _distinct(whole["screen"]["windows"]),
        "unet": _distinct(whole["segment"]["windows"]),
    }
    told = asked | {"shapes": shapes, "bands": cog.band_names(Path(asked["raster"]))}
    found["peak"] = kept.part("peak", lambda: _child("peak", told))
    if "amx_int8" in Path("/proc/cpuinfo").read_text():
        found["plain"] = _plain(asked, told, kept)
    found["minutes"] = round((making.seconds + kept.seconds) / 60, 1)
    return found


def _ours(options: argparse.Namespace, asked: Found, kept: Kept) -> Found:
    """The tile and its parts through the steps, and the tile once more."""
    found: Found = {}
    for side, raster in _places(options).items():
        there = asked | {"raster": str(raster), "store": str(_store(options, side))}
        tulip = _store(options, side) / str(scene.IDENTITY) / TULIP.name
        found[str(side)] = kept.part(f"whole-{side}", partial(_anew, there), [tulip])
    return {"whole": found, "again": kept.part("again", lambda: _child("again", there))}


def _anew(asked: Found, instructions: str = "DEFAULT") -> Found:
    shutil.rmtree(asked["store"], ignore_errors=True)
    return _child("whole", asked, instructions)


def _plain(asked: Found, told: Found, kept: Kept) -> Found:
    """The whole tile and the peak, as where a processor has no matrix instructions."""
    there = asked | {"store": str(Path(asked["work"]) / "store-plain")}
    whole = kept.part("plain-whole", lambda: _anew(there, _PLAIN))
    peak = kept.part("plain-peak", lambda: _child("peak", told, _PLAIN))
    return {"whole": {str(asked["side"]): whole}, "peak": peak, "again": None}


def _others(
    options: argparse.Namespace, asked: Found, kept: Kept, unet: model_registry.Card
) -> Found:
    """What one would do instead."""
    tulip = _store(options, options.side) / str(scene.IDENTITY) / TULIP.name
    told = asked | {"tulip": str(tulip), "threshold": unet.threshold}
    found = {
        "shapes": kept.part("shapes", lambda: _child("shapes", told)),
        "batched": kept.part("batched", lambda: _child("batched", asked)),
        "ancestor": kept.part("ancestor", lambda: _child("ancestor", asked)),
    }
    if options.peers:
        found["peers"] = kept.part("peers", lambda: _peers(options, asked, unet))
    return found


def _store(options: argparse.Namespace, side: int) -> Path:
    return Path(options.work / f"store-{side}")


def _places(options: argparse.Namespace) -> dict[int, Path]:
    """The rasters by side, smallest first: parts of the tile, and the tile."""
    parts = {
        side: options.work / f"reflectance-{side}-of-{options.side}.tif"
        for side in SMALLER
        if side < options.side
    }
    return parts | {options.side: options.work / f"reflectance-{options.side}.tif"}


def _rasters(options: argparse.Namespace) -> Found:
    *parts, (whole_side, whole) = _places(options).items()
    draft = whole.with_suffix(".making.tif")
    scene.make_reflectance(draft, whole_side)
    draft.rename(whole)
    for side, part in parts:
        row, column = scene.half_hidden(whole_side, side)
        with cog.open_cog(whole) as source:
            stored = source.read_window((row, row + side), (column, column + side))
            left, top = source.grid.left, source.grid.top
            grid = Grid(source.grid.epsg, left + 10 * column, top - 10 * row, side, side)
            cog.write_reflectance(part, radiometry.decode(stored), grid, source.bands)
    return {"bytes": whole.stat().st_size}


def _cards(asked: Found) -> dict[str, model_registry.Card]:
    bands = cog.band_names(Path(asked["raster"]))
    return {
        kind: model_registry.choose(Path(asked["models"]), kind, "auto", bands) for kind in KINDS
    }


def _exported(asked: Found, cards: dict[str, model_registry.Card]) -> Found:
    """Those that are not there yet; they take minutes each."""
    made = []
    for card in cards.values():
        if not _is_exported(card, Path(asked["exports"])):
            environment = os.environ | {
                "TULIP_MODELS": asked["models"],
                "TULIP_EXPORTS": asked["exports"],
                "TULIP_STATE": asked["work"],
                "TULIP_THREADS": str(asked["threads"]),
            }
            tulip = Path(sys.executable).with_name("tulip")
            command = [str(tulip), "models", "export", str(card.reference)]
            subprocess.run(command, check=True, env=environment)
            made.append(str(card.reference))
    return {"made": made}


def _is_exported(card: model_registry.Card, root: Path) -> bool:
    try:
        return export_manifest.read(card, root) is not None
    except ExportDamaged:  # or made for another release
        return False


def _child(part: str, asked: Found, instructions: str = "DEFAULT") -> Found:
    """What a part found, in a process of its own.

    instructions: which of the processor's networks may use, as oneDNN names them.
    """
    told = Path(asked["work"]) / "asked.json"
    told.write_text(json.dumps(asked))
    return _last_line([sys.executable, "-m", "bench.tile.parts", part, str(told)], instructions)


def _last_line(command: list[str], instructions: str = "DEFAULT") -> Found:
    environment = os.environ | {"ONEDNN_MAX_CPU_ISA": instructions}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    found: Found = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def _peers(options: argparse.Namespace, asked: Found, unet: model_registry.Card) -> Found:
    with cog.open_cog(Path(asked["raster"])) as source:
        pixels = source.read_rows(0, 1024)[:, :, :1024]
    cuts = tiling.cut(radiometry.decode(pixels), tiling.plan(*pixels.shape[1:], 256, 256))
    shape = unet.architecture
    base = shape.base if isinstance(shape, UNetArchitecture) else 0
    images = np.nan_to_num(np.moveaxis(cuts, 1, -1))
    np.savez(options.work / "peers.npz", images=images, base=base)
    return _last_line(
        [str(options.peers), str(PEERS), str(options.work / "peers.npz"), str(options.threads)]
    )


def _distinct(shapes: list[list[int]]) -> list[list[int]]:
    return [list(shape) for shape in sorted({tuple(shape) for shape in shapes})]


if __name__ == "__main__":
    main()
