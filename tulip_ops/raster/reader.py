"""Reads pixels of rasters on a grid.

Arrays are (bands, height, width). Reflectance is float32 with 1.0 = 100 %, probability is float32
in [0, 1]; NaN is no data.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import MaskFlags, Resampling
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform as transform_points
from rasterio.windows import Window

from tulip_ops.core.errors import BandMissing, UnreadableRaster, WrongGrid
from tulip_ops.raster.dataset import (
    Dataset,
    colour_bands,
    display_name,
    effective_nodata,
    has_alpha,
    open_raster,
)
from tulip_ops.raster.grid import Grid
from tulip_ops.raster.range_reader import RangeFile

Float = NDArray[np.float32]

_FINER = 1.05
"""Source pixels per grid pixel from which averaging is better than interpolation."""
_ROUNDED = 1e-3
"""Tolerance in pixels between a raster's position and its metadata, for rounding."""


@dataclass(frozen=True, slots=True)
class ExpectedGrid:
    """CRS, size and transform according to metadata; None if not declared."""

    epsg: int | None = None
    shape: tuple[int, int] | None = None
    """(height, width)"""
    transform: tuple[float, ...] | None = None
    """From (column, row) to (x, y): six numbers, as in `RasterInfo`."""


def read_warped(
    sources: Sequence[tuple[str | RangeFile, int]],
    grid: Grid,
    *,
    scale: float = 1.0,
    offset: float = 0.0,
    nodata: float | None = None,
    expected: ExpectedGrid | None = None,
) -> Float:
    """Warp bands of rasters in any CRS onto `grid`; value = stored * scale + offset.

    sources: (href or file, band index from 1) pairs. nodata: stored value for no data; None: what
    the file declares (nodata value, alpha or internal mask). expected: grid that every source must
    have, else `WrongGrid`.
    Returns (len(sources), height, width) float32, NaN for no data and outside the source.

    A pixel is the average of the source pixels if these are finer, and interpolated bilinearly
    otherwise; both ignore source pixels without data. It has data where the source has data at
    its centre, so that areas of valid pixels are preserved.
    Reads only the part of a source that the grid needs. `UnreadableRaster`, `BandMissing`.
    """
    values = np.empty((len(sources), *grid.shape), dtype=np.float32)
    for href in dict.fromkeys(href for href, _ in sources):
        places = [place for place, source in enumerate(sources) if source[0] == href]
        indexes = [sources[place][1] for place in places]
        with open_raster(href) as source:
            absent = [index for index in indexes if not 1 <= index <= source.count]
            if absent:
                raise BandMissing(
                    f"{display_name(href)} has {source.count} bands, no band {absent[0]}"
                )
            _require_expected(expected, source, display_name(href))
            corner = _aligned(source, grid)
            if corner is not None:
                for place, index in zip(places, indexes, strict=True):
                    _cut(source, index, corner, nodata, values[place])
                continue
            options = _warp_options(source, grid, nodata)
            with WarpedVRT(source, **options) as warped:
                # band by band into the result: one copy of the pixels in memory, not two
                for place, index in zip(places, indexes, strict=True):
                    warped.read(index, out=values[place])
            if options["resampling"] == Resampling.average:
                # an average is valid wherever it touches valid pixels: half a pixel too far
                with WarpedVRT(source, **options | {"resampling": Resampling.nearest}) as centres:
                    for place, index in zip(places, indexes, strict=True):
                        values[place][np.isnan(centres.read(index))] = np.nan
    values *= np.float32(scale)
    values += np.float32(offset)
    return values


def read_pixels(path: Path) -> Float:
    """All bands except alpha, as stored; the raster needs no georeference.

    PNG, JPEG, TIFF or JPEG 2000; JPEGs in CMYK are read as red, green and blue.
    Returns (bands, height, width) float32, NaN where the file declares no data (nodata value,
    alpha or internal mask). `UnreadableRaster`.
    """
    with open_raster(str(path)) as source:
        indexes = colour_bands(source)
        values = source.read(indexes, out_dtype="float32")
        values[source.read_masks(indexes) == 0] = np.nan
        return cast("Float", values)


