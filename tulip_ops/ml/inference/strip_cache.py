"""Shares decoded strips of a raster between its readers in one process.

The first reader caches decoded strips for the next one, as many as fit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from tulip_ops.raster.cog import CogReader
from tulip_ops.raster.grid import STRIP_ROWS

Strip = NDArray[np.uint16]
"""(bands, rows, width), as it is stored."""


class StripCache:
    """Decoded strips of `STRIP_ROWS` of one raster; for one thread at a time."""

    def __init__(self, memory_gb: float) -> None:
        """memory_gb: that they share with whatever computes."""
        self.memory_gb = memory_gb
        self._raster = ""
        self._room = 0.0
        self._strips: dict[int, Strip] = {}

    def for_raster(self, raster: str) -> StripCache:
        """This cache, emptied if it holds another raster; rasters are named by checksum."""
        if raster != self._raster:
            self._strips.clear()
        self._raster = raster
        return self

    def set_limit(self, room: float) -> None:
        """Store at most `room` bytes from now on; the last strips are dropped first."""
        self._room = room
        while self._strips and self.nbytes > room:
            del self._strips[max(self._strips)]

    @property
    def nbytes(self) -> int:
        """Bytes in use."""
        return sum(strip.nbytes for strip in self._strips.values())

    def clear(self) -> None:
        """Drop all strips."""
        self._strips.clear()

    def put(self, first: int, strip: Strip) -> None:
        """Store the strip that begins with row `first`, if it fits."""
        if self.nbytes + strip.nbytes <= self._room:
            self._strips[first] = strip

    def pop(self, first: int) -> Strip | None:
        """Remove and return the strip that begins with row `first`, if it is there."""
        return self._strips.pop(first, None)


def read_strips(
    source: CogReader,
    places: Sequence[int],
    cache: StripCache | None = None,
    *,
    fill_cache: bool = False,
) -> Iterator[Strip]:
    """The bands at `places` of a raster, strip by strip from north to south.

    cache: strips of this raster, which are not read again. fill_cache: store the strips there, in
    all bands, for later readers of the raster; else the cache is only emptied.
    """
    height, everything = source.grid.height, range(len(source.bands))
    for first in range(0, height, STRIP_ROWS):
        last = min(first + STRIP_ROWS, height)
        strip = None if cache is None else cache.pop(first)
        if strip is None and not (fill_cache and cache is not None):
            yield source.read_rows(first, last, places)
            continue
        if strip is None:
            strip = source.read_rows(first, last)
        if fill_cache and cache is not None:
            cache.put(first, strip)
        yield strip if list(places) == list(everything) else strip[list(places)]
