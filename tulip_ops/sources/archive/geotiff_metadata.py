"""Metadata of a plain GeoTIFF from its name, its header and the user's options. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypedDict

from shapely.geometry import Polygon, box

from tulip_ops.core.errors import BadScene
from tulip_ops.core.types import AcquisitionId
from tulip_ops.raster.header import RasterInfo
from tulip_ops.raster.mgrs import tile_at, tile_grid
from tulip_ops.raster.projection import WGS84, project
from tulip_ops.sources.archive.pixel_encoding import NoData, PixelEncoding, read_encoding
from tulip_ops.sources.archive.scene_names import SceneName, parse_name

_S2B_LAUNCH = date(2017, 3, 7)


@dataclass(frozen=True, slots=True)
class SceneMetadata:
    """Metadata needed to make a scene of a file."""

    info: RasterInfo
    platform: str
    tile: str
    level: str
    sensed_at: datetime
    """UTC; midnight where only the day is known."""
    day_from: str
    """Where the day was taken from, for people."""
    epsg: int
    footprint: Polygon
    """EPSG:4326."""
    pixels: PixelEncoding

    def id(self, sequence: int) -> AcquisitionId:
        return AcquisitionId(self.platform, self.tile, self.sensed_at.date(), sequence, self.level)


class MetadataOptions(TypedDict, total=False):
    """Options of `parse_metadata`."""

    platform: str | None
    tile: str | None
    day: date | None
    level: str
    kind: str
    bands: Sequence[str] | None
    nodata: NoData
    stretch: float
    scale: float | None
    offset: float | None
    name: str | None


def parse_metadata(
    path: Path,
    info: RasterInfo,
    *,
    platform: str | None = None,
    tile: str | None = None,
    day: date | None = None,
    level: str = "L2A",
    kind: str = "auto",
    bands: Sequence[str] | None = None,
    nodata: NoData = None,
    stretch: float = 2.5,
    scale: float | None = None,
    offset: float | None = None,
    name: str | None = None,
) -> SceneMetadata:
    """Derive a scene's metadata; `BadScene` names what is missing and the option that gives it.

    Options win over the file, but for the level: a name with MSIL1C or MSIL2A wins over
    `level`. The day comes from a name like `..._20160501-105310_...`, `S2A_MSIL2A_20160501T...`
    or `..._2016-05-01...`; the platform from the name, else before S2B's launch it is S2A; the
    tile from the name, else from the middle of the image.

    kind: `true-color` is an 8-bit rendering, reflectance = value / 255 / stretch; `reflectance`
    is int16 or uint16 DN of 1e-4 (plus `offset`, or scale and offset of each band's header) or
    float32 or float64; `auto` treats 8-bit images with three or four bands as true colour.
    name: to read instead of the path's, without suffix.
    """
    epsg = _epsg(path, info)
    named = parse_name(path, path.stem if name is None else name)
    pixels = read_encoding(
        path, info, baseline=named.baseline, kind=kind, bands=bands, nodata=nodata,
        stretch=stretch, scale=scale, offset=offset,
    )  # fmt: skip
    sensed_at = _sensed_at(path, named, info, day)
    ground = project(box(*info.bounds), epsg, WGS84)
    square = tile or named.tile or tile_at(ground.centroid.x, ground.centroid.y)
    tile_grid(square)  # rejects a tile that does not exist
    return SceneMetadata(
        info=info,
        platform=platform or named.platform or _only_platform(path, named, sensed_at.date()),
        tile=square,
        level=named.level or level,
        sensed_at=sensed_at,
        day_from="name" if day is None else "--date",
        epsg=epsg,
        footprint=ground,
        pixels=pixels,
    )


def _epsg(path: Path, info: RasterInfo) -> int:
    """The CRS of a file that says where it lies."""
    if info.control_points and not info.has_geotransform:
        crs = f"EPSG:{info.control_epsg}" if info.control_epsg else "no CRS"
        source = "" if info.control_epsg else "-s_srs EPSG:4326 (or the CRS of the points) "
        raise BadScene(
            f"{path} is placed by {info.control_points} ground control points ({crs}) and has no"
            f" geotransform: rectify it with gdalwarp {source}-t_srs EPSG:<UTM zone> {path} OUT.tif"
        )
    if not info.has_geotransform:
        crs = f"has the CRS EPSG:{info.epsg}, but" if info.epsg else "has no CRS, and"
        raise BadScene(
            f"{path} {crs} no geotransform says where it lies: give it one with gdal_edit"
            f"{'' if info.has_crs else ' -a_srs EPSG:<code>'} -a_ullr <left> <top> <right> <bottom>"
        )
    if info.epsg is None:
        why = "a CRS that is not in the EPSG registry" if info.has_crs else "no CRS"
        remedy = "gdalwarp -t_srs" if info.has_crs else "gdal_edit -a_srs"
        raise BadScene(f"{path} has {why}; give it one with {remedy} EPSG:<code>")
    return info.epsg


def _sensed_at(path: Path, named: SceneName, info: RasterInfo, day: date | None) -> datetime:
    moments = named.moments
    if day is not None:
        same = [one for one in moments if one.date() == day] or moments
        clock = same[0].timetz() if len(same) == 1 else None
        return datetime.combine(day, clock) if clock else datetime(*day.timetuple()[:3], tzinfo=UTC)
    if len(moments) == 1:
        return moments[0]
    if moments:
        days = " and ".join(f"{moment:%Y-%m-%d}" for moment in moments)
        raise BadScene(
            f"{path} names more than one day, {days}: give the day of sensing as --date; a"
            " composite of several days is no scene"
        )
    tagged = (
        f" (the {info.tiff_datetime} in its header may be the day when the file was written)"
        if info.tiff_datetime
        else ""
    )
    raise BadScene(
        f"{path} does not say when it was sensed{tagged}: give --date, or a name with"
        " 20160501-105310, 20160501T105310 or 2016-05-01"
    )


def _only_platform(path: Path, named: SceneName, day: date) -> str:
    if named.other_satellite:
        raise BadScene(
            f"{path} is of {named.other_satellite} by its name, and scenes are of Sentinel-2 only:"
            " leave it out, or give --platform S2A (to S2D) if the name misleads"
        )
    if day < _S2B_LAUNCH:
        return "S2A"
    raise BadScene(f"{path} does not say which satellite sensed it: give --platform S2A (to S2D)")
