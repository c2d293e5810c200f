"""Grids of square pixels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from affine import Affine

from tulip_ops.core.errors import NothingValid

STRIP_ROWS = 512
"""Rows per strip in which large grids are read and written."""

_EDGE = 1e-6
"""Tolerance in pixels: a bound this close to a pixel edge is on the edge."""

Bounds = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Grid:
    """A north-up grid of square pixels in a projected CRS."""

    epsg: int
    left: float
    """Western edge of the first column, units of the CRS."""
    top: float
    """Northern edge of the first row."""
    width: int
    height: int
    resolution: float = 10.0
    """Side of a pixel, units of the CRS (metres in UTM)."""

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1 or not self.resolution > 0:
            raise ValueError(f"a grid needs pixels: {self}")

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width), as of arrays."""
        return self.height, self.width

    @property
    def transform(self) -> Affine:
        """From (column, row) to (x, y); integers are pixel corners."""
        return Affine(self.resolution, 0, self.left, 0, -self.resolution, self.top)

    @property
    def bounds(self) -> Bounds:
        """(left, bottom, right, top)."""
        return (
            self.left,
            self.top - self.height * self.resolution,
            self.left + self.width * self.resolution,
            self.top,
        )

    def window(self, bounds: Bounds) -> Grid:
        """The smallest part of this grid that covers its intersection with `bounds`.

        bounds: (left, bottom, right, top) in the grid's CRS. Pixels stay aligned with this grid.
        `NothingValid` if the intersection is empty.
        """
        left, bottom, right, top = bounds
        first_column = max(0, math.floor((left - self.left) / self.resolution + _EDGE))
        first_row = max(0, math.floor((self.top - top) / self.resolution + _EDGE))
        columns = min(self.width, math.ceil((right - self.left) / self.resolution - _EDGE))
        rows = min(self.height, math.ceil((self.top - bottom) / self.resolution - _EDGE))
        if first_column >= columns or first_row >= rows:
            raise NothingValid(
                f"the bounds {left:.0f} {bottom:.0f} {right:.0f} {top:.0f} lie outside the grid"
                f" {' '.join(f'{edge:.0f}' for edge in self.bounds)} (EPSG:{self.epsg})"
            )
        return replace(
            self,
            left=self.left + first_column * self.resolution,
            top=self.top - first_row * self.resolution,
            width=columns - first_column,
            height=rows - first_row,
        )

    def rows(self, rows: slice) -> Grid:
        """The rows of a slice, in full width."""
        top = self.top - rows.start * self.resolution
        return replace(self, top=top, height=rows.stop - rows.start)

    def strips(self, most_pixels: int) -> Iterator[Grid]:
        """Split the grid into strips of full width, north to south, without overlap.

        A strip has at most `most_pixels`, but at least `STRIP_ROWS` rows, and a multiple of these,
        so that strips end on the block edges of files.
        """
        rows = max(1, most_pixels // self.width // STRIP_ROWS) * STRIP_ROWS
        for row in range(0, self.height, rows):
            yield self.rows(slice(row, min(row + rows, self.height)))
