"""Parses STAC items of any origin, once, into a `StacScene`. No I/O.

No other module depends on whether a band was described by STAC 1.0's `eo:bands` or by
1.1's `bands`, or by the key of its asset alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import shapely
from shapely.geometry import MultiPolygon, Polygon, shape

from tulip_ops.core.errors import BadAcquisitionId, BadScene
from tulip_ops.core.types import (
    BANDS,
    JSON,
    SIMULATED_PLATFORM,
    Acquisition,
    AcquisitionId,
    processing_baseline,
)
from tulip_ops.storage.addresses import resolve
from tulip_ops.storage.stac_items import COMMON_NAMES

N = TypeVar("N", int, float)

_SENTINEL_NAMES = dict(
    zip(("b02", "b03", "b04", "b05", "b06", "b07", "b08", "b8a", "b11", "b12"), BANDS, strict=True)
)
_BAND_BY_NAME = (
    {name: name for name in BANDS}
    | _SENTINEL_NAMES
    | {common: name for name, common in COMMON_NAMES.items()}
)
_RESOLUTION = re.compile(r"[-_](?P<metres>\d+)m$")
_NOT_MEASURED = {"visual", "overview", "thumbnail", "truth", "metadata", "data-mask"}
"""Roles of assets that hold no reflectance."""
_PRODUCT = re.compile(
    r"(?P<platform>S2[A-D])_MSI(?P<level>L1C|L2A)_(?P<day>\d{8})T\d{6}_N(?P<baseline>\d{4})"
    r"_R(?P<orbit>\d{3})"
    r"_T(?P<tile>\d{2}[A-Z]{3})"
)
_OURS = re.compile(r"(?:S2[A-D]|SIM)_\w{5}_\d{8}_\d{1,3}_L(?:1C|2A)")
_LEVEL_KEYS = ("tulip:level", "processing:level", "s2:product_type")
_ENCODING_KEYS = ("raster:scale", "raster:offset", "nodata", "data_type")
_EPSG = re.compile(r"(?:EPSG:)?(\d+)")
_CRS_KEYS = ("proj:code", "proj:epsg")
_LEVEL = re.compile(r"L?(1C|2A)", re.IGNORECASE)


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


@dataclass(frozen=True, slots=True)
class StacScene:
    """An acquisition as its STAC item describes it."""

    id: AcquisitionId
    sensed_at: datetime
    """UTC, with its zone."""
    footprint: MultiPolygon
    """EPSG:4326."""
    bands: Mapping[str, SceneBand]
    """By our names, in the order of BANDS."""
    baseline: str | None
    """Processing baseline as 05.10; None if not declared."""
    relative_orbit: int | None
    """1 to 143; None if not declared."""
    provider_cloud_cover: float | None
    """Percent, from `eo:cloud_cover`; None if not declared."""
    address: str
    """Of the item."""

    def acquisition(self, source: str) -> Acquisition:
        return Acquisition(
            id=self.id,
            sensed_at=self.sensed_at,
            source=source,
            href=self.address,
            footprint=self.footprint,
            bands=tuple(self.bands),
            baseline=self.baseline,
            relative_orbit=self.relative_orbit,
            provider_cloud_cover=self.provider_cloud_cover,
        )


def parse_scene(document: Mapping[str, JSON], address: str) -> StacScene:
    """Read an item of any origin; `BadScene` names what is missing.

    The id is the item's where it is one of ours, else made of a Sentinel-2 product name, else
    of platform, tile, datetime and sequence. Bands come from STAC 1.1 `bands`, from `eo:bands`
    or from the assets' keys, with a scale that must be declared for whole numbers.
    """
    try:
        item_id, properties = str(document["id"]), dict(document["properties"])
        footprint = _footprint(document["geometry"])
        sensed_at = datetime.fromisoformat(
            properties.get("datetime") or properties["start_datetime"]
        )
        assets = {key: dict(asset) for key, asset in document["assets"].items()}
    except (LookupError, TypeError, ValueError, AttributeError, shapely.GEOSException) as error:
        raise BadScene(
            f"{address} is no STAC item with id, geometry, datetime and assets ({error!r})"
        ) from error
    sensed_at = sensed_at.replace(tzinfo=sensed_at.tzinfo or UTC).astimezone(UTC)
    product = _product(item_id, properties)
    told = (properties.get("s2:processing_baseline"), properties.get("processing:version"))
    baseline = next((text for text in told if text), product and product["baseline"])
    orbit = properties.get("sat:relative_orbit") or (product and product["orbit"])
    hints = [*(properties.get(key) for key in _LEVEL_KEYS), document.get("collection")]
    return StacScene(
        id=_scene_id(item_id, properties, sensed_at, hints, address),
        sensed_at=sensed_at,
        footprint=footprint,
        bands=_scene_bands(assets, properties, address),
        baseline=processing_baseline(baseline) if baseline else None,
        relative_orbit=_number(orbit, int, 1, 143),
        provider_cloud_cover=_number(properties.get("eo:cloud_cover"), float, 0, 100),
        address=address,
    )


def _number(told: JSON, kind: Callable[[JSON], N], lowest: float, highest: float) -> N | None:
    """A number from an item's metadata; None if it is missing or impossible."""
    try:
        number = kind(told)
    except (TypeError, ValueError):
        return None
    return number if lowest <= number <= highest else None


