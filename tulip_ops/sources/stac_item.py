"""Parses STAC items of any origin, once, into a `StacScene`. No I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import affinity
from shapely.geometry import MultiPolygon, Polygon, box, shape
from shapely.geometry.base import BaseGeometry

from tulip_ops.core.errors import BadAcquisitionId, BadScene
from tulip_ops.core.types import (
    JSON,
    SIMULATED_PLATFORM,
    Acquisition,
    AcquisitionId,
    processing_baseline,
)
from tulip_ops.sources.stac_bands import SceneBand, parse_bands
from tulip_ops.sources.stac_fields import refuse_bad_items, require_form

N = TypeVar("N", int, float)

_PRODUCT = re.compile(
    r"(?P<platform>S2[A-D])_MSI(?P<level>L1C|L2A)_(?P<day>\d{8})T\d{6}_N(?P<baseline>\d{4})"
    r"_R(?P<orbit>\d{3})"
    r"_T(?P<tile>\d{2}[A-Z]{3})"
)
_OURS = re.compile(r"(?:S2[A-D]|SIM)_\w{5}_\d{8}_\d{1,3}_L(?:1C|2A)")
_LEVEL_KEYS = ("tulip:level", "processing:level", "s2:product_type")
_WIDEST = 180.0
"""Degrees of longitude; a footprint that seems wider crosses the 180th meridian."""
_WIDEST_SCENE = 30.0
"""Degrees of longitude of what crosses it: a tile has 3 at 70 degrees north, and 10 at 83."""
_LEVEL = re.compile(r"L?(1C|2A)", re.IGNORECASE)


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
    or from the assets' keys, with a scale that must be declared for integers.
    """
    require_form(document, address)
    with refuse_bad_items(address):
        return _parse(document, address)


def _parse(document: Mapping[str, JSON], address: str) -> StacScene:
    item_id, properties = str(document["id"]), dict(document["properties"])
    footprint = parse_footprint(document["geometry"])
    sensed_at = datetime.fromisoformat(properties.get("datetime") or properties["start_datetime"])
    assets = {key: dict(asset) for key, asset in document["assets"].items()}
    sensed_at = sensed_at.replace(tzinfo=sensed_at.tzinfo or UTC).astimezone(UTC)
    product = _product(item_id, properties)
    versions = (properties.get("s2:processing_baseline"), properties.get("processing:version"))
    baseline = next((text for text in versions if text), product and product["baseline"])
    orbit = properties.get("sat:relative_orbit") or (product and product["orbit"])
    hints = [*(properties.get(key) for key in _LEVEL_KEYS), document.get("collection")]
    return StacScene(
        id=_scene_id(item_id, properties, sensed_at, hints, address),
        sensed_at=sensed_at,
        footprint=footprint,
        bands=parse_bands(assets, properties, address),
        baseline=processing_baseline(baseline) if baseline else None,
        relative_orbit=_number(orbit, int, 1, 143),
        provider_cloud_cover=_number(properties.get("eo:cloud_cover"), float, 0, 100),
        address=address,
    )


def _number(value: JSON, kind: Callable[[JSON], N], lowest: float, highest: float) -> N | None:
    """A number from an item's metadata; None if it is missing or impossible."""
    try:
        number = kind(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if lowest <= number <= highest else None


def parse_footprint(geometry: Mapping[str, JSON]) -> MultiPolygon:
    """The valid polygons of a GeoJSON geometry, cut at 180 degrees; `ValueError` without any."""
    with np.errstate(invalid="ignore"):  # a coordinate that is no number is named below
        drawn = shape(dict(geometry))
    if drawn.is_empty or not np.isfinite(shapely.get_coordinates(drawn)).all():
        raise ValueError("its geometry is empty, or has a coordinate that is no number")
    pieces = [_cut_at_180(part) for part in shapely.get_parts(drawn)]
    ground = shapely.make_valid(shapely.union_all(pieces) if len(pieces) > 1 else pieces[0])
    parts = [part for part in shapely.get_parts(ground) if isinstance(part, Polygon)]
    if not parts:
        raise ValueError("its geometry is no polygon")
    return MultiPolygon(parts)


def _cut_at_180(part: BaseGeometry) -> BaseGeometry:
    """A polygon that seems to go around the Earth crosses the 180th meridian: as its two halves."""
    if part.bounds[2] - part.bounds[0] <= _WIDEST:
        return part

    def eastward(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack([np.where(points[:, 0] < 0, points[:, 0] + 360, points[:, 0]),
                                points[:, 1]])  # fmt: skip

    moved = shapely.make_valid(shapely.transform(shapely.force_2d(part), eastward))
    west, south, east, north = moved.bounds
    if east - west > _WIDEST_SCENE or not moved.area:
        raise ValueError(f"its geometry spans {part.bounds[2] - part.bounds[0]:.0f} degrees")
    beyond = shapely.intersection(moved, box(180, south, 360, north))
    return shapely.union_all([
        shapely.intersection(moved, box(0, south, 180, north)),
        affinity.translate(beyond, xoff=-360),
    ])  # fmt: skip


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
