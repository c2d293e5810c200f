"""Parses the bands of a STAC item: names, files and encodings. No I/O.

No other module depends on whether a band was described by STAC 1.0's `eo:bands` or by
1.1's `bands`, or by the key of its asset alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tulip_ops.core.errors import BadScene
from tulip_ops.core.types import BANDS, JSON
from tulip_ops.storage.addresses import resolve
from tulip_ops.storage.stac_items import COMMON_NAMES

_SENTINEL_NAMES = dict(
    zip(("b02", "b03", "b04", "b05", "b06", "b07", "b08", "b8a", "b11", "b12"), BANDS, strict=True)
)
_BAND_BY_NAME = (
    {name: name for name in BANDS}
    | _SENTINEL_NAMES
    | {common: name for name, common in COMMON_NAMES.items()}
)
_RESOLUTION = re.compile(r"[-_](?P<metres>\d+)m$")
_ONE_DIGIT = re.compile(r"^b(\d)$")
"""Names of Earth Engine, which writes B4 for B04."""
_NOT_MEASURED = {"visual", "overview", "thumbnail", "truth", "metadata", "data-mask"}
"""Roles of assets that hold no reflectance."""
_ENCODING_KEYS = ("raster:scale", "raster:offset", "nodata", "data_type")
_EPSG = re.compile(r"(?:EPSG:)?(\d+)")
_CRS_KEYS = ("proj:code", "proj:epsg")


@dataclass(frozen=True, slots=True)
class DeclaredFile:
    """What an item declares of a file; None where it declares nothing."""

    epsg: int | None = None
    shape: tuple[int, int] | None = None
    """(height, width)"""
    transform: tuple[float, ...] | None = None
    """From (column, row) to (x, y): the first two rows of the affine matrix."""
    size: int | None = None
    """Bytes."""
    checksum: str | None = None
    """Multihash in hexadecimal, as in the file extension."""


@dataclass(frozen=True, slots=True)
class SceneBand:
    """Location and encoding of a band's pixels: reflectance = stored * scale + offset."""

    href: str
    """Absolute path or URL."""
    index: int
    """Band of the raster, from 1."""
    scale: float
    offset: float
    nodata: float | None
    """Stored value where nothing was measured; None: as the raster declares."""
    declared: DeclaredFile
    """Of its file."""


def common_name(text: str) -> str | None:
    """Our name of a band called `red`, `B04`, `B4`, `B04_10m` or `rededge071`, or None."""
    word = _ONE_DIGIT.sub(r"b0\1", _RESOLUTION.sub("", text.strip().lower()))
    return _BAND_BY_NAME.get(word)


def parse_bands(
    assets: Mapping[str, Mapping[str, JSON]], properties: Mapping[str, JSON], address: str
) -> dict[str, SceneBand]:
    """The bands of Sentinel-2 in an item's assets, in the order of BANDS.

    `BadScene` if there is none, or one whose encoding is not declared.
    """
    found: dict[str, SceneBand] = {}
    for key, asset in sorted(assets.items(), key=_preference):
        if _NOT_MEASURED & {key, *asset.get("roles", ())}:
            continue
        where = f"asset {key} of {address}"
        if "href" not in asset:
            raise BadScene(f"{where} has no href")
        href = resolve(asset["href"], address)
        declared = _declared(asset, properties, where)
        for index, fields in enumerate(_described(asset), start=1):
            names = (fields.get("name"), fields.get("eo:common_name"), fields.get("common_name"))
            alone = key if index == 1 else None
            known = (common_name(str(name)) for name in (*names, alone) if name)
            name = next((name for name in known if name), None)
            if name is not None and name not in found:
                found[name] = _scene_band(href, index, fields, declared, where)
    if not found:
        raise BadScene(
            f"{address} describes no band of Sentinel-2: name them in its assets' `bands` as"
            " `red` or `B04`"
        )
    return {name: found[name] for name in BANDS if name in found}


def _preference(entry: tuple[str, Mapping[str, JSON]]) -> tuple[bool, float, str]:
    """Sort key of assets with the same band: GeoTIFF before JPEG 2000, then the finer one."""
    key, asset = entry
    match = _RESOLUTION.search(key)
    finest = float(match["metres"]) if match else float(asset.get("gsd", 0))
    return "jp2" in asset.get("type", ""), finest, key


def _described(asset: Mapping[str, JSON]) -> list[dict[str, JSON]]:
    """Band descriptions of an asset: STAC 1.1, the older extensions, or the asset itself."""
    older = asset.get("eo:bands") or asset.get("raster:bands") or [{}]
    bands = asset.get("bands") or older
    rasters = asset.get("raster:bands") or [{}] * len(bands)
    general = {key: asset[key] for key in _ENCODING_KEYS if key in asset}
    return [
        {key.removeprefix("raster:"): value for key, value in {**general, **raster, **band}.items()}
        for band, raster in zip(bands, rasters, strict=False)
    ]


def _declared(
    asset: Mapping[str, JSON], properties: Mapping[str, JSON], where: str
) -> DeclaredFile:
    """Shape and transform only from the asset: those of an item may belong to any asset."""
    codes = (fields.get(key) for fields in (asset, properties) for key in _CRS_KEYS)
    code = _EPSG.fullmatch(str(next(filter(None, codes), "")))
    shape, transform = asset.get("proj:shape"), asset.get("proj:transform")
    try:
        return DeclaredFile(
            epsg=None if code is None else int(code[1]),
            shape=None if not shape else (int(shape[0]), int(shape[1])),
            transform=None if not transform else tuple(float(number) for number in transform[:6]),
            size=None if asset.get("file:size") is None else int(asset["file:size"]),
            checksum=str(asset.get("file:checksum") or "").lower() or None,
        )
    except (LookupError, TypeError, ValueError) as error:
        raise BadScene(f"{where}: its proj: or file: fields cannot be read ({error})") from error


def _scene_band(
    href: str, index: int, fields: Mapping[str, JSON], declared: DeclaredFile, where: str
) -> SceneBand:
    if "scale" not in fields and not str(fields.get("data_type", "")).startswith("float"):
        raise BadScene(
            f"{where} does not say how its numbers become reflectance: add raster:scale and"
            " raster:offset (1e-4 and, from processing baseline 04.00, -0.1)"
        )
    nodata = fields.get("nodata")
    return SceneBand(
        href=href,
        index=index,
        scale=float(fields.get("scale", 1.0)),
        offset=float(fields.get("offset", 0.0)),
        nodata=None if nodata is None else float(nodata),
        declared=declared,
    )
