"""Rasters, opened: whatever GDAL reads, here or elsewhere, and its errors as ours."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import rasterio
from rasterio.crs import CRS
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader

from tulip_ops.core import concurrency
from tulip_ops.core.errors import UnreadableRaster
from tulip_ops.raster import range_reader
from tulip_ops.raster.grid import WGS84
from tulip_ops.raster.range_reader import RangeFile

Dataset: TypeAlias = DatasetReader
"""An open raster."""

CACHE = 256
"""Megabytes of blocks that GDAL keeps of a raster in pieces, not a share of the machine's."""


@concurrency.before_threads
def _use_gdal() -> None:
    """Registers the drivers, and opens PROJ's database."""
    with rasterio.Env():
        CRS.from_epsg(WGS84).to_wkt()


@contextmanager
def opened(href: str | RangeFile, **options: Any) -> Iterator[Dataset]:
    """A raster to read; `UnreadableRaster`, inside as well.

    options: GDAL's, while it is open.
    """
    with (
        reading(name(href)),
        rasterio.Env(**_options(href), **options),
        _plainly(href) if isinstance(href, str) else range_reader.opened(href) as source,
    ):
        yield source


@contextmanager
def reading(href: str) -> Iterator[None]:
    """Errors of the library inside become `UnreadableRaster`."""
    try:
        yield
    except RasterioError as error:
        raise UnreadableRaster(
            f"{href} cannot be read as a raster ({error.__cause__ or error}); it is missing,"
            " truncated or of another kind: fetch or make it again"
        ) from error


def name(href: str | RangeFile) -> str:
    """For messages."""
    return href if isinstance(href, str) else href.name


def colours(source: Dataset) -> list[int]:
    """Indexes of the bands without alpha."""
    return [index for index in source.indexes if source.colorinterp[index - 1] != ColorInterp.alpha]


def has_alpha(source: Dataset) -> bool:
    """Whether a band says where something was measured."""
    return len(colours(source)) < len(source.indexes)


def declared(source: Dataset, nodata: float | None) -> float | None:
    """The stored value that means nothing was measured: `nodata`, or what the header says."""
    value = source.nodata if nodata is None else nodata
    return None if value is None else float(value)


def _plainly(href: str) -> Dataset:
    with warnings.catch_warnings():
        # pictures to learn from may lie nowhere; whatever needs a place asks for a CRS
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return rasterio.open(href)


def _options(href: str | RangeFile) -> dict[str, str]:
    # decoding a PNG at once, GDAL gives whatever lies in memory for what is cut off
    options = {"GDAL_PNG_WHOLE_IMAGE_OPTIM": "NO"}
    if not isinstance(href, str):
        # never look for sidecars beside a file elsewhere: needless requests for each
        options["GDAL_DISABLE_READDIR_ON_OPEN"] = "EMPTY_DIR"
    return options
