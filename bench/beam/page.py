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


def pace(told: Found, way: str) -> float | None:
    """Chips a second, free of what it takes to start; None without a smaller season."""
    if "few" not in told["found"]:
        return None
    few, whole = told["found"]["few"][way], told["found"]["whole"][way]
    return float((whole["chips"] - few["chips"]) / (whole["seconds"] - few["seconds"]))


def table(told: Found) -> str:
    """A line for each way, in Markdown."""
    lines = [
        f"| {' | '.join(_COLUMNS)} |",
        f"|{'---|' * len(_COLUMNS)}",
    ]
    found: Mapping[str, Found] = told["found"]["whole"]
    loop = found.get(LOOP)
    for way, one in found.items():
        whole, started = one["chips"] / one["seconds"], pace(told, way)
        cells = [way, f"{one['seconds']:.0f}", f"{whole:.2f}"]
        cells.append(f"{whole / (loop['chips'] / loop['seconds']):.2f} x" if loop else "")
        if started is None:
            cells += ["", "", ""]
        else:
            beside = started / (pace(told, LOOP) or started)
            cells += [f"{_start(told, way):.0f}", f"{started:.2f}", f"{beside:.2f} x"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def different(told: Found) -> list[str]:
    """What is not as `tulip run` leaves it: tables and products, by season and way."""
    lines = []
    for season, ways in told["found"].items():
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


def write(told: Found, docs: Path) -> None:
    """The page."""
    path = docs / "explanation" / "beam-speed.md"
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(_lines(told)) + "\n")


def _lines(told: Found) -> Sequence[str]:
    whole = told["found"]["whole"]
    products = len(whole[EACH]["products"])
    words = f"--scenes {told['scenes']} --few {told['few']} --side {told['side']}"
    return [
        "# How fast an archive is",
        "",
        f"Written by `bench/beam/run.py {words}`, part by part, in {told['minutes']:.0f} minutes",
        f"on {told['machine']}. **The season is simulated**: {told['scenes']} acquisitions of",
        f"{told['side']} x {told['side']} pixels in ten bands, some cloudy, one in ten overcast.",
        "",
        "The loop is that of the 2018 prototype: one PNG of 256 x 256 pixels in true colour at a",
        "time through `model.predict` of the cloud filter and, if it is clear, of the U-Net, to a",
        "PNG mask. It makes neither polygons nor rows; all others process the archive to rows in",
        "PostGIS. `tulip run` keeps its two networks loaded here; the command itself loads them",
        "for each acquisition. It and the loop compute with two threads. A chip is 256 x 256",
        "pixels of ground.",
        "",
        table(told),
        "",
        f"*Once started*: over the {told['scenes'] - told['few']} acquisitions that a smaller",
        f"season of {told['few']} does not have. *Start* is the remaining time of that season:",
        "imports, workers, networks. Each was measured once. One worker should start equally fast",
        f"with one thread and with two: {_start(told, ONE):.0f} and {_start(told, BOTH):.0f} s",
        "show the uncertainty of these figures.",
        "",
        *_growth(told),
        "",
        "## Equal results",
        "",
        _verdict(told, products),
    ]


def _growth(told: Found) -> list[str]:
    growth = {way: (pace(told, TWO) or 0.0) / (pace(told, way) or 1.0) for way in (ONE, BOTH)}
    whole = told["found"]["whole"]
    ratio = whole[ONE]["seconds"] / whole[TWO]["seconds"]
    return [
        "## From one to two workers",
        "",
        f"Two workers of one thread process {growth[ONE]:.2f} times as many chips a second as one",
        f"of one thread once started ({ratio:.2f} times with the start), and {growth[BOTH]:.2f}",
        "times as many as one worker of two threads, which has the same two processors to itself.",
    ]


def _verdict(told: Found, products: int) -> str:
    if different(told):
        raise ValueError("a page is written of runs that agree")
    return (
        "All of them wrote the rows of `tulip run` in `tulip.acquisition`, `tulip.attempt` and\n"
        f"`tulip.detection`, to the last digit, and its {products} products byte for byte."
    )


def _start(told: Found, way: str) -> float:
    few = told["found"]["few"][way]
    return float(few["seconds"] - few["chips"] / (pace(told, way) or 1.0))
