"""Parses items of Sentinel Hub's Catalog. No I/O."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import shapely

from tulip_ops.core.errors import BadAcquisitionId, BadScene
from tulip_ops.core.types import JSON, Acquisition, AcquisitionId, processing_baseline
from tulip_ops.sources.datastrips import merge_datastrips
from tulip_ops.sources.granule import Granule
from tulip_ops.sources.stac_item import StacScene, parse_footprint

COLLECTION = "sentinel-2-l2a"

_PRODUCT = re.compile(
    r"(?P<platform>S2[A-D]|SIM)_MSI(?P<level>L1C|L2A)_(?P<datatake>\d{8}T\d{6})_N(?P<baseline>\d{4})"
    r"_R(?P<orbit>\d{3})_T(?P<tile>\d{2}[A-Z]{3})_(?P<made>\d{8}T\d{6})(?:\.SAFE)?"
)
_NUMBERED_PATH = re.compile(r"/tiles/\d+/[A-Z]/[A-Z]{2}/\d+/\d+/\d+/(?P<sequence>\d+)/?$")


def parse_item(feature: Mapping[str, JSON], catalog: str) -> Granule:
    """Read a feature of the Catalog at the URL `catalog`; `BadScene` names what is missing."""
    name = str(feature.get("id"))
    match = _PRODUCT.fullmatch(name)
    if match is None:
        raise BadScene(f"{name!r} in Sentinel Hub's Catalog is not the name of an MSI product")
    try:
        properties = feature["properties"]
        moment = datetime.fromisoformat(properties["datetime"])
        sensed_at = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
        cloud_cover = properties.get("eo:cloud_cover")
        scene = StacScene(
            id=AcquisitionId.parse(
                f"{match['platform']}_{match['tile']}_{sensed_at:%Y%m%d}_0_{match['level']}"
            ),
            sensed_at=sensed_at,
            footprint=parse_footprint(feature["geometry"]),
            bands={},  # the Catalog lists no files
            baseline=processing_baseline(match["baseline"]),
            relative_orbit=int(match["orbit"]),
            provider_cloud_cover=None if cloud_cover is None else float(cloud_cover),
            address=f"{catalog}/collections/{COLLECTION}/items/{name}",
        )
    except BadAcquisitionId as error:
        raise BadScene(f"{name} in Sentinel Hub's Catalog: {error}") from error
    except (LookupError, TypeError, ValueError, AttributeError, shapely.GEOSException) as error:
        raise BadScene(
            f"{name} in Sentinel Hub's Catalog does not say when and where: {error!r}"
        ) from error
    return Granule(
        scene=scene,
        collection=COLLECTION,
        rule="none",
        datatake=match["datatake"],
        datastrip=f"{sensed_at:%Y%m%dT%H%M%S}",
        generated=match["made"],
        sequence=_sequence(feature),
        offset=None,
        subtracted=None,
        digest=hashlib.sha256(json.dumps(feature, sort_keys=True).encode()).hexdigest(),
    )


def acquisitions(
    granules: Iterable[Granule], catalog: str, source: str, bands: Sequence[str]
) -> list[Acquisition]:
    """The products as acquisitions, sorted by id: as `merge_datastrips` merges and numbers them.

    granules: all of each overpass, else the numbers differ between queries.
    An acquisition's href gives its product, or its datastrips in the order of their numbers.
    """
    found = []
    for overpass in merge_datastrips(granules, (COLLECTION,)):
        addresses = [granule.scene.address for granule in overpass.granules]
        names = ",".join(address.rsplit("/", 1)[-1] for address in addresses)
        search = f"{catalog}/search?collections={COLLECTION}&ids={names}"
        href = addresses[0] if len(addresses) == 1 else search
        found.append(replace(overpass.acquisition(source), href=href, bands=tuple(bands)))
    return found


def products_of(href: str) -> tuple[str, ...]:
    """The products, without .SAFE, that an acquisition's href gives."""
    names = re.split(r"[/=]", href)[-1].split(",")
    return tuple(name.removesuffix(".SAFE") for name in names)


def _sequence(feature: Mapping[str, JSON]) -> int | None:
    """The number in the path of the pixels on AWS; None elsewhere."""
    path = str(feature.get("assets", {}).get("data", {}).get("href", ""))
    match = _NUMBERED_PATH.search(path)
    return int(match["sequence"]) if match else None
