"""Cuts rasters into chips and windows, and stitches predictions together."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Value = TypeVar("Value", bound=np.generic)

MIN_BLEND_WEIGHT = 1e-6
"""Weight of a pixel in the margin of a chip: negligible unless no other chip covers it."""


@dataclass(frozen=True, slots=True)
class TilingPlan:
    """Positions of the overlapping windows over one raster.

    Invariants: every pixel of the raster is covered; all chips have the same size and are inside
    the padded raster; origins are multiples of `align`.
    """

    height: int
    """Of the raster, in pixels."""
    width: int
    chip_height: int
    chip_width: int
    padded_height: int
    """Of the raster after padding by reflection at its bottom and right."""
    padded_width: int
    rows: tuple[int, ...]
    """First rows of the chips, ascending."""
    columns: tuple[int, ...]
    """First columns of the chips, ascending."""

    @property
    def origins(self) -> list[tuple[int, int]]:
        """First row and column of each chip, row by row: the order of `cut` and `stitch`."""
        return [(row, column) for row in self.rows for column in self.columns]

    def __len__(self) -> int:
        return len(self.rows) * len(self.columns)


@dataclass(frozen=True, slots=True)
class Window:
    """One chip of a plan: the part of the raster that it reads, and the part that it predicts."""

    number: int
    """Position in the order of the plan."""
    rows: tuple[int, int]
    columns: tuple[int, int]
    """Half-open ranges that it reads of the raster; smaller than a chip at a padded edge."""
    own_rows: tuple[int, int]
    own_columns: tuple[int, int]
    """The part that this window alone predicts; these parts cover the raster without overlap."""

    @property
    def reads(self) -> tuple[slice, slice]:
        """Index of the read part, for arrays (..., height, width) of the raster."""
        return slice(*self.rows), slice(*self.columns)

    @property
    def owns(self) -> tuple[slice, slice]:
        """Index of the predicted part, for arrays of the raster."""
        return slice(*self.own_rows), slice(*self.own_columns)

    @property
    def core(self) -> tuple[slice, slice]:
        """Index of the predicted part, for arrays of the chip."""
        return (
            slice(self.own_rows[0] - self.rows[0], self.own_rows[1] - self.rows[0]),
            slice(self.own_columns[0] - self.columns[0], self.own_columns[1] - self.columns[0]),
        )


def plan(
    height: int, width: int, size: int, step: int, *, align: int = 1, shrink: bool = False
) -> TilingPlan:
    """Chips of `size` x `size` pixels every `step` pixels over a raster.

    The last chip of a row or column is shifted inward, so that it ends at the raster's edge.
    The raster is padded to a multiple of `align` (a divisor of `size` and `step`), and origins are
    multiples of it, as pooling networks require. A raster smaller than a chip is padded to
    `size`, or with `shrink` only to the next multiple of `align`.
    """
    if min(height, width, size, step, align) < 1 or step > size or size % align or step % align:
        raise ValueError(
            f"cannot plan chips: height {height}, width {width}, size {size}, step {step},"
            f" align {align}; all at least 1, step at most size, both multiples of align"
        )
    padded_height, chip_height, rows = _axis(height, size, step, align, shrink)
    padded_width, chip_width, columns = _axis(width, size, step, align, shrink)
    return TilingPlan(
        height, width, chip_height, chip_width, padded_height, padded_width, rows, columns
    )


def _axis(
    length: int, size: int, step: int, align: int, shrink: bool
) -> tuple[int, int, tuple[int, ...]]:
    """(padded length, chip length, origins) along one axis."""
    aligned = -(-length // align) * align
    chip = min(size, aligned) if shrink else size
    padded = max(aligned, chip)
    origins = [*range(0, padded - chip, step), padded - chip]
    return padded, chip, tuple(origins)


def coarsen(plan: TilingPlan, factor: int) -> TilingPlan:
    """The same chips on a grid `factor` times as coarse: the output of a pooling network.

    `factor` divides the size and the origin of every chip, as `align` of `plan` ensures.
    """
    sizes = (plan.chip_height, plan.chip_width, plan.padded_height, plan.padded_width)
    if any(number % factor for number in (*sizes, *plan.rows, *plan.columns)):
        raise ValueError(f"chips of {plan.chip_height} x {plan.chip_width} do not fit {factor}")
    return TilingPlan(
        height=-(-plan.height // factor),
        width=-(-plan.width // factor),
        chip_height=plan.chip_height // factor,
        chip_width=plan.chip_width // factor,
        padded_height=plan.padded_height // factor,
        padded_width=plan.padded_width // factor,
        rows=tuple(row // factor for row in plan.rows),
        columns=tuple(column // factor for column in plan.columns),
    )


def windows(plan: TilingPlan, *, align: int = 1) -> list[Window]:
    """The chips of a plan in order, each with the part that it predicts.

    An overlap is divided in the middle: each pixel belongs to the chip from whose border it is
    farthest. The dividing lines are multiples of `align`, as are origins and sizes.
    """
    down = _shares(plan.rows, plan.chip_height, plan.height, align)
    across = _shares(plan.columns, plan.chip_width, plan.width, align)
    return [
        Window(number, rows, columns, own_rows, own_columns)
        for number, ((rows, own_rows), (columns, own_columns)) in enumerate(
            (one, other) for one in down for other in across
        )
    ]


def _shares(
    origins: tuple[int, ...], chip: int, length: int, align: int
) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Along one axis: the ranges that each chip reads and predicts."""
    middles = [
        (after + before + chip) // (2 * align) * align for before, after in pairwise(origins)
    ]
    borders = [0, *middles, length]
    reads = [(origin, min(origin + chip, length)) for origin in origins]
    return list(zip(reads, pairwise(borders), strict=True))


