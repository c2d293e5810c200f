"""Splits scenes into training, validation and test sets."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np

from tulip_ops.core.errors import BadTrainingData

SHARES = (0.7, 0.15, 0.15)
"""Of the scenes: to learn from, to choose thresholds by, to measure with."""


class SplittableScene(Protocol):
    """A scene, read or not."""

    @property
    def place(self) -> str:
        """Where it lies: scenes of one place show the same ground."""
        ...

    @property
    def season(self) -> int:
        """Calendar year."""
        ...


S = TypeVar("S", bound=SplittableScene)


def split(
    scenes: Sequence[S],
    seed: int,
    shares: Sequence[float] = SHARES,
    *,
    seasons_apart: bool = False,
) -> tuple[list[S], ...]:
    """As many parts as `shares`, in the order of `scenes`, no place in two of them.

    All dates of a place go to one part: chips of one scene, and of one place,
    resemble each other more than those of different places. Parts come as near to
    their shares as places allow; which place goes where depends on the seed and the names of
    the places alone. `BadTrainingData` if there are fewer places than parts.

    seasons_apart: no season is in two parts either; scenes whose place and season belong to
    different parts are left out.
    """
    places = _parts([scene.place for scene in scenes], seed, shares, "places")
    if not seasons_apart:
        chosen = [places[scene.place] for scene in scenes]
    else:
        seasons = _parts([str(scene.season) for scene in scenes], seed, shares, "seasons")
        chosen = [
            part if (part := places[scene.place]) == seasons[str(scene.season)] else -1
            for scene in scenes
        ]
    parts = tuple(
        [scene for scene, part in zip(scenes, chosen, strict=True) if part == number]
        for number in range(len(shares))
    )
    if not all(parts):
        raise BadTrainingData(
            f"{len(scenes)} scenes leave a part empty when neither places nor seasons are shared;"
            " add scenes, or let parts share seasons"
        )
    return parts


def _parts(keys: Sequence[str], seed: int, shares: Sequence[float], noun: str) -> dict[str, int]:
    """The part of each key: the first ones fill all parts, the others go where most lacks."""
    counts = Counter(keys)
    if len(counts) < len(shares):
        raise BadTrainingData(
            f"{len(keys)} scenes of {len(counts)} {noun} cannot make {len(shares)} parts without"
            f" sharing {noun}; add scenes of other {noun}"
        )
    wanted = np.array(shares) / sum(shares) * len(keys)
    filled = np.zeros(len(shares))
    parts: dict[str, int] = {}
    for key in sorted(counts, key=lambda key: hashlib.sha256(f"{seed} {key}".encode()).digest()):
        empty = filled == 0
        lacking = np.where(empty | ~empty.any(), wanted - filled, -np.inf)
        part = int(np.argmax(lacking))
        filled[part] += counts[key]
        parts[key] = part
    return parts
