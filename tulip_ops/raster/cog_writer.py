"""Writes COGs window by window.

GDAL makes COGs from finished rasters only, so each begins as a draft.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.windows import Window

from tulip_ops.core.errors import TulipError
from tulip_ops.raster import dataset
from tulip_ops.raster.encoding import Encoding, Overviews
from tulip_ops.raster.grid import Grid

if TYPE_CHECKING:
    from rasterio.io import DatasetWriter

_BLOCK = 512
_THREADS = 2
"""Threads that compress blocks; one more thread reads the draft."""
_TILED: Mapping[str, Any] = {
    "driver": "GTiff",
    "tiled": True,
    "blockxsize": _BLOCK,
    "blockysize": _BLOCK,
    "compress": None,
    "interleave": "band",
    "BIGTIFF": "IF_SAFER",
}


class CogWriter:
    """Writes a raster window by window; it becomes a COG on exit."""

    def __init__(self, target: DatasetWriter, encoding: Encoding) -> None:
        self._target = target
        self._encode = encoding.encode

    def write(self, values: NDArray[Any], row: int, column: int) -> None:
        """Write a window (bands, rows, columns); unwritten pixels are no data."""
        self.write_encoded(self._encode(values), row, column)

    def write_encoded(self, stored: NDArray[Any], row: int, column: int) -> None:
        """As `write`, for encoded values."""
        height, width = stored.shape[1:]
        self._target.write(stored, window=Window(column, row, width, height))


@contextmanager
def open_cog_writer(
    path: Path, grid: Grid, names: Sequence[str], encoding: Encoding
) -> Iterator[CogWriter]:
    """A writer of one COG, for one thread at a time."""
    profile = {
        "width": grid.width,
        "height": grid.height,
        "count": len(names),
        "dtype": encoding.dtype,
        "crs": f"EPSG:{grid.epsg}",
        "transform": grid.transform,
        "nodata": encoding.nodata,
    }
    with (
        rasterio.Env(GDAL_CACHEMAX=dataset.CACHE),
        open_raw_cog_writer(
            path,
            profile,
            names,
            scales=[encoding.scale] * len(names),
            offsets=[encoding.offset] * len(names),
            overviews=encoding.overviews,
        ) as target,
    ):
        yield CogWriter(target, encoding)


@contextmanager
def open_raw_cog_writer(
    path: Path,
    profile: Mapping[str, Any],
    names: Sequence[str],
    *,
    scales: Sequence[float],
    offsets: Sequence[float],
    overviews: Overviews,
) -> Iterator[DatasetWriter]:
    """A rasterio dataset to write to, which becomes a COG on exit.

    profile: size, data type, georeference and nodata value, as rasterio names them. names, scales,
    offsets: of its bands, without an alpha band at the end.
    """
    with _scratch(path) as draft:
        with rasterio.open(draft, "w", **{**profile, **_TILED}) as target:
            for index, name in enumerate(names, start=1):
                target.set_band_description(index, name)
            alpha = target.count - len(names)
            target.scales = [*scales, *[1.0] * alpha]
            target.offsets = [*offsets, *[0.0] * alpha]
            yield target
        _as_cog(draft, path, overviews)


def write_cog(
    path: Path,
    strips: Iterable[NDArray[Any]],
    grid: Grid,
    names: Sequence[str],
    encoding: Encoding,
) -> None:
    """Write a COG from consecutive strips of values, top to bottom."""
    with open_cog_writer(path, grid, names, encoding) as draft:
        top = 0
        for values in strips:
            if values.shape[::2] != (len(names), grid.width):
                raise ValueError(f"{values.shape} is not ({len(names)}, rows, {grid.width})")
            for row in range(0, values.shape[1], _BLOCK):
                draft.write(values[:, row : row + _BLOCK], top + row, 0)
            top += values.shape[1]
            del values  # frees its memory before the next strip is made
        if top != grid.height:
            raise ValueError(f"{top} rows are not {grid.height}")


@contextmanager
def _scratch(path: Path) -> Iterator[Path]:
    """The file of a draft, removed at the end."""
    draft = path.with_name(path.name + ".draft")
    try:
        yield draft
    except RasterioError as error:
        raise TulipError(
            f"{path} cannot be written ({error.__cause__ or error});"
            " check the disk's space and the folder's rights"
        ) from error
    finally:
        draft.unlink(missing_ok=True)


def _as_cog(draft: Path, path: Path, overviews: Overviews) -> None:
    # compressed temporary overviews are rewritten many times, each time at another offset
    with rasterio.Env(COG_TMP_COMPRESSION="NONE"):
        rasterio.shutil.copy(
            draft,
            path,
            driver="COG",
            # decompresses twice as fast as DEFLATE, with 5 % more bytes
            compress="ZSTD",
            level=1,
            predictor="STANDARD",
            blocksize=_BLOCK,
            num_threads=_THREADS,
            overview_resampling=overviews,
        )
