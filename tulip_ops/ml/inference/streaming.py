"""Streams the windows of an acquisition through a network.

One thread reads rows of the raster, another normalizes windows, the network computes, and a fourth
writes the outputs. However large the raster, only the rows of the windows under way are in memory.
Windows without a wanted pixel are read, but never inferred.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tulip_ops.core import concurrency
from tulip_ops.fields.delineation.noise import Noise
from tulip_ops.ml.inference import memory_budget, predictors, strip_cache, window_layout
from tulip_ops.ml.inference.keras_backend import NetworkOutputs
from tulip_ops.ml.inference.predictors import CloudFilter, UNet
from tulip_ops.ml.inference.strip_cache import StripCache
from tulip_ops.raster import tiling
from tulip_ops.raster.cog import CogReader
from tulip_ops.raster.cog_writer import CogWriter
from tulip_ops.raster.grid import STRIP_ROWS
from tulip_ops.raster.probability import PROBABILITY_NODATA, ProbabilityRaster, encode_probability
from tulip_ops.raster.reflectance import DN_NODATA
from tulip_ops.raster.tiling import Value

RowMask = Callable[[slice], NDArray[np.bool_]]
"""Rows of the raster to (rows, width): True where an answer is wanted. Called from north to south,
from one thread."""


def cloud_probability(
    source: CogReader, network: CloudFilter, wanted: RowMask, cache: StripCache | None = None
) -> tuple[NDArray[np.float32], PixelMask]:
    """Cloud probability of the cells of a raster, and the pixels that it covers.

    cache: stores the strips that are read, for the U-Net.
    Returns (cells down, cells across) float32 in [0, 1], NaN where no window was asked; and the
    pixels that are wanted and were measured in all of the network's bands.
    """
    plan = window_layout.plan(network.card, *source.grid.shape)
    known = PixelMask(source.grid.shape)
    if cache is not None:
        cache.set_limit(
            memory_budget.free_bytes(
                network, source.grid.width, cache.memory_gb, size=plan.chip_height
            )
        )
    read = strip_cache.read_strips(
        source, predictors.band_indices(network.card, source.bands), cache, fill_cache=True
    )

    def ask(ready: Prepared) -> tuple[int, NDArray[np.float32]] | None:
        window, mask, pixels = ready
        known.put(window, mask)
        if pixels is None:
            return None
        return window.number, network.calibrated(network.run(pixels))[0]

    with _prepared(read, network, plan, wanted) as prepared:
        answers = concurrency.ordered_map(ask, prepared, network.at_once)
        outputs = dict(answer for answer in answers if answer is not None)
    return window_layout.cells(outputs, plan), known


def expand_cells(
    cells: NDArray[Value], known: PixelMask, nothing: float = np.nan
) -> Iterator[tuple[slice, NDArray[Value]]]:
    """Cell values as pixels, strip by strip: rows, (rows, width).

    cells: as `cloud_probability` returns them, of any type. nothing: where they are not known.
    """
    for first in range(0, known.height, STRIP_ROWS):
        rows = slice(first, min(first + STRIP_ROWS, known.height))
        these = cells[rows.start // window_layout.CELL : -(-rows.stop // window_layout.CELL)]
        yield rows, window_layout.expand_cells(these, known.rows(rows), nothing)


def write_tulips(
    writer: CogWriter,
    source: CogReader,
    network: UNet,
    wanted: RowMask,
    *,
    size: int,
    cache: StripCache | None = None,
) -> TulipSummary:
    """Write the U-Net's outputs for a raster: tulip and bloom, NaN where not wanted or measured.

    size: of the windows, see `memory_budget.window_size`. cache: strips that need not be read
    again.
    """
    tulips, seen = [0], [0]
    noise = _NoiseOfRows(network.card.threshold)
    plan = window_layout.plan(network.card, *source.grid.shape, size=size)

    def write(
        window: tiling.Window, mask: NDArray[np.bool_], outputs: NetworkOutputs | None
    ) -> None:
        stored = np.full((window_layout.OUTPUTS, *mask.shape), PROBABILITY_NODATA, dtype=np.uint8)
        if outputs is not None:
            logits = outputs["logits"][0][window.core]
            seen.append(int(np.count_nonzero(mask)))
            for first in range(0, len(mask), predictors.ROWS_IN_CACHE):
                part = slice(first, first + predictors.ROWS_IN_CACHE)
                values = network.probability(logits[part])
                np.copyto(stored[:, part], encode_probability(values), where=mask[part])
                found = (values[0] >= network.card.threshold) & mask[part]
                tulips.append(int(np.count_nonzero(found)))
        writer.write_encoded(stored, window.own_rows[0], window.own_columns[0])
        noise.put(window, stored[0])

    if cache is not None:
        width = source.grid.width
        # cached strips replace the rows that would be read first
        room = memory_budget.free_bytes(
            network, width, cache.memory_gb, size=size
        ) + memory_budget.row_bytes(network.card, width, size)
        cache.set_limit(room)
    read = strip_cache.read_strips(
        source, predictors.band_indices(network.card, source.bands), cache
    )
    with (
        _prepared(read, network, plan, wanted) as prepared,
        concurrency.background_writer(1) as line,
    ):
        for window, mask, pixels in prepared:
            outputs = None if pixels is None else network.run(pixels)
            line.submit(partial(write, window, mask, outputs))
    return TulipSummary(sum(tulips) / max(1, sum(seen)), noise.deviation)


class TulipSummary(NamedTuple):
    """Statistics collected by `write_tulips`."""

    share: float
    """Of the pixels asked for, those that are tulips."""
    noise: float
    """Deviation of the `Noise` of what was written."""


class _NoiseOfRows:
    """The noise of a raster that is written in rows of windows, from north to south."""

    def __init__(self, threshold: float) -> None:
        self._noise = Noise(threshold)
        self._above: list[NDArray[np.uint8]] = []
        self._row: list[NDArray[np.uint8]] = []
        self._rows = (0, 0)

    def put(self, window: tiling.Window, tulip: NDArray[np.uint8]) -> None:
        """Add the stored pixels of the next window in order, without its overlaps."""
        if window.own_rows != self._rows:
            self._end_row()
            self._rows = window.own_rows
        self._row.append(tulip)

    @property
    def deviation(self) -> float:
        """Of all that was put."""
        self._end_row()
        return self._noise.deviation

    def _end_row(self) -> None:
        if self._row:
            part = np.concatenate([*self._above, np.concatenate(self._row, axis=1)])
            self._noise.add(ProbabilityRaster(part))
            self._above, self._row = [part[-2:]], []


class PixelMask:
    """Mask of a raster's known pixels, one bit each."""

    def __init__(self, shape: tuple[int, int]) -> None:
        """None of (height, width)."""
        self.height, self._width = shape
        self._bits = np.zeros((shape[0], -(-shape[1] // 8)), dtype=np.uint8)

    def put(self, window: tiling.Window, mask: NDArray[np.bool_]) -> None:
        """Those that a window answers for; its first column is a multiple of eight.

        Windows may be put by several threads: no two of them share a byte.
        """
        first = window.own_columns[0] // 8
        bits = np.packbits(mask, axis=1)
        self._bits[window.owns[0], first : first + bits.shape[1]] = bits

    def rows(self, rows: slice) -> NDArray[np.bool_]:
        """(rows, width)."""
        return np.unpackbits(self._bits[rows], axis=1, count=self._width).view(np.bool_)


Prepared = tuple[tiling.Window, NDArray[np.bool_], NDArray[np.float32] | None]
"""A window, which of its own pixels are wanted and measured, and what the network reads: None
where that is none of them."""


@contextmanager
def _prepared(
    read: Iterator[strip_cache.Strip],
    network: CloudFilter | UNet,
    plan: tiling.TilingPlan,
    wanted: RowMask,
) -> Iterator[Iterator[Prepared]]:
    """All windows in their order, made ready by other threads."""
    with (
        concurrency.prefetch(read, memory_budget.PREFETCHED_STRIPS) as coming,
        concurrency.prefetch(_ready(coming, network, plan, wanted), 1) as ready,
    ):
        yield ready


def _ready(
    coming: Iterable[strip_cache.Strip],
    network: CloudFilter | UNet,
    plan: tiling.TilingPlan,
    wanted: RowMask,
) -> Iterator[Prepared]:
    held = _Held(coming)
    rows, there = None, np.empty((0, 0), dtype=bool)
    for window in window_layout.windows(network.card, plan):
        if window.rows != rows:
            rows = window.rows
            held.hold(*rows)
            there = wanted(window.owns[0])
        own = held.cut(*window.owns)
        mask = (own.min(axis=0) > DN_NODATA) & there[:, window.owns[1]]
        pixels = None
        if mask.any():
            read = tiling.pad_window(held.cut(*window.reads), plan)
            pixels = network.normalized(read[np.newaxis])
        yield window, mask, pixels


class _Held:
    """The rows of a raster that windows under way need, as strips from north to south."""

    def __init__(self, coming: Iterable[strip_cache.Strip]) -> None:
        self._coming = iter(coming)
        self._strips: list[strip_cache.Strip] = []
        self._first = 0

    def hold(self, first: int, last: int) -> None:
        """Drop the rows above `first`, and read the rows above `last`."""
        while self._strips and self._first + self._strips[0].shape[1] <= first:
            self._first += self._strips.pop(0).shape[1]
        while self._first + sum(strip.shape[1] for strip in self._strips) < last:
            self._strips.append(next(self._coming))

    def cut(self, rows: slice, columns: slice) -> NDArray[np.uint16]:
        """(bands, rows, columns) of the raster."""
        parts, top = [], self._first
        for strip in self._strips:
            part = slice(max(rows.start - top, 0), max(rows.stop - top, 0))
            parts.append(strip[:, part, columns])
            top += strip.shape[1]
        return np.concatenate(parts, axis=1)
