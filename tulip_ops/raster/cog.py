"""Reads and writes the project's COGs: reflectance, probability and labels.

Arrays are (bands, height, width). Reflectance is float32 with 1.0 = 100 %, probability is float32
in [0, 1]; NaN is no data.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from tulip_ops.raster import cog_writer, dataset, header, reader
from tulip_ops.raster import reflectance as radiometry
from tulip_ops.raster.cog_writer import CogWriter
from tulip_ops.raster.dataset import Dataset
from tulip_ops.raster.encoding import COUNTS, PROBABILITY, REFLECTANCE, Encoding
from tulip_ops.raster.grid import Grid
from tulip_ops.raster.reflectance import DN_NODATA, DN_OFFSET, DN_SCALE

Float = NDArray[np.float32]


def write_reflectance(
    path: Path,
    reflectance: Float,
    grid: Grid,
    bands: Sequence[str],
    *,
    offset: float = DN_OFFSET,
) -> None:
    """Write a COG of uint16: reflectance = DN * 1e-4 + offset, DN 0 is no data.

    reflectance: (len(bands), *grid.shape) float32, NaN for no data; rounded to the nearest DN and
    clipped to [offset + 1e-4, offset + 6.5535].
    """
    encoding = replace(REFLECTANCE, offset=offset, encode=partial(radiometry.encode, offset=offset))
    cog_writer.write_cog(path, [reflectance], grid, bands, encoding)


def write_reflectance_strips(
    path: Path, strips: Iterable[Float], grid: Grid, bands: Sequence[str]
) -> None:
    """As `write_reflectance`, from the strips of `grid.strips`, north to south.

    Only one strip needs to be in memory.
    """
    cog_writer.write_cog(path, strips, grid, bands, REFLECTANCE)


def read_reflectance(path: Path) -> tuple[Float, tuple[str, ...], Grid]:
    """Read what `write_reflectance` wrote: reflectance within half a DN, band names, grid."""
    return _read(path, REFLECTANCE)


def read_reflectance_warped(sources: Sequence[tuple[str, int]], grid: Grid) -> Float:
    """Read bands of reflectance COGs on another grid; see `reader.read_warped`."""
    return reader.read_warped(sources, grid, scale=DN_SCALE, offset=DN_OFFSET, nodata=DN_NODATA)


def probability_writer(
    path: Path, grid: Grid, names: Sequence[str]
) -> AbstractContextManager[CogWriter]:
    """Write a COG of uint8: probability = value / 250, 255 is no data.

    Takes windows (len(names), rows, columns) of float32 in [0, 1], NaN for no data, in any order,
    from one thread at a time.
    """
    return cog_writer.open_cog_writer(path, grid, names, PROBABILITY)


def read_probability(path: Path) -> tuple[Float, Grid]:
    """Read what `probability_writer` wrote: probability within 1/500, and grid."""
    probability, _, grid = _read(path, PROBABILITY)
    return probability, grid


def counts_writer(
    path: Path, grid: Grid, names: Sequence[str]
) -> AbstractContextManager[CogWriter]:
    """Write a COG of int16 values that stand for themselves, as `probability_writer` does."""
    return cog_writer.open_cog_writer(path, grid, names, COUNTS)


def write_labels(path: Path, labels: NDArray[np.uint8], grid: Grid, names: Sequence[str]) -> None:
    """Write a COG of uint8 labels, unscaled: (len(names), *grid.shape)."""
    cog_writer.write_cog(path, [labels], grid, names, _LABELS)


def band_names(path: Path) -> tuple[str, ...]:
    """Descriptions of the bands, in order; `UnreadableRaster`."""
    return header.inspect(str(path)).bands


class CogReader:
    """Reads a COG of this project piece by piece, in its stored encoding."""

    def __init__(self, source: Dataset) -> None:
        self._source = source
        self.grid = _grid(source)
        self.bands = tuple(name or "" for name in source.descriptions)

    def read_rows(self, first: int, last: int, places: Sequence[int] | None = None) -> NDArray[Any]:
        """Rows [first, last) as (bands, rows, width), in the stored data type.

        places: band indices from 0; None: all bands.
        """
        return self.read_window((first, last), (0, self.grid.width), places)

    def read_window(
        self, rows: tuple[int, int], columns: tuple[int, int], places: Sequence[int] | None = None
    ) -> NDArray[Any]:
        """As `read_rows`, for a range of columns as well; both ranges are half-open."""
        indexes = self._source.indexes if places is None else [place + 1 for place in places]
        with dataset.translate_errors(self._source.name):
            return cast("NDArray[Any]", self._source.read(indexes, window=(rows, columns)))


@contextmanager
def open_cog(path: Path) -> Iterator[CogReader]:
    """Open a COG written by `write_reflectance` or `probability_writer`; `UnreadableRaster`.

    One thread at a time may read.
    """
    with dataset.open_raster(str(path), GDAL_CACHEMAX=dataset.CACHE) as source:
        yield CogReader(source)


def _read(path: Path, encoding: Encoding) -> tuple[Float, tuple[str, ...], Grid]:
    with dataset.open_raster(str(path)) as source:
        values = np.empty((source.count, *source.shape), dtype=np.float32)
        for index in source.indexes:
            stored = source.read(index)
            np.multiply(stored, np.float32(encoding.scale), out=values[index - 1])
            values[index - 1] += np.float32(encoding.offset)
            values[index - 1][stored == encoding.nodata] = np.nan
        return values, tuple(name or "" for name in source.descriptions), _grid(source)


def _grid(source: Dataset) -> Grid:
    return Grid(
        epsg=source.crs.to_epsg(),
        left=source.transform.c,
        top=source.transform.f,
        width=source.width,
        height=source.height,
        resolution=source.transform.a,
    )


_LABELS = Encoding("uint8", None, 1.0, 0.0, "nearest", np.asarray)