def _aligned(source: Dataset, grid: Grid) -> tuple[int, int] | None:
    """Row and column of the grid's corner in a source with the same pixels; else None.

    Such a source is not resampled, which would read a margin around the grid: of a COG, a ring of
    blocks. Sources with a mask or alpha are left to the warper.
    """
    own, wanted = source.transform, grid.transform
    if source.crs is None or source.crs.to_epsg() != grid.epsg or has_alpha(source):
        return None
    if MaskFlags.per_dataset in source.mask_flag_enums[0]:
        return None
    if not np.allclose((own.a, own.b, own.d, own.e), (wanted.a, 0, 0, wanted.e), rtol=1e-9):
        return None
    row, column = (wanted.f - own.f) / own.e, (wanted.c - own.c) / own.a
    near = (round(row), round(column))
    return near if np.allclose((row, column), near, rtol=0, atol=_ROUNDED) else None


def _cut(
    source: Dataset,
    index: int,
    corner: tuple[int, int],
    nodata: float | None,
    out: Float,
) -> None:
    """Read pixels from `corner` on into `out`, (height, width); NaN outside the source."""
    out[...] = math.nan
    first = [max(0, place) for place in corner]
    last = [
        min(size, place + length)
        for size, place, length in zip(source.shape, corner, out.shape, strict=True)
    ]
    height, width = (stop - start for start, stop in zip(first, last, strict=True))
    if height > 0 and width > 0:
        stored = source.read(index, window=Window(first[1], first[0], width, height))
        inside = out[first[0] - corner[0] :, first[1] - corner[1] :][:height, :width]
        inside[...] = stored
        missing = effective_nodata(source, nodata)
        if missing is not None:
            inside[stored == missing] = math.nan


def _require_expected(expected: ExpectedGrid | None, source: Dataset, name: str) -> None:
    if expected is None:
        return
    epsg = source.crs.to_epsg() if source.crs else None
    transform = tuple(source.transform)[:6]
    near = _ROUNDED * abs(source.transform.a)
    facts = (
        (expected.epsg, epsg, "EPSG code"),
        (expected.shape, source.shape, "height and width"),
        (expected.transform, transform, "transform"),
    )
    for promised, found, what in facts:
        if promised is None or (
            found is not None and np.allclose(promised, found, rtol=0, atol=near)
        ):
            continue
        raise WrongGrid(
            f"{name} has the {what} {found} where its metadata promise {promised}; its pixels would"
            " be put in the wrong place: fetch the scene from another source"
        )


def _warp_options(source: Dataset, grid: Grid, nodata: float | None) -> dict[str, Any]:
    if source.crs is None:
        raise UnreadableRaster(f"{source.name} has no CRS; assign one, as gdal_edit -a_srs does")
    finer = _source_pixels_per_pixel(source, grid) > _FINER
    return {
        "crs": f"EPSG:{grid.epsg}",
        "transform": grid.transform,
        "width": grid.width,
        "height": grid.height,
        "resampling": Resampling.average if finer else Resampling.bilinear,
        "dtype": "float32",
        "src_nodata": effective_nodata(source, nodata),
        "nodata": math.nan,
        # a dark pixel may be zero in one band: it has no data in that band alone
        "UNIFIED_SRC_NODATA": "NO",
    }


def _source_pixels_per_pixel(source: Dataset, grid: Grid) -> float:
    """Number of source pixels per pixel in the middle of the grid, in any two CRS."""
    left, bottom, right, top = grid.bounds
    x, y, side = (left + right) / 2, (bottom + top) / 2, grid.resolution
    (x0, x1, x2), (y0, y1, y2) = transform_points(
        f"EPSG:{grid.epsg}", source.crs, [x, x + side, x], [y, y, y + side]
    )
    ground = abs((x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0))
    return float(ground / abs(source.transform.determinant))
