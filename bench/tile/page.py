"""docs/explanation/performance.md out of what bench/tile/run.py measured."""

from __future__ import annotations

from pathlib import Path

from bench.tile.goals import STEPS, Found, Goal, computing, goals, rates, seconds, start_seconds
from tulip_ops.reports import evaluation_plots

_PLAIN = [
    "*Without AMX* is the same on the same machine, where networks may use AVX-512, VNNI and",
    "bfloat16 but no matrix instructions (`ONEDNN_MAX_CPU_ISA=AVX512_CORE_BF16`), as on most",
    "processors: only the networks take longer.",
    "",
]


def write(found: Found, docs: Path) -> None:
    """The page and its chart."""
    (docs / "pictures").mkdir(parents=True, exist_ok=True)
    bars = rates(found)
    evaluation_plots.rates(
        docs / "pictures" / "performance.png", "From ten bands to tulip polygons", "Mpx/s", bars
    )
    lines = [*_head(found), *_targets(found), *_stages(found), *_rivals(found, bars)]
    path = docs / "explanation" / "performance.md"
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join([*lines, *_sizes(found)]) + "\n")


def _head(found: Found) -> list[str]:
    return [
        "# How fast a tile is",
        "",
        (
            f"Written by `bench/tile/run.py --side {found['side']}`, which measured one part after"
            " the other, all of them in"
        ),
        f"{found['minutes']} minutes, on {found['machine']}, with {found['threads']} threads and",
        (
            f"`TULIP_MEMORY_GB={found['memory_gb']:g}`. The raster has {found['side']} x"
            f" {found['side']} pixels (a complete tile: 10980 x 10980) of ten"
        ),
        "bands. **Its texture is simulated**: patches of simulated scenes, rotated, mirrored, with",
        "noise of their own, half of them under cloud. One area of interest covers all of it.",
        "",
        f"Networks: {', '.join(found['whole'][str(found['side'])]['engines'].values())}.",
        "",
    ]


def _targets(found: Found) -> list[str]:
    """The goals; with a column for a machine without matrix instructions where it was measured."""
    several = [goals(found)]
    columns = ["measured", "met"]
    if "plain" in found:
        several.append(goals(found | found["plain"]))
        columns += ["without AMX", "met"]
    lines = []
    for same in zip(*several, strict=True):
        cells = " | ".join(f"{each.value} | {_holds(each)}" for each in same)
        lines.append(f"| {same[0].what} | {same[0].goal} | {cells} |")
    return [
        f"| | target | {' | '.join(columns)} |",
        f"|---|---|{'---|' * len(columns)}",
        *lines,
        "",
        *(_PLAIN if "plain" in found else []),
    ]


def _holds(goal: Goal) -> str:
    return "" if goal.holds is None else "yes" if goal.holds else "**no**"


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
        "the network* is the time in which at least one window was computed; *rest* is waiting for",
        "the first rows, and writing the COG.",
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
        cells = " | ".join(f"{seconds:.1f}" for seconds in counted)
        left = each["cpu_seconds"] - sum(counted)
        lines.append(f"| {step} | {each['cpu_seconds']:.1f} | {cells} | {left:.1f} |")
    return [
        "CPU time of each activity, in seconds of one core, all threads together. Work in parallel",
        "with a network slows it down by the share of the cores that it takes.",
        "",
        f"| step | total | {' | '.join(kinds)} | network and others |",
        f"|---|---|{'---|' * len(kinds)}---|",
        *lines,
        "",
    ]


def _limits(found: Found) -> list[str]:
    kinds = {"": found} | ({" without AMX": found | found["plain"]} if "plain" in found else {})
    limits = [
        f"| {kind}{without} | {each['precision']} | {each['tflop']:.1f} | {each['seconds']:.1f} |"
        f" {each['alone']:.1f} | {each['limit']:.1f} | {each['share']:.0%} |"
        for without, measured in kinds.items()
        for kind, each in computing(measured).items()
    ]
    probes = found["peak"]["probes"]
    names = list(next(iter(probes.values())))
    speeds = [
        f"| {precision} | {' | '.join(f'{each[name]:.0f}' for name in names)} |"
        for precision, each in probes.items()
    ]
    return [
        "The limit is the time of the same convolutions at the speed of the fastest matrix product",
        "or convolution of the same precision that was measured on this machine; *alone* is the",
        "network over windows in memory. Both were measured alternately, twelve times; shares are",
        "medians.",
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
        "## Compared with other ways",
        "",
        "The same pixels, the same weights. The time of tulip is complete, from the COG",
        (
            f"to the GeoParquet file. The others ran over its first {found['part']} x"
            f" {found['part']} pixels, and are"
        ),
        "extrapolated. Keras in batches of 16 chips of 256 pixels, single precision,",
        "without overlaps and without polygons; chip by chip as in the 2018 prototype: PNG",
        "files, `model.predict` on each, masks as PNG, outlines of each mask.",
        "",
        "| | Mpx/s | tulip is faster by |",
        "|---|---|---|",
        *rows,
        "",
        "![Megapixels a second](../pictures/performance.png)",
        "",
        (
            f"`rasterio.features.shapes` makes {found['shapes']['outlines']} outlines of the mask"
            f" of the complete raster in {found['shapes']['work_seconds']:.1f} s and"
            f" {found['shapes']['peak_gb']:.2f} GB,"
        ),
        (
            "without separating, simplifying or measuring any; all of `vectorize` takes"
            f" {found['whole'][str(found['side'])]['vectorize']['seconds']:.1f} s."
        ),
        "",
        "Another benchmark measures how fast polygons are loaded, beside `geopandas.to_postgis`:",
        (
            "`bench/history/run.py`; [its figures]"
            "(../decisions/7-no-partitions-and-no-staging-without-need.md)."
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
        "| other projects, on a million pixels | Mpx/s |",
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
        "Each in a process of its own; the smaller ones are parts of the tile that are also half",
        "under cloud.",
        "",
        "| pixels on a side | seconds | of these start | Mpx/s | peak GB |",
        "|---|---|---|---|---|",
        *rows,
    ]
