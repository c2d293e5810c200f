"""One reading of a raster for all who go through it in one process.

Whoever goes through it first leaves the strips that he decoded to the next one, as many as fit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from tulip_ops.raster.cog import Stored
from tulip_ops.raster.grid import STRIP_ROWS

Strip = NDArray[np.uint16]
"""(bands, rows, width), as it is stored."""


class Strips:
    """Decoded strips of `STRIP_ROWS` of one raster; for one thread at a time."""

    def __init__(self, memory_gb: float) -> None:
        """memory_gb: that they share with whatever computes."""
        self.memory_gb = memory_gb
        self._raster = ""
        self._room = 0.0
        self._kept: dict[int, Strip] = {}

    def of(self, raster: str) -> Strips:
        """These, without any of another raster than this one, which is named by its checksum."""
        if raster != self._raster:
            self._kept.clear()
        self._raster = raster
        return self

    def fit(self, room: float) -> None:
        """Keep no more than `room` bytes from now on; the last strips are forgotten first."""
        self._room = room
        while self._kept and self.held > room:
            del self._kept[max(self._kept)]

    @property
    def held(self) -> int:
        """Bytes."""
        return sum(strip.nbytes for strip in self._kept.values())

    def forget(self) -> None:
        """All of them."""
        self._kept.clear()

    def put(self, first: int, strip: Strip) -> None:
        """Keep the strip that begins with the row `first`, if it fits."""
        if self.held + strip.nbytes <= self._room:
            self._kept[first] = strip

    def take(self, first: int) -> Strip | None:
        """What was kept of the row `first` and those below it; it is forgotten here."""
        return self._kept.pop(first, None)


def read(
    source: Stored, places: Sequence[int], kept: Strips | None = None, *, leave: bool = False
) -> Iterator[Strip]:
    """The bands at `places` of a raster, strip by strip from north to south.

    kept: strips of this raster, which are not read again. leave: leave what is read there, in
    all bands, for those who go through the raster after this; else it is only emptied.
    """
    height, everything = source.grid.height, range(len(source.bands))
    for first in range(0, height, STRIP_ROWS):
        last = min(first + STRIP_ROWS, height)
        strip = None if kept is None else kept.take(first)
        if strip is None and not (leave and kept is not None):
            yield source.rows(first, last, places)
            continue
        if strip is None:
            strip = source.rows(first, last)
        if leave and kept is not None:
            kept.put(first, strip)
        yield strip if list(places) == list(everything) else strip[list(places)]
