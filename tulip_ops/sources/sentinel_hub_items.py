"""What Sentinel Hub's Catalog offers, read once into acquisitions. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count, groupby
from typing import Any

import shapely
from shapely.geometry import MultiPolygon, Polygon, shape

from tulip_ops.domain import Acquisition, AcquisitionId, processing_baseline
from tulip_ops.errors import BadAcquisitionId, BadScene

JSON = Any
"""What json.loads gives."""

_PRODUCT = re.compile(
    r"(?P<platform>S2[A-D]|SIM)_MSI(?P<level>L1C|L2A)_\d{8}T\d{6}_N(?P<baseline>\d{4})"
    r"_R(?P<orbit>\d{3})_T(?P<tile>\d{2}[A-Z]{3})_(?P<made>\d{8}T\d{6})(?:\.SAFE)?"
)
_NUMBERED_PATH = re.compile(r"/tiles/\d+/[A-Z]/[A-Z]{2}/\d+/\d+/\d+/(?P<sequence>\d+)/?$")


@dataclass(frozen=True, slots=True)
class Item:
    """A product as the Catalog describes it."""

    name: str
    """As the Catalog calls it: ESA's product, on Copernicus with .SAFE."""
    platform: str
    tile: str
    level: str
    baseline: str | None
    orbit: int
    made: str
    """When it was processed, YYYYMMDDThhmmss."""
    sensed_at: datetime
    """UTC."""
    footprint: MultiPolygon
    """EPSG:4326."""
    cloud_cover: float | None
    """Percent."""
    sequence: int | None
    """As the path of its pixels on AWS counts it; None elsewhere."""

    @property
    def overpass(self) -> tuple[str, str, str, str]:
        """What all sequences of one overpass share."""
        return self.platform, self.tile, f"{self.sensed_at:%Y%m%d}", self.level

    def id(self, sequence: int) -> AcquisitionId:
        """`BadAcquisitionId` for a tile that does not exist."""
        platform, tile, day, level = self.overpass
        return AcquisitionId.parse(f"{platform}_{tile}_{day}_{sequence}_{level}")


def parse_item(feature: Mapping[str, JSON]) -> Item:
    """Read a feature of the Catalog; `BadScene` says what it lacks."""
    name = str(feature.get("id"))
    match = _PRODUCT.fullmatch(name)
    if match is None:
        raise BadScene(f"{name!r} in Sentinel Hub's Catalog is not the name of an MSI product")
    try:
        properties = feature["properties"]
        sensed_at = datetime.fromisoformat(properties["datetime"])
        cloud_cover = properties.get("eo:cloud_cover")
        item = Item(
            name=name,
            platform=match["platform"],
            tile=match["tile"],
            level=match["level"],
            baseline=processing_baseline(match["baseline"]),
            orbit=int(match["orbit"]),
            made=match["made"],
            sensed_at=sensed_at.replace(tzinfo=sensed_at.tzinfo or UTC).astimezone(UTC),
            footprint=_footprint(feature["geometry"]),
            cloud_cover=None if cloud_cover is None else float(cloud_cover),
            sequence=_sequence(feature),
        )
        item.id(0)
    except BadAcquisitionId as error:
        raise BadScene(f"{name} in Sentinel Hub's Catalog: {error}") from error
    except (LookupError, TypeError, ValueError, AttributeError, shapely.GEOSException) as error:
        raise BadScene(
            f"{name} in Sentinel Hub's Catalog does not say when and where: {error!r}"
        ) from error
    return item


def acquisitions(
    items: Iterable[Item], source: str, bands: Sequence[str], href: str
) -> list[Acquisition]:
    """The items as acquisitions, sorted by id; an item that is there twice counts once.

    items: all of each overpass that they touch, else the numbering differs from look to look.
    href: of the collection's items. Where no path numbers the products of an overpass they are
    numbered as they were processed, so that a later one never takes an earlier one's number.
    """
    by_name = {item.name: item for item in items}
    ordered = sorted(by_name.values(), key=lambda item: (item.overpass, item.made, item.name))
    found = []
    for _, group in groupby(ordered, key=lambda item: item.overpass):
        for sequence, item in _numbered(list(group)):
            found.append(
                Acquisition(
                    id=item.id(sequence),
                    sensed_at=item.sensed_at,
                    source=source,
                    href=f"{href}/{item.name}",
                    footprint=item.footprint,
                    bands=tuple(bands),
                    baseline=item.baseline,
                    relative_orbit=item.orbit,
                    provider_cloud_cover=item.cloud_cover,
                )
            )
    return sorted(found, key=lambda acquisition: acquisition.id)


def product_of(href: str) -> str:
    """The product, without .SAFE, that an acquisition's href ends with."""
    return href.rsplit("/", 1)[-1].removesuffix(".SAFE")


def _numbered(overpass: Sequence[Item]) -> Iterator[tuple[int, Item]]:
    """The items of one overpass, in the order of their making, each with a number of its own."""
    told = {item.sequence for item in overpass if item.sequence is not None}
    free = (number for number in count() if number not in told)
    unused = set(told)
    for item in overpass:
        if item.sequence is not None and item.sequence in unused:
            unused.remove(item.sequence)
            yield item.sequence, item
        else:
            yield next(free), item


def _footprint(geometry: Mapping[str, JSON]) -> MultiPolygon:
    ground = shapely.make_valid(shape(dict(geometry)))
    parts = [part for part in shapely.get_parts(ground) if isinstance(part, Polygon)]
    if not parts:
        raise ValueError("its geometry is no polygon")
    return MultiPolygon(parts)


def _sequence(feature: Mapping[str, JSON]) -> int | None:
    path = str(feature.get("assets", {}).get("data", {}).get("href", ""))
    match = _NUMBERED_PATH.search(path)
    return int(match["sequence"]) if match else None
