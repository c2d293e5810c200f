"""What bench/tile/run.py found, beside what was to be reached."""

from __future__ import annotations

from typing import Any, NamedTuple

Found = dict[str, Any]
STEPS = ("screen", "segment", "vectorize")
NETWORKS = {"screen": "cloud-filter", "segment": "unet"}
BATCHES, CHIP_BY_CHIP = "Keras, batches", "Keras, chip by chip"


class Goal(NamedTuple):
    """One of them; `holds` is None where nothing was measured."""

    what: str
    goal: str
    value: str
    holds: bool | None


def goals(found: Found) -> list[Goal]:
    """All of them; those of several sizes, and of a second run, where these were measured."""
    whole, bars = found["whole"][str(found["side"])], rates(found)
    took, networks = seconds(whole), computing(found)
    network = sum(whole[step]["network_seconds"] for step in NETWORKS)
    limit, alone = (sum(each[name] for each in networks.values()) for name in ("limit", "alone"))
    peak = max(each["peak_gb"] for each in found["whole"].values())
    ancestor, batches = (bars["tulip"] / bars[name] for name in (CHIP_BY_CHIP, BATCHES))
    return [
        Goal("from COG to polygons", "240 s at most", f"{took:.0f} s", took <= 240),
        Goal("memory", "3 GB at most", f"{peak:.2f} GB", peak <= 3),
        Goal("beside the loop of 2018", "8 x at least", f"{ancestor:.1f} x", ancestor >= 8),
        Goal("beside Keras in batches", "3 x at least", f"{batches:.1f} x", batches >= 3),
        Goal("networks, of the machine's peak", "50 % at least", f"{limit / alone:.0%}",
             limit >= 0.5 * alone),
        Goal("networks, of the time", "85 % at least", f"{network / took:.0%}",
             network >= 0.85 * took),
        _line(found),
        _again(found),
    ]  # fmt: skip


def _line(found: Found) -> Goal:
    what, goal = "time, beside a line in the pixels", "10 % at most"
    if len(found["whole"]) < 3:
        return Goal(what, goal, "", None)
    off = beside_a_line(found)
    return Goal(what, goal, f"off by {off:.0%}", off <= 0.1)


def _again(found: Found) -> Goal:
    what, goal = "again over finished products", "2 s at most"
    if found["again"] is None:
        return Goal(what, goal, "", None)
    took = found["again"]["wall_seconds"]
    return Goal(what, goal, f"{took:.2f} s", took <= 2)


def rates(found: Found) -> dict[str, float]:
    """Megapixels of raster a second, from pixels to polygons, by way; ours first."""
    pixels = found["side"] ** 2 / 1e6
    bars = {"tulip": pixels / seconds(found["whole"][str(found["side"])])}
    for name, label in (("batched", BATCHES), ("ancestor", CHIP_BY_CHIP)):
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
    whole, networks = found["whole"][str(found["side"])], {}
    for step, kind in NETWORKS.items():
        alone = found["peak"]["networks"][kind]
        shapes = ["x".join(map(str, shape)) for shape in whole[step]["windows"]]
        flop = sum(alone["flop"][shape] for shape in shapes)
        limit = flop / alone["peak"] / 1e9
        networks[kind] = {
            "precision": whole["engines"][kind].split()[-1],
            "tflop": flop / 1e12,
            "seconds": whole[step]["network_seconds"],
            "alone": limit / alone["share"],
            "limit": limit,
            "share": alone["share"],
        }
    return networks


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
