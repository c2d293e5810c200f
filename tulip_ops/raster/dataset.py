"""Opens rasters with GDAL, translates its errors, and finds which bands are alpha."""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, TypeAlias

import rasterio
from rasterio.crs import CRS
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader

from tulip_ops.core import concurrency
from tulip_ops.core.errors import UnreadableRaster
from tulip_ops.raster import range_reader
from tulip_ops.raster.projection import WGS84
from tulip_ops.raster.range_reader import RangeFile

Dataset: TypeAlias = DatasetReader
"""An open raster."""

CACHE = 256
"""GDAL's block cache in MB, for rasters read in pieces; its default is a share of all memory."""


@concurrency.before_threads
def _use_gdal() -> None:
    """Register GDAL's drivers, and open PROJ's database."""
    with rasterio.Env():
        CRS.from_epsg(WGS84).to_wkt()


@contextmanager
def open_raster(href: str | RangeFile, **options: Any) -> Iterator[Dataset]:
    """Open a raster for reading; GDAL's errors in the block become `UnreadableRaster`.

    Only GeoTIFF, JPEG 2000, PNG and JPEG are opened, and no file beside them: no sidecar and
    nothing that their text names.
    options: of GDAL, while the raster is open.
    """
    with (
        translate_errors(display_name(href)),
        rasterio.Env(**_OPTIONS, **options),
        _open_path(href) if isinstance(href, str) else range_reader.open_dataset(href) as source,
    ):
        yield source


@contextmanager
def translate_errors(href: str) -> Iterator[None]:
    """Turn GDAL's errors in the block into `UnreadableRaster`."""
    try:
        yield
    except RasterioError as error:
        raise UnreadableRaster(
            f"{href} cannot be read as a raster ({error.__cause__ or error}); it is missing,"
            " truncated or of another kind: fetch or make it again"
        ) from error


def display_name(href: str | RangeFile) -> str:
    """Name of the file in messages."""
    return href if isinstance(href, str) else href.name


def colour_bands(source: Dataset) -> list[int]:
    """Indexes of the bands that are not alpha."""
    return [index for index in source.indexes if source.colorinterp[index - 1] != ColorInterp.alpha]


def has_alpha(source: Dataset) -> bool:
    """Whether the raster has an alpha band."""
    return len(colour_bands(source)) < len(source.indexes)


def effective_nodata(source: Dataset, nodata: float | None) -> float | None:
    """The stored value for no data: `nodata`, or else the value in the header."""
    value = source.nodata if nodata is None else nodata
    return None if value is None else float(value)


def _open_path(href: str) -> Dataset:
    driver = range_reader.driver_of(_first_bytes(href), href)
    with warnings.catch_warnings():
        # training images may lack a georeference; callers that need one check the CRS
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return rasterio.open(href if _IN_ZIP.fullmatch(href) else Path(href), driver=driver)


def _first_bytes(href: str) -> bytes:
    """Also refuses what is no file of this machine, nor in a zip file of it: /vsicurl/ and such."""
    if Path(f"{href}.msk").exists():
        raise UnreadableRaster(
            f"{href} has its mask in a file of its own ({href}.msk), which is not read; put the"
            " mask into the raster: gdal_translate with --config GDAL_TIFF_INTERNAL_MASK YES"
        )
    zipped = _IN_ZIP.fullmatch(href)
    place = Path(zipped["archive"] if zipped else href)
    try:
        if not place.is_file():
            raise FileNotFoundError("it is missing, or no regular file")
        with ExitStack() as stack:
            file: IO[bytes] = stack.enter_context(place.open("rb"))
            if zipped:
                archive = stack.enter_context(zipfile.ZipFile(file))
                file = stack.enter_context(archive.open(zipped["member"]))
            return file.read(range_reader.SIGNATURE_LENGTH)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise UnreadableRaster(
            f"{href} cannot be read as a raster ({error}); fetch or make it again"
        ) from error


_IN_ZIP = re.compile(r"/vsizip/(?P<archive>/.+?\.zip)/(?P<member>.+)")
"""How GDAL calls a file in a zip file."""

_OPTIONS = {
    # GDAL's fast path returns uninitialized memory for the missing rows of a truncated PNG
    "GDAL_PNG_WHOLE_IMAGE_OPTIM": "NO",
    # a sidecar (.ovr, .aux.xml) may be a VRT; of a remote file, each would cost a request
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
}
