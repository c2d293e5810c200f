"""Where the windows of a network lie on a raster, and how its answers become one raster again.

Pure functions without Keras: planning work for other processes needs nothing else. The
steps and the Beam pipeline share it, so that both come to the same products.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tulip_ops.ml.inference.model_registry import Card, UNetArchitecture
from tulip_ops.raster import tiling
from tulip_ops.raster.tiling import Value

CELL = 16
"""Pixels on a side of the cells that a cloud filter judges one by one: the stride of ResNet's
fourth stage."""
ALIGN = 32
"""Height and width of what a cloud filter reads are multiples of this: the stride of the last."""

OVERLAP = CELL
"""Pixels by which a cloud filter's windows reach into each other on every side: cells there, judged
without their surroundings, count least."""


OUTPUTS = 2
"""Of a U-Net for each pixel: the probability of tulips, and of tulips in flower."""


def margin(levels: int) -> int:
    """Pixels from a window's border inside which a U-Net misses part of its surroundings.

    Every level has two 3x3 convolutions on the way down and two on the way up, each reaching
    2**level pixels, and the deepest two more: 6 * 2**levels - 4, rounded up to the pooling
    grid. Farther inside, a window predicts exactly what the whole raster would.
    """
    return 6 << levels


def plan(card: Card, height: int, width: int, *, size: int | None = None) -> tiling.TilingPlan:
    """The windows of the network of `card` over a raster.

    size: pixels on a side of a U-Net's windows, at least; default: the card's. They overlap by
    twice the reach of the network, so that its answer does not depend on their size. Those of a
    cloud filter have the size of the chips that it learned from: its reach is larger, and in the
    middle of a larger window it has never seen that nothing follows (docs/decisions/3).
    """
    if not isinstance(card.architecture, UNetArchitecture):
        side = max(card.chip, 2 * ALIGN) // ALIGN * ALIGN
        return tiling.plan(height, width, side, side - 2 * OVERLAP, align=ALIGN, shrink=True)
    align, edge = alignment(card), margin(card.architecture.levels)
    side = max(size or card.chip, 2 * edge + align) // align * align
    return tiling.plan(height, width, side, side - 2 * edge, align=align, shrink=True)


def alignment(card: Card) -> int:
    """Origins and sizes of the network's windows are multiples of this."""
    shape = card.architecture
    return 2**shape.levels if isinstance(shape, UNetArchitecture) else ALIGN


def windows(card: Card, plan: tiling.TilingPlan) -> list[tiling.Window]:
    """The windows of `plan` in its order, each with the pixels that it answers for."""
    return tiling.windows(plan, align=alignment(card))


def windows_to_infer(
    card: Card, plan: tiling.TilingPlan, wanted: NDArray[np.bool_]
) -> list[tiling.Window]:
    """Windows that answer for a wanted pixel, in the plan's order; only these are inferred.

    wanted: (height, width), True where the network's answer is needed.
    """
    return [window for window in windows(card, plan) if wanted[window.owns].any()]


def cells(
    outputs: Mapping[int, NDArray[np.float32]], plan: tiling.TilingPlan
) -> NDArray[np.float32]:
    """Cloud filter outputs of the windows, blended: (cells down, cells across).

    outputs: by the window's number, (chip_height / CELL, chip_width / CELL) in [0, 1]; a window
    that was not asked is left out. Returns float32 in [0, 1]; NaN where no window was asked.
    """
    coarse = tiling.coarsen(plan, CELL)
    blank = np.full((1, coarse.chip_height, coarse.chip_width), np.nan, dtype=np.float32)
    answers = [outputs[number][None] if number in outputs else blank for number in range(len(plan))]
    blended = tiling.stitch(np.stack(answers), coarse, margin=OVERLAP // CELL)[0]
    return np.asarray(np.clip(blended, 0, 1), dtype=np.float32)


def expand_cells(
    cells: NDArray[Value], known: NDArray[np.bool_], nothing: float = np.nan
) -> NDArray[Value]:
    """Expand cell values to pixels; `nothing` where `known`, (height, width), is False."""
    pixels = cells.repeat(CELL, 0).repeat(CELL, 1)[: known.shape[0], : known.shape[1]]
    return np.where(known, pixels, cells.dtype.type(nothing))


def mosaic(
    outputs: Mapping[int, NDArray[np.float32]], card: Card, plan: tiling.TilingPlan
) -> NDArray[np.float32]:
    """U-Net outputs of the windows, put together: (OUTPUTS, height, width), tulip and bloom.

    outputs: by the window's number, (OUTPUTS, chip_height, chip_width). Each pixel is taken from
    the window that answers for it, where its prediction saw all its surroundings; NaN where that
    window was not asked.
    """
    result = np.full((OUTPUTS, plan.height, plan.width), np.nan, dtype=np.float32)
    for window in windows(card, plan):
        if window.number in outputs:
            result[:, *window.owns] = outputs[window.number][:, *window.core]
    return result