def pad_window(pixels: NDArray[Value], plan: TilingPlan) -> NDArray[Value]:
    """Pad the pixels of a window (..., rows, columns) to a full chip, by reflection as in `pad`.

    Only windows at the bottom or right edge of a padded raster are smaller than a chip.
    """
    height, width = pixels.shape[-2:]
    if (height, width) == (plan.chip_height, plan.chip_width):
        return pixels
    rows = _reflection(height, plan.chip_height)
    columns = _reflection(width, plan.chip_width)
    return pixels[..., rows[:, None], columns[None, :]]


def pad(raster: NDArray[Value], plan: TilingPlan) -> NDArray[Value]:
    """The raster (bands, height, width), reflected at its bottom and right to the padded size."""
    rows = _reflection(plan.height, plan.padded_height)
    columns = _reflection(plan.width, plan.padded_width)
    return raster[:, rows[:, None], columns[None, :]]


def _reflection(length: int, padded: int) -> NDArray[np.intp]:
    """Index of the source pixel for each padded pixel; the border pixel is not repeated."""
    period = max(2 * (length - 1), 1)
    index = np.arange(padded) % period
    return np.minimum(index, period - index) if length > 1 else np.zeros(padded, dtype=np.intp)


def cut(raster: NDArray[Value], plan: TilingPlan) -> NDArray[Value]:
    """(bands, height, width) to (N, bands, chip_height, chip_width), in plan order."""
    padded = pad(raster, plan)
    return np.stack(
        [
            padded[:, row : row + plan.chip_height, column : column + plan.chip_width]
            for row, column in plan.origins
        ]
    )


def stitch(
    chips: NDArray[np.float32], plan: TilingPlan, *, margin: int | None = None
) -> NDArray[np.float32]:
    """Blend overlapping predictions back onto the grid they were cut from.

    chips: (N, bands, chip_height, chip_width) in plan order, each finite, or all NaN if it was not
    predicted: such a chip is ignored.
    Returns (bands, height, width), float32, NaN where all chips are ignored: every pixel is a
    weighted mean of the chips covering it, so `stitch(cut(x, plan), plan)` equals x up to rounding.
    Without `margin` all chips have the same weight. With it, weights rise linearly from `margin`
    pixels inside a chip's border, except at the border of the raster: predictions near a border,
    made with less context, are replaced where a better one exists.
    """
    total = np.zeros((chips.shape[1], plan.padded_height, plan.padded_width), dtype=np.float64)
    weight = np.zeros((plan.padded_height, plan.padded_width), dtype=np.float64)
    for chip, (row, column) in zip(chips, plan.origins, strict=True):
        if np.isnan(chip).all():
            continue
        down = _taper(row, plan.chip_height, plan.padded_height, margin)
        across = _taper(column, plan.chip_width, plan.padded_width, margin)
        weights = down[:, None] * across[None, :]
        here = np.s_[row : row + plan.chip_height, column : column + plan.chip_width]
        total[:, here[0], here[1]] += chip * weights
        weight[here] += weights
    blended = np.divide(total, weight, out=np.full_like(total, np.nan), where=weight > 0)
    return blended[:, : plan.height, : plan.width].astype(np.float32)


def _taper(origin: int, chip: int, padded: int, margin: int | None) -> NDArray[np.float64]:
    """Weights along one axis of a chip; a border of the raster counts as infinitely far."""
    if margin is None:
        return np.ones(chip)
    inside = np.arange(1, chip + 1)
    near = inside if origin > 0 else np.full(chip, chip + margin)
    far = inside[::-1] if origin + chip < padded else np.full(chip, chip + margin)
    return np.asarray(
        np.maximum(np.minimum(near, far) - margin, MIN_BLEND_WEIGHT), dtype=np.float64
    )
