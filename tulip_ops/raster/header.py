"""Reads headers of rasters."""

from __future__ import annotations

from dataclasses import dataclass

from rasterio.enums import MaskFlags

from tulip_ops.raster.dataset import colour_bands, open_raster


@dataclass(frozen=True, slots=True)
class RasterInfo:
    """Header of a raster."""

    epsg: int | None
    """None where it has no CRS, or one outside the EPSG registry."""
    transform: tuple[float, float, float, float, float, float]
    """From (column, row) to (x, y): the first two rows of the affine matrix."""
    shape: tuple[int, int]
    """(height, width)"""
    bounds: tuple[float, float, float, float]
    """(left, bottom, right, top)"""
    dtype: str
    """NumPy name, of the first band."""
    bands: tuple[str, ...]
    """Descriptions of the bands without alpha, "" where a band has none."""
    colors: tuple[str, ...]
    """Colour interpretation of the same bands, as GDAL names it: red, gray, undefined."""
    indexes: tuple[int, ...]
    """Places of the same bands in the file, from 1."""
    scales: tuple[float, ...]
    offsets: tuple[float, ...]
    """Of the same bands: value * scale + offset."""
    has_alpha: bool
    has_mask: bool
    """Whether alpha or a mask of its own says which pixels were measured."""
    nodata: float | None
    tiff_datetime: str | None
    """TIFFTAG_DATETIME: `YYYY:MM:DD hh:mm:ss`, in practice of the file rather than the scene."""
    alpha_index: int | None = None
    """Place of the alpha band in the file, from 1."""
    alpha_name: str = ""
    """Description of the alpha band."""
    has_crs: bool = True
    has_geotransform: bool = True
    control_points: int = 0
    """Ground control points (GCPs), which no reader of this package uses."""
    control_epsg: int | None = None
    """CRS of the control points."""


def inspect(href: str) -> RasterInfo:
    """Read a raster's header; `UnreadableRaster`."""
    with open_raster(href) as source:
        indexes = colour_bands(source)
        alpha = next((index for index in source.indexes if index not in indexes), None)
        points, points_crs = source.gcps
        return RasterInfo(
            epsg=source.crs.to_epsg() if source.crs else None,
            transform=tuple(source.transform)[:6],
            shape=source.shape,
            bounds=tuple(source.bounds),
            dtype=source.dtypes[0],
            bands=tuple(source.descriptions[index - 1] or "" for index in indexes),
            colors=tuple(source.colorinterp[index - 1].name for index in indexes),
            indexes=tuple(indexes),
            scales=tuple(source.scales[index - 1] for index in indexes),
            offsets=tuple(source.offsets[index - 1] for index in indexes),
            has_alpha=len(indexes) < source.count,
            has_mask=MaskFlags.per_dataset in source.mask_flag_enums[0],
            nodata=source.nodata,
            tiff_datetime=source.tags().get("TIFFTAG_DATETIME"),
            alpha_index=alpha,
            alpha_name=(source.descriptions[alpha - 1] or "") if alpha else "",
            has_crs=bool(source.crs),
            has_geotransform=not source.transform.is_identity,
            control_points=len(points),
            control_epsg=points_crs.to_epsg() if points_crs else None,
        )
