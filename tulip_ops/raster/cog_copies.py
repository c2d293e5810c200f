"""Copies rasters with unchanged pixels: into COGs, or with the georeference of another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import rasterio
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.windows import Window

from tulip_ops.raster import dataset
from tulip_ops.raster.cog_writer import open_raw_cog_writer
from tulip_ops.raster.dataset import Dataset
from tulip_ops.raster.header import RasterInfo

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class BandSelection:
    """Which bands of a raster a copy has, and what its header says of them."""

    indexes: Sequence[int]
    """Bands of the source, from 1, without its alpha, which stays at the end of the copy."""
    names: Sequence[str]
    scales: Sequence[float]
    offsets: Sequence[float]
    nodata: float | None
    """None: every number is a measurement, unless a mask says otherwise."""
    mask_index: int | None = None
    """Band of the source that is not zero where something was measured."""


def copy_as_cog(source: str | Path, target: Path, bands: BandSelection) -> None:
    """Copy pixels of a raster unchanged into a COG in its own CRS.

    A mask of the source becomes the mask of the copy, and so does `mask_index`. Reads every pixel:
    `UnreadableRaster` for a truncated file.
    """
    with dataset.open_raster(str(source)) as original:
        colours = {*dataset.colour_bands(original), *bands.indexes}
        alpha = [index for index in original.indexes if index not in colours]
        # a mask band says the same as alpha, and a copy has one of them
        kept = [*bands.indexes, *([] if bands.mask_index else alpha[:1])]
        with open_raw_cog_writer(
            target,
            _profile_of_copy(original, len(kept), bands.nodata),
            bands.names,
            scales=bands.scales,
            offsets=bands.offsets,
            overviews="average",
        ) as copy:
            copy.colorinterp = [
                ColorInterp.undefined
                if index in bands.indexes and original.colorinterp[index - 1] == ColorInterp.alpha
                else original.colorinterp[index - 1]
                for index in kept
            ]
            for _, window in copy.block_windows(1):
                with dataset.translate_errors(str(source)):
                    copy.write(original.read(kept, window=window), window=window)
                    mask = _mask(original, bands.mask_index, window)
                if mask is not None:
                    copy.write_mask(mask, window=window)


def _profile_of_copy(original: Dataset, count: int, nodata: float | None) -> dict[str, Any]:
    """Only what the pixels are: compression and photometry stay behind, as JPEG's YCbCr."""
    return {
        "width": original.width,
        "height": original.height,
        "count": count,
        "dtype": original.dtypes[0],
        "crs": original.crs,
        "transform": original.transform,
        "nodata": nodata,
    }


def _mask(original: Dataset, index: int | None, window: Window) -> NDArray[np.uint8] | None:
    """255 where something was measured; None without a mask other than alpha and nodata."""
    if index is not None:
        measured = original.read(index, window=window) > 0
        return np.where(measured, 255, 0).astype(np.uint8)
    if MaskFlags.per_dataset in original.mask_flag_enums[0] and not dataset.has_alpha(original):
        return cast("NDArray[np.uint8]", original.read_masks(1, window=window))
    return None


def copy_georeferenced(source: Path, target: Path, place: RasterInfo) -> None:
    """Copy 8-bit pixels unchanged into a GeoTIFF with the georeference of `place`, of equal size.

    `UnreadableRaster`.
    """
    with dataset.open_raster(str(source)) as image:
        colours = dataset.colour_bands(image)
        profile = {
            "driver": "GTiff",
            "width": image.width,
            "height": image.height,
            "count": len(colours),
            "dtype": "uint8",
            "crs": f"EPSG:{place.epsg}",
            "transform": rasterio.Affine(*place.transform[:6]),
        }
        with rasterio.open(target, "w", **profile) as written:
            written.write(image.read(colours))
