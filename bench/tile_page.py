"""docs/performance.md out of what bench/tile.py measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tulip_ops import charts

Found = dict[str, Any]
STEPS = ("screen", "segment", "vectorize")
NETWORKS = {"screen": "cloud-filter", "segment": "unet"}


def write(found: Found, docs: Path) -> None:
    """The page and its chart."""
    (docs / "pictures").mkdir(parents=True, exist_ok=True)
    bars = rates(found)
    charts.rates(
        docs / "pictures" / "performance.png", "From ten bands to tulip polygons", "Mpx/s", bars
    )
    lines = [*_head(found), *_targets(found), *_stages(found), *_rivals(found, bars)]
    (docs / "performance.md").write_text("\n".join([*lines, *_sizes(found)]) + "\n")


def rates(found: Found) -> dict[str, float]:
    """Megapixels of raster a second, from pixels to polygons, by way; ours first."""
    pixels = found["side"] ** 2 / 1e6
    bars = {"tulip": pixels / seconds(found["whole"][str(found["side"])])}
    for name, label in (("batched", "Keras, batches"), ("ancestor", "Keras, chip by chip")):
        bars[label] = found[name]["pixels"] / 1e6 / found[name]["work_seconds"]
    return bars


def seconds(whole: Found) -> float:
    """From COG to GeoParquet."""
    return float(sum(whole[step]["seconds"] for step in STEPS))


def start_seconds(whole: Found) -> float:
    """Of these: importing libraries, reading weights and compiling the networks."""
    return float(sum(whole[step]["start_seconds"] for step in STEPS))


def computing(found: Found) -> dict[str, Found]:
    """For each network: floating-point operations, seconds, and the share of the peak."""
    whole, told = found["whole"][str(found["side"])], {}
    for step, kind in NETWORKS.items():
        shapes = ["x".join(map(str, shape)) for shape in whole[step]["windows"]]
        flop = sum(found["flop"][kind][shape] for shape in shapes)
        precision = whole["engines"][kind].split()[-1]
        peak = max(found["peak"]["gflops"][precision].values()) * 1e9
        took = whole[step]["network_seconds"]
        told[kind] = {
            "precision": precision,
            "tflop": flop / 1e12,
            "seconds": took,
            "share": flop / took / peak if took else 0.0,
            "limit": flop / peak,
        }
    return told


def _head(found: Found) -> list[str]:
    return [
        "# How fast a tile is",
        "",
        (
            f"Written by `bench/tile.py --side {found['side']}`, which measured one part after the"
            " other, all of them in"
        ),
        f"{found['minutes']} minutes, on {found['machine']}, with {found['threads']} threads and",
        (
            f"`TULIP_MEMORY_GB={found['memory_gb']:g}`. The raster has {found['side']} x"
            f" {found['side']} pixels (a whole tile: 10980 x 10980) of ten"
        ),
        "bands. **Its texture is simulated**: patches of simulated scenes, turned, mirrored, with",
        "noise of their own, half of them under cloud. One area of interest covers all of it.",
        "",
        f"Networks: {', '.join(found['whole'][str(found['side'])]['engines'].values())}.",
        "",
    ]


def _targets(found: Found) -> list[str]:
    whole, bars = found["whole"][str(found["side"])], rates(found)
    took, told = seconds(whole), computing(found)
    network = sum(whole[step]["network_seconds"] for step in NETWORKS)
    flop = sum(each["limit"] for each in told.values())
    scaled = {
        side: (seconds(each) - start_seconds(each)) / int(side) ** 2
        for side, each in found["whole"].items()
    }
    spread = max(scaled.values()) / min(scaled.values()) - 1
    peaks = [each["peak_gb"] for each in found["whole"].values()]
    rows = [
        ("from COG to polygons", f"{took:.0f} s", "240 s at most", took <= 240),
        ("memory", f"{max(peaks):.2f} GB", "3 GB at most", max(peaks) <= 3),
        ("beside the ancestor's loop", f"{bars['tulip'] / bars['Keras, chip by chip']:.1f} x",
         "8 x at least", bars["tulip"] >= 8 * bars["Keras, chip by chip"]),
        ("beside Keras in batches", f"{bars['tulip'] / bars['Keras, batches']:.1f} x",
         "3 x at least", bars["tulip"] >= 3 * bars["Keras, batches"]),
        ("networks, of the machine's peak", f"{flop / network:.0%}", "50 % at least",
         flop >= 0.5 * network),
        ("networks, of the time", f"{network / took:.0%}", "85 % at least",
         network >= 0.85 * took),
        (f"time a pixel once started, {min(found['whole'], key=int)} to {found['side']} px",
         f"varies by {spread:.0%}", "10 % at most", spread <= 0.1),
        ("again over finished products", f"{found['again']['wall_seconds']:.2f} s", "2 s at most",
         found["again"]["wall_seconds"] <= 2),
    ]  # fmt: skip
    lines = [f"| {what} | {value} | {goal} | {'yes' if holds else '**no**'} |"
             for what, value, goal, holds in rows]  # fmt: skip
    return ["| | measured | goal | holds |", "|---|---|---|---|", *lines, ""]


def _stages(found: Found) -> list[str]:
    whole, told = found["whole"][str(found["side"])], computing(found)
    lines = []
    for step in STEPS:
        each = whole[step]
        rest = each["seconds"] - each["network_seconds"] - each["start_seconds"]
        lines.append(
            f"| {step} | {each['seconds']:.1f} | {each['start_seconds']:.1f} |"
            f" {each['network_seconds']:.1f} | {rest:.1f} |"
            f" {each['peak_gb']:.2f} | {each['summary']} |"
        )
    limits = [
        f"| {kind} | {each['precision']} | {each['tflop']:.1f} | {each['seconds']:.1f} |"
        f" {each['limit']:.1f} | {each['share']:.0%} |"
        for kind, each in told.items()
    ]
    peaks = ", ".join(
        f"{precision} {max(each.values()):.0f}"
        for precision, each in found["peak"]["gflops"].items()
    )
    return [
        "## Where the time goes",
        "",
        "Seconds. *Start* is importing libraries, reading weights and compiling the networks;",
        "*rest* is what they wait for: the first rows, and the writing of the COG. Reading and",
        "writing meanwhile count as network time, which they lengthen by the share of the cores",
        "that they take.",
        "",
        "| step | seconds | start | in the network | rest | peak GB | |",
        "|---|---|---|---|---|---|---|",
        *lines,
        "",
        "The limit is what the same convolutions would take at the speed of the fastest one that",
        f"this machine was seen to compute (GFLOP/s: {peaks}).",
        "",
        "| network | precision | TFLOP | seconds | limit | share of the peak |",
        "|---|---|---|---|---|---|",
        *limits,
        "",
    ]


def _rivals(found: Found, bars: dict[str, float]) -> list[str]:
    rows = [
        f"| {name} | {rate:.2f} | {bars['tulip'] / rate:.1f} x |" for name, rate in bars.items()
    ]
    lines = [
        "## Beside other ways",
        "",
        "The same pixels, the same weights. What tulip takes is all of its time, from the COG",
        (
            f"to the GeoParquet file. The others ran over its first {found['part']} x"
            f" {found['part']} pixels, and are"
        ),
        "taken to go on like that. Keras in batches of 16 chips of 256 pixels, single precision,",
        "without overlaps and without polygons; chip by chip as the ancestor did: chips as PNG",
        "files, `model.predict` on each, masks as PNG, outlines of each mask.",
        "",
        "| | Mpx/s | tulip is faster by |",
        "|---|---|---|",
        *rows,
        "",
        "![Megapixels a second](pictures/performance.png)",
        "",
        (
            f"`rasterio.features.shapes` makes {found['shapes']['outlines']} outlines of the mask"
            f" of the whole raster in {found['shapes']['work_seconds']:.1f} s and"
            f" {found['shapes']['peak_gb']:.2f} GB,"
        ),
        (
            "without parting, simplifying or measuring any; all of `vectorize` takes"
            f" {found['whole'][str(found['side'])]['vectorize']['seconds']:.1f} s."
        ),
        "",
        "How fast polygons are loaded, beside `geopandas.to_postgis`, is another benchmark's,",
        (
            "`bench/history.py`; [its figures]"
            "(decisions/7-no-partitions-and-no-staging-without-need.md)."
        ),
        "",
    ]
    if "peers" in found:
        lines += _peers(found["peers"])
    return lines


def _peers(peers: Found) -> list[str]:
    names = {"s2cloudless": "s2cloudless 1.7.3 (clouds alone)",
             "torch": "PyTorch, a U-Net of the same size, fp32 (tulips alone)"}  # fmt: skip
    return [
        "| peers, on a million pixels | Mpx/s |",
        "|---|---|",
        *(
            f"| {label} | {peers['pixels'] / 1e6 / peers[name]:.2f} |"
            for name, label in names.items()
            if name in peers
        ),
        "",
    ]


def _sizes(found: Found) -> list[str]:
    rows = []
    for side, each in found["whole"].items():
        took = seconds(each)
        rate = int(side) ** 2 / 1e6 / took
        start = start_seconds(each)
        rows.append(f"| {side} | {took:.1f} | {start:.1f} | {rate:.2f} | {each['peak_gb']:.2f} |")
    return [
        "## By size",
        "",
        "Each in a process of its own; the smaller ones are parts of the tile that are half under",
        "cloud, too.",
        "",
        "| pixels on a side | seconds | of them start | Mpx/s | peak GB |",
        "|---|---|---|---|---|",
        *rows,
    ]
