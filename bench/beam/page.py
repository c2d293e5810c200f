"""docs/explanation/beam-speed.md out of what bench/beam/run.py measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Found = dict[str, Any]
LOOP, EACH = "plain loop, one PNG at a time", "`tulip run`, one by one"
ONE, TWO = "DirectRunner, 1 worker of 1 thread", "DirectRunner, 2 workers of 1 thread"
BOTH = "DirectRunner, 1 worker of 2 threads"
_COLUMNS = ("way", "seconds", "chips/s", "beside the loop", "start, s", "chips/s once started",
            "beside the loop")  # fmt: skip


def pace(data: Found, way: str) -> float | None:
    """Chips a second, free of what it takes to start; None without a smaller season."""
    if "few" not in data["found"]:
        return None
    few, full = data["found"]["few"][way], data["found"]["whole"][way]
    return float((full["chips"] - few["chips"]) / (full["seconds"] - few["seconds"]))


def table(data: Found) -> str:
    """A line for each way, in Markdown."""
    lines = [
        f"| {' | '.join(_COLUMNS)} |",
        f"|{'---|' * len(_COLUMNS)}",
    ]
    found: Mapping[str, Found] = data["found"]["whole"]
    loop = found.get(LOOP)
    for way, one in found.items():
        overall, started = one["chips"] / one["seconds"], pace(data, way)
        cells = [way, f"{one['seconds']:.0f}", f"{overall:.2f}"]
        cells.append(f"{overall / (loop['chips'] / loop['seconds']):.2f} x" if loop else "")
        if started is None:
            cells += ["", "", ""]
        else:
            beside = started / (pace(data, LOOP) or started)
            cells += [f"{_start(data, way):.0f}", f"{started:.2f}", f"{beside:.2f} x"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def different(data: Found) -> list[str]:
    """What is not as `tulip run` leaves it: tables and products, by season and way."""
    lines = []
    for season, ways in data["found"].items():
        for way, one in ways.items():
            if way in {LOOP, EACH}:
                continue
            where = f"{season}, {way}"
            for kind in ("rows", "products"):
                wanted, left = ways[EACH][kind], one[kind]
                lines += [
                    f"{where}: {kind}: {name}"
                    for name in sorted(wanted.keys() | left.keys())
                    if wanted.get(name) != left.get(name)
                ]
    return lines


def write(data: Found, docs: Path) -> None:
    """The page."""
    path = docs / "explanation" / "beam-speed.md"
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(_lines(data)) + "\n")


def _lines(data: Found) -> Sequence[str]:
    full = data["found"]["whole"]
    products = len(full[EACH]["products"])
    words = f"--scenes {data['scenes']} --few {data['few']} --side {data['side']}"
    return [
        "# How fast an archive is",
        "",
        f"Written by `bench/beam/run.py {words}`, part by part, in {data['minutes']:.0f} minutes",
        f"on {data['machine']}. **The season is simulated**: {data['scenes']} acquisitions of",
        f"{data['side']} x {data['side']} pixels in ten bands, some cloudy, one in ten overcast.",
        "",
        "The loop is that of the 2018 prototype: one PNG of 256 x 256 pixels in true colour at a",
        "time through `model.predict` of the cloud filter and, if it is clear, of the U-Net, to a",
        "PNG mask. It makes neither polygons nor rows; all others process the archive to rows in",
        "PostGIS. `tulip run` keeps its two networks loaded here; the command itself loads them",
        "for each acquisition. It and the loop compute with two threads. A chip is 256 x 256",
        "pixels of ground.",
        "",
        table(data),
        "",
        f"*Once started*: over the {data['scenes'] - data['few']} acquisitions that a smaller",
        f"season of {data['few']} does not have. *Start* is the remaining time of that season:",
        "imports, workers, networks. Each was measured once. One worker should start equally fast",
        f"with one thread and with two: {_start(data, ONE):.0f} and {_start(data, BOTH):.0f} s",
        "show the uncertainty of these figures.",
        "",
        *_growth(data),
        "",
        "## Equal results",
        "",
        _verdict(data, products),
    ]


def _growth(data: Found) -> list[str]:
    growth = {way: (pace(data, TWO) or 0.0) / (pace(data, way) or 1.0) for way in (ONE, BOTH)}
    full = data["found"]["whole"]
    ratio = full[ONE]["seconds"] / full[TWO]["seconds"]
    return [
        "## From one to two workers",
        "",
        f"Two workers of one thread process {growth[ONE]:.2f} times as many chips a second as one",
        f"of one thread once started ({ratio:.2f} times with the start), and {growth[BOTH]:.2f}",
        "times as many as one worker of two threads, which has the same two processors to itself.",
    ]


def _verdict(data: Found, products: int) -> str:
    if different(data):
        raise ValueError("a page is written of runs that agree")
    return (
        "All of them wrote the rows of `tulip run` in `tulip.acquisition`, `tulip.attempt` and\n"
        f"`tulip.detection`, to the last digit, and its {products} products byte for byte."
    )


def _start(data: Found, way: str) -> float:
    few = data["found"]["few"][way]
    return float(few["seconds"] - few["chips"] / (pace(data, way) or 1.0))
