"""Scenes to hold a model against, named as in `tulip evaluate --data`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tulip_ops.errors import BadSetting
from tulip_ops.networks import data
from tulip_ops.networks.data import Scene
from tulip_ops.networks.registry import Card

SIDE = 512
"""Pixels on a side of simulated scenes."""
TEST = 2_000_000
"""Added to a training's seed: every seed is a polder of its own, in a season of its own."""


def scenes(source: str, card: Card, work: Path, count: int, processes: int) -> Iterator[Scene]:
    """At most `count` scenes of a source, with the card's bands, one in memory at a time.

    work, processes: see `simulated`. `BadInput` if the source cannot be read or is unknown.
    """
    if source == "simulated":
        return simulated(card, work, count, processes)
    raise BadSetting(f"{source!r} names no scenes; use simulated")


def simulated(card: Card, work: Path, count: int, processes: int) -> Iterator[Scene]:
    """Scenes of places and seasons that the model has not learned from; one in memory at a time.

    work: where trainings keep their scenes; what is missing is simulated, in `processes`.
    """
    seed = int(card.training.settings.get("seed", 1))
    first = seed * 10_000 + TEST
    for path in data.make_scenes(work, range(first, first + count), SIDE, processes):
        yield from data.load_scenes([path], card.bands)
