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
    """For each network: floating-point operations, seconds, and the share of the peak.

    alone: seconds where nothing else is done. limit: the same at the peak.
    """
    whole, told = found["whole"][str(found["side"])], {}
    for step, kind in NETWORKS.items():
        alone = found["peak"]["networks"][kind]
        shapes = ["x".join(map(str, shape)) for shape in whole[step]["windows"]]
        flop = sum(alone["flop"][shape] for shape in shapes)
        limit = flop / alone["peak"] / 1e9
        told[kind] = {
            "precision": whole["engines"][kind].split()[-1],
            "tflop": flop / 1e12,
            "seconds": whole[step]["network_seconds"],
            "alone": limit / alone["share"],
            "limit": limit,
            "share": alone["share"],
        }
    return told


def beside_a_line(found: Found) -> float:
    """How far the time of any side lies from a line in the pixels, as a share of that line.

    The line goes through the smallest and the largest; it does not begin at zero, for whatever the
    size something is imported, read and compiled.
    """
    took = {int(side) ** 2: seconds(each) for side, each in found["whole"].items()}
    few, many = min(took), max(took)
    slope = (took[many] - took[few]) / max(many - few, 1)
    return max(
        abs(spent / (took[few] + slope * (pixels - few)) - 1) for pixels, spent in took.items()
    )


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
    limit, alone = (sum(each[name] for each in told.values()) for name in ("limit", "alone"))
    off = beside_a_line(found)
    peaks = [each["peak_gb"] for each in found["whole"].values()]
    rows = [
        ("from COG to polygons", f"{took:.0f} s", "240 s at most", took <= 240),
        ("memory", f"{max(peaks):.2f} GB", "3 GB at most", max(peaks) <= 3),
        ("beside the ancestor's loop", f"{bars['tulip'] / bars['Keras, chip by chip']:.1f} x",
         "8 x at least", bars["tulip"] >= 8 * bars["Keras, chip by chip"]),
        ("beside Keras in batches", f"{bars['tulip'] / bars['Keras, batches']:.1f} x",
         "3 x at least", bars["tulip"] >= 3 * bars["Keras, batches"]),
        ("networks, of the machine's peak", f"{limit / alone:.0%}", "50 % at least",
         limit >= 0.5 * alone),
        ("networks, of the time", f"{network / took:.0%}", "85 % at least",
         network >= 0.85 * took),
        (f"time, beside a line in the pixels, {min(found['whole'], key=int)} to {found['side']} px",
         f"off by {off:.0%}", "10 % at most", off <= 0.1),
        ("again over finished products", f"{found['again']['wall_seconds']:.2f} s", "2 s at most",
         found["again"]["wall_seconds"] <= 2),
    ]  # fmt: skip
    lines = [f"| {what} | {value} | {goal} | {'yes' if holds else '**no**'} |"
             for what, value, goal, holds in rows]  # fmt: skip
    return ["| | measured | goal | holds |", "|---|---|---|---|", *lines, ""]


def _stages(found: Found) -> list[str]:
    whole = found["whole"][str(found["side"])]
    lines = []
    for step in STEPS:
        each = whole[step]
        rest = each["seconds"] - each["network_seconds"] - each["start_seconds"]
        lines.append(
            f"| {step} | {each['seconds']:.1f} | {each['start_seconds']:.1f} |"
            f" {each['network_seconds']:.1f} | {rest:.1f} |"
            f" {each['peak_gb']:.2f} | {each['summary']} |"
        )
    return [
        "## Where the time goes",
        "",
        "Seconds. *Start* is importing libraries, reading weights and compiling the networks; *in",
        "the network* are those in which it computed at least one window; *rest* is what it waits",
        "for: the first rows, and the writing of the COG.",
        "",
        "| step | seconds | start | in the network | rest | peak GB | |",
        "|---|---|---|---|---|---|---|",
        *lines,
        "",
        *_processors(whole),
        *_limits(found),
    ]


def _processors(whole: Found) -> list[str]:
    kinds = sorted({kind for step in STEPS for kind in whole[step]["beside"]})
    lines = []
    for step in STEPS:
        each = whole[step]
        counted = [each["beside"].get(kind, 0.0) for kind in kinds]
        told = " | ".join(f"{seconds:.1f}" for seconds in counted)
        left = each["cpu_seconds"] - sum(counted)
        lines.append(f"| {step} | {each['cpu_seconds']:.1f} | {told} | {left:.1f} |")
    return [
        "What the processors did meanwhile, in seconds of one core, all threads together: what",
        "stands beside a network lengthens it by the share of the cores that it takes.",
        "",
        f"| step | in all | {' | '.join(kinds)} | network and others |",
        f"|---|---|{'---|' * len(kinds)}---|",
        *lines,
        "",
    ]


def _limits(found: Found) -> list[str]:
    limits = [
        f"| {kind} | {each['precision']} | {each['tflop']:.1f} | {each['seconds']:.1f} |"
        f" {each['alone']:.1f} | {each['limit']:.1f} | {each['share']:.0%} |"
        for kind, each in computing(found).items()
    ]
    probes = found["peak"]["probes"]
    names = list(next(iter(probes.values())))
    speeds = [
        f"| {precision} | {' | '.join(f'{each[name]:.0f}' for name in names)} |"
        for precision, each in probes.items()
    ]
    return [
        "The limit is what the same convolutions would take at the speed of the fastest matrix",
        "product or convolution of the same precision that this machine was seen to compute;",
        "*alone* is the network over windows in memory. Both were measured by turns, twelve times;",
        "shares are medians.",
        "",
        "| network | precision | TFLOP | seconds | alone | limit | share of the peak |",
        "|---|---|---|---|---|---|---|",
        *limits,
        "",
        f"| GFLOP/s | {' | '.join(names)} |",
        f"|---|{'---|' * len(names)}",
        *speeds,
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
