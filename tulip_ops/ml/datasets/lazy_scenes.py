"""Scenes that are read when they are wanted: a training set need not fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import overload

from tulip_ops.ml.datasets.scenes import Scene

MOST_BYTES = 1_500_000_000
"""Of scenes that a set keeps in memory; those beyond are read again each time."""


@dataclass(frozen=True, slots=True)
class Unread:
    """What must be known of a scene before it is read."""

    name: str
    place: str
    season: int
    read: Callable[[], Scene]
    """Reads it from its files, every time; the same scene, but for files that changed."""


class Reading(Sequence[Scene]):
    """Scenes that are read at their first use, and kept as long as there is room."""

    def __init__(self, unread: Sequence[Unread], most_bytes: int = MOST_BYTES) -> None:
        self._unread = unread
        self._room = most_bytes
        self._kept: dict[int, Scene] = {}

    def __len__(self) -> int:
        return len(self._unread)

    @overload
    def __getitem__(self, index: int) -> Scene: ...

    @overload
    def __getitem__(self, index: slice) -> Reading: ...

    def __getitem__(self, index: int | slice) -> Scene | Reading:
        if isinstance(index, slice):
            return Reading(self._unread[index], self._room)
        position = range(len(self))[index]
        if position in self._kept:
            return self._kept[position]
        scene = self._unread[position].read()
        size = scene.dn.nbytes + scene.truth.nbytes
        if size <= self._room:
            self._room -= size
            self._kept[position] = scene
        return scene
