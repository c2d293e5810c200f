"""Scenes that are read on demand, so that a training set need not fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import overload

from tulip_ops.ml.datasets.scenes import TrainingScene

MAX_BYTES = 1_500_000_000
"""Of scenes that a set keeps in memory; those beyond are read again each time."""


@dataclass(frozen=True, slots=True)
class LazyScene:
    """Place and season of a scene that is read later."""

    name: str
    place: str
    season: int
    read: Callable[[], TrainingScene]
    """Reads it from its files, every time; the same scene, but for files that changed."""


class LazyScenes(Sequence[TrainingScene]):
    """Scenes that are read on first use, and cached while there is room."""

    def __init__(self, unread: Sequence[LazyScene], most_bytes: int = MAX_BYTES) -> None:
        self._unread = unread
        self._room = most_bytes
        self._kept: dict[int, TrainingScene] = {}

    def __len__(self) -> int:
        return len(self._unread)

    @overload
    def __getitem__(self, index: int) -> TrainingScene: ...

    @overload
    def __getitem__(self, index: slice) -> LazyScenes: ...

    def __getitem__(self, index: int | slice) -> TrainingScene | LazyScenes:
        if isinstance(index, slice):
            return LazyScenes(self._unread[index], self._room)
        position = range(len(self))[index]
        if position in self._kept:
            return self._kept[position]
        scene = self._unread[position].read()
        size = scene.dn.nbytes + scene.truth.nbytes
        if size <= self._room:
            self._room -= size
            self._kept[position] = scene
        return scene
