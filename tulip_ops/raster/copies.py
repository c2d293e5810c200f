"""Copies of rasters as others made them: the same pixels, as a COG or in another place."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import rasterio
from rasterio.enums import MaskFlags

from tulip_ops.raster import cog_writer, datasets
from tulip_ops.raster.reader import RasterFacts


def copy_as_cog(
    source: Path,
    target: Path,
    *,
    names: Sequence[str],
    scale: float,
    offset: float,
    nodata: float | None,
) -> None:
    """Copy a raster's pixels unchanged into a COG in its own CRS.

    names, scale, offset and nodata (None: as declared) go into the copy's header; an alpha
    band stays behind the named ones. Reads every pixel: a truncated file is `UnreadableRaster`.
    """
    with datasets.opened(str(source)) as original:
        profile = original.profile | {"nodata": datasets.declared(original, nodata)}
        masked = MaskFlags.per_dataset in original.mask_flag_enums[0]
        with cog_writer.becoming_cog(
            target, profile, names, scale=scale, offset=offset, overviews="average"
        ) as copy:
            copy.colorinterp = original.colorinterp
            for _, window in copy.block_windows(1):
                with datasets.reading(str(source)):
                    pixels = original.read(window=window)
                copy.write(pixels, window=window)
                if masked and not datasets.has_alpha(original):
                    copy.write_mask(original.dataset_mask(window=window), window=window)


def copy_onto(source: Path, target: Path, place: RasterFacts) -> None:
    """Copy 8-bit pixels unchanged into a GeoTIFF that lies where `place`, of the same size, does.

    `UnreadableRaster`.
    """
    with datasets.opened(str(source)) as image:
        colours = datasets.colours(image)
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
