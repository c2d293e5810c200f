"""Metadata of a plain GeoTIFF from its name, its header and the user's options. No I/O."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypedDict

from shapely.geometry import Polygon, box

from tulip_ops.core.errors import BadScene
from tulip_ops.core.types import AcquisitionId
from tulip_ops.raster import reflectance as radiometry
from tulip_ops.raster.mgrs import tile_at, tile_grid
from tulip_ops.raster.projection import WGS84, project
from tulip_ops.raster.reader import RasterInfo
from tulip_ops.sources.stac_bands import common_name

_S2B_LAUNCH = date(2017, 3, 7)
_OFFSET_BASELINE = 400
"""Processing baseline 04.00, from which ESA adds 1000 to DN."""

_MOMENT = re.compile(r"(?<!\w)(?P<day>20\d{6})[-T](?P<time>\d{6})(?!\d)")
_DAY = re.compile(r"(?<!\w)(?P<day>20\d{2}-\d{2}-\d{2}|20\d{6})(?!\w)")
_PLATFORM = re.compile(r"(?<!\w)(?P<platform>S2[A-D])(?!\w)")
_TILE = re.compile(r"(?<!\w)T?(?P<tile>\d{2}[C-HJ-NP-X][A-HJ-NP-Z][A-HJ-NP-V])(?!\w)")
_LEVEL = re.compile(r"(?<!\w)(?:MSI)?(?P<level>L1C|L2A)(?!\w)")
_BASELINE = re.compile(r"(?<!\w)N(?P<baseline>\d{4})(?!\w)")


@dataclass(frozen=True, slots=True)
class PixelEncoding:
    """Meaning of stored numbers: reflectance = stored * scale + offset."""

    bands: tuple[str, ...]
    scale: float
    offset: float
    nodata: float | None
    title: str


@dataclass(frozen=True, slots=True)
class SceneMetadata:
    """Metadata needed to make a scene of a file."""

    info: RasterInfo
    platform: str
    tile: str
    level: str
    sensed_at: datetime
    """UTC; midnight where only the day is known."""
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
    nodata: float | None
    stretch: float
    offset: float | None


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
    nodata: float | None = None,
    stretch: float = 2.5,
    offset: float | None = None,
) -> SceneMetadata:
    """Derive a scene's metadata; `BadScene` names what is missing and the option that gives it.

    Options win over the file, but for the level: a name with MSIL1C or MSIL2A wins over
    `level`. The day comes from a name like `..._20160501-105310_...`, `S2A_MSIL2A_20160501T...`
    or `..._2016-05-01...`, else from TIFFTAG_DATETIME; the platform from the name, else before
    S2B's launch it is S2A; the tile from the name, else from the middle of the image.

    kind: `true-color` is an 8-bit rendering, reflectance = value / 255 / stretch; `reflectance`
    is uint16 DN of 1e-4 (plus `offset`, or scale and offset of the header) or float32;
    `auto` treats 8-bit images with three colours as true colour.
    """
    if info.epsg is None:
        raise BadScene(f"{path} has no CRS of the EPSG registry; assign one with gdal_edit -a_srs")
    if kind == "auto":
        rendered = info.dtype == "uint8" and len(info.bands) == 3
        kind = "true-color" if rendered else "reflectance"
    if kind == "true-color":
        pixels = _true_color(path, info, bands, stretch)
    else:
        pixels = _reflectance(path, info, bands, offset)
    words = _words(path)
    sensed_at = _sensed_at(path, words, info, day)
    ground = project(box(*info.bounds), info.epsg, WGS84)
    square = tile or _first_group(_TILE, words) or tile_at(ground.centroid.x, ground.centroid.y)
    tile_grid(square)  # rejects a tile that does not exist
    return SceneMetadata(
        info=info,
        platform=platform
        or _first_group(_PLATFORM, words)
        or _only_platform(path, sensed_at.date()),
        tile=square,
        level=_first_group(_LEVEL, words) or level,
        sensed_at=sensed_at,
        epsg=info.epsg,
        footprint=ground,
        pixels=pixels if nodata is None else replace(pixels, nodata=nodata),
    )


def _words(path: Path) -> str:
    return path.stem.replace("_", " ")


def _first_group(pattern: re.Pattern[str], words: str) -> str | None:
    match = pattern.search(words)
    return match[1] if match else None


def _sensed_at(path: Path, words: str, facts: RasterInfo, day: date | None) -> datetime:
    moment, bare = _MOMENT.search(words), _DAY.search(words)
    if moment:
        digits = moment["day"] + moment["time"]
    elif bare:
        digits = bare["day"].replace("-", "") + "000000"
    elif day is not None:
        digits = f"{day:%Y%m%d}000000"
    elif facts.tiff_datetime:
        digits = re.sub(r"\D", "", facts.tiff_datetime)
    else:
        raise BadScene(
            f"{path} does not say when it was sensed: give --date, or a name with"
            " 20160501-105310, 20160501T105310 or 2016-05-01"
        )
    try:
        found = datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError as error:
        raise BadScene(f"{path} names no day that exists ({error}); give --date") from error
    return found if day is None else datetime.combine(day, found.timetz())


def _only_platform(path: Path, day: date) -> str:
    if day < _S2B_LAUNCH:
        return "S2A"
    raise BadScene(f"{path} does not say which satellite sensed it: give --platform S2A (to S2D)")


def _true_color(
    path: Path, facts: RasterInfo, bands: Sequence[str] | None, stretch: float
) -> PixelEncoding:
    if facts.dtype != "uint8" or len(facts.bands) != 3:
        raise BadScene(
            f"{path} is no TRUE_COLOR rendering: that has three bands of uint8, not"
            f" {len(facts.bands)} of {facts.dtype}"
        )
    return PixelEncoding(
        bands=_names(path, facts, bands or ("red", "green", "blue")),
        scale=radiometry.true_color_scale(stretch),
        offset=0.0,
        nodata=facts.nodata,
        title="TRUE_COLOR rendering",
    )


def _reflectance(
    path: Path, facts: RasterInfo, bands: Sequence[str] | None, offset: float | None
) -> PixelEncoding:
    count = len(facts.bands)
    if facts.dtype not in {"uint16", "float32"}:
        raise BadScene(
            f"{path} holds {count} band{'s' * (count > 1)} of {facts.dtype}: that is a mask, a"
            " class map or an index, not a scene. A scene has three bands of uint8 (TRUE_COLOR),"
            " or uint16 or float32 reflectance"
        )
    names = _names(path, facts, bands or facts.bands)
    scale, add, nodata = facts.scale, facts.offset, facts.nodata
    if facts.dtype == "uint16":
        nodata = radiometry.DN_NODATA if nodata is None else nodata
        if scale == 1.0:
            scale, add = radiometry.DN_SCALE, 0.0
            _ask_for_offset(path, offset)
    return PixelEncoding(names, scale, add if offset is None else offset, nodata, "Reflectance")


def _ask_for_offset(path: Path, offset: float | None) -> None:
    baseline = _first_group(_BASELINE, _words(path))
    if offset is None and baseline and int(baseline) >= _OFFSET_BASELINE:
        raise BadScene(
            f"{path} is of processing baseline {baseline[:2]}.{baseline[2:]}, whose pixels carry"
            " 1000 more unless somebody took it away: give --offset -0.1, or --offset 0 if so"
        )


def _names(path: Path, facts: RasterInfo, given: Sequence[str]) -> tuple[str, ...]:
    count = len(facts.bands)
    names = tuple(common_name(name) for name in given)
    known = tuple(name for name in names if name is not None)
    if len(known) != count or len(set(known)) != count:
        raise BadScene(
            f"{path} has {count} bands called {', '.join(repr(name) for name in given)}: name each"
            " once, in order, as --band red or --band B04"
        )
    return known