def common_name(text: str) -> str | None:
    """Our name of a band that is called `red`, `B04`, `B04_10m` or `rededge071`, or None."""
    return _BAND_BY_NAME.get(_RESOLUTION.sub("", text.strip().lower()))


def _footprint(geometry: Mapping[str, JSON]) -> MultiPolygon:
    ground = shapely.make_valid(shape(dict(geometry)))
    parts = [part for part in shapely.get_parts(ground) if isinstance(part, Polygon)]
    if not parts:
        raise ValueError("its geometry is no polygon")
    return MultiPolygon(parts)


def _scene_id(
    item_id: str,
    properties: Mapping[str, JSON],
    sensed_at: datetime,
    hints: Iterable[JSON],
    address: str,
) -> AcquisitionId:
    """Of the item's own id if it is one of ours, else of a product name, else of properties."""
    sequence = properties.get("s2:sequence", properties.get("tulip:sequence", 0))
    product = _product(item_id, properties)
    if _OURS.fullmatch(item_id):
        spelled = item_id
    elif product is not None:
        spelled = "{platform}_{tile}_{day}_{}_{level}".format(sequence, **product.groupdict())
    else:
        found = {
            "platform": _platform(str(properties.get("platform", ""))),
            "grid:code": _tile(properties),
            "tulip:level": _level([item_id, *hints]),
        }
        missing = [name for name, value in found.items() if value is None]
        if missing:
            raise BadScene(
                f"{address}: its id {item_id!r} is not like S2A_31UFU_20160501_0_L2A, and its"
                f" properties do not say {', '.join(missing)}"
            )
        platform, tile, level = found.values()
        spelled = f"{platform}_{tile}_{sensed_at:%Y%m%d}_{sequence}_{level}"
    try:
        return AcquisitionId.parse(spelled)
    except BadAcquisitionId as error:
        raise BadScene(f"{address}: {error}") from error


def _product(item_id: str, properties: Mapping[str, JSON]) -> re.Match[str] | None:
    return _PRODUCT.search(f"{item_id} {properties.get('s2:product_uri', '')}")


def _platform(text: str) -> str | None:
    if text.lower() == "simulated":
        return SIMULATED_PLATFORM
    match = re.fullmatch(r"s(?:entinel-?)?2([a-d])", text, re.IGNORECASE)
    return f"S2{match[1].upper()}" if match else None


def _tile(properties: Mapping[str, JSON]) -> str | None:
    code = str(properties.get("grid:code") or properties.get("s2:mgrs_tile") or "")
    match = re.fullmatch(r"(?:MGRS-)?T?(\d{1,2}[A-Z]{3})", code)
    return match[1].zfill(5) if match else None


def _level(hints: Iterable[JSON]) -> str | None:
    matches = (_LEVEL.search(str(hint)) for hint in hints if hint)
    return next((f"L{match[1].upper()}" for match in matches if match), None)


def _scene_bands(
    assets: Mapping[str, Mapping[str, JSON]], properties: Mapping[str, JSON], address: str
) -> dict[str, SceneBand]:
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
    told = _RESOLUTION.search(key)
    finest = float(told["metres"]) if told else float(asset.get("gsd", 0))
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
    told = (fields.get(key) for fields in (asset, properties) for key in _CRS_KEYS)
    code = _EPSG.fullmatch(str(next(filter(None, told), "")))
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
