"""One item of a STAC API: one datastrip of one processing of one tile. No I/O."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from tulip_ops.core.errors import BadScene
from tulip_ops.core.source_settings import StacApi
from tulip_ops.core.types import JSON, OffsetRule
from tulip_ops.sources.stac_fields import refuse_bad_items, require_form
from tulip_ops.sources.stac_item import StacScene, parse_scene

_DATATAKE = re.compile(r"(?:GS2[A-D]_|S2[A-D]_MSIL(?:1C|2A)_)(\d{8}T\d{6})")
_DATASTRIP = re.compile(r"_DS_(\w{4})_\d{8}T\d{6}_S(\d{8}T\d{6})")
_NUMBERED = re.compile(r"S2[A-D]_\w{5}_\d{8}_(\d{1,3})_L(?:1C|2A)")
_GENERATED = ("s2:generation_time", "processing:datetime", "created")


@dataclass(frozen=True, slots=True)
class Granule:
    """A scene as one item describes it, and its place among the items of its overpass."""

    scene: StacScene
    collection: str
    rule: OffsetRule
    datatake: str
    """When the satellite began to record, as 20260420T105019; empty if unknown."""
    datastrip: str
    """Receiving centre and start of the datastrip; else the sensing time."""
    generated: str
    """Processing time, sorted as text; empty if unknown."""
    sequence: int | None
    """The provider's number; None if there is none."""
    offset: float | None
    """Declared radiometric offset; None if the item declares none."""
    subtracted: bool | None
    """Whether the item declares that the provider subtracted the 1000 of baseline 04.00."""
    digest: str
    """Digest of the item's metadata and of its assets' descriptions."""

    @property
    def overpass(self) -> tuple[str, str, str, str]:
        """Key shared by all items of the tile from one datatake."""
        day = f"{self.scene.id.day:%Y%m%d}"
        return self.scene.id.platform, self.scene.id.tile, self.datatake or day, self.scene.id.level


def parse_granule(document: Mapping[str, JSON], api: StacApi, address: str) -> Granule:
    """Read an item of a STAC API; `BadScene` names what is missing.

    Numbers without a scale are DN, as with every provider of Sentinel-2.
    """
    collection = str(document.get("collection", ""))
    rule = api.collections.get(collection)
    if rule is None:
        raise BadScene(f"{address} is of collection {collection!r}, which was not asked for")
    require_form(document, address)
    with refuse_bad_items(address):
        return _parse(document, api, address, collection, rule)


def _parse(
    document: Mapping[str, JSON], api: StacApi, address: str, collection: str, rule: OffsetRule
) -> Granule:
    properties, assets = document["properties"], document["assets"]
    described = {
        key: _described(key, asset, api)
        for key, asset in assets.items()
        if not api.bands or key in api.bands
    }
    scene = parse_scene({**document, "assets": described}, address)
    strip = _DATASTRIP.search(_first_property(properties, "s2:datastrip_id", "eopf:datastrip_id"))
    take = _DATATAKE.search(
        _first_property(properties, "s2:datatake_id", "eopf:datatake_id", "s2:product_uri")
        or str(document.get("id"))
    )
    return Granule(
        scene=scene,
        collection=collection,
        rule=rule,
        datatake=take[1] if take else "",
        datastrip=f"{strip[2]} {strip[1]}" if strip else f"{scene.sensed_at:%Y%m%dT%H%M%S}",
        generated=_first_property(properties, *_GENERATED),
        sequence=_sequence(document, properties),
        offset=_declared_offset(assets),
        subtracted=properties.get("earthsearch:boa_offset_applied"),
        digest=_digest(properties, described),
    )


def _described(key: str, asset: Mapping[str, JSON], api: StacApi) -> dict[str, JSON]:
    """The asset with the band, the scale and the href from the configuration."""
    known = {"raster:scale": 1e-4, "nodata": 0, **asset}
    if key in api.bands:
        known["bands"] = [{"name": api.bands[key]}]
    other = asset.get("alternate")
    if api.alternate and isinstance(other, dict) and api.alternate in other:
        known["href"] = other[api.alternate]["href"]
    return known


def _first_property(properties: Mapping[str, JSON], *names: str) -> str:
    """The first of these properties that exists, as text."""
    return next((str(properties[name]) for name in names if properties.get(name)), "")


def _sequence(document: Mapping[str, JSON], properties: Mapping[str, JSON]) -> int | None:
    spelled = _NUMBERED.fullmatch(str(document.get("id")))
    sequence = str(properties.get("s2:sequence", spelled[1] if spelled else ""))
    return int(sequence) if sequence.isdigit() else None


def _declared_offset(assets: Mapping[str, JSON]) -> float | None:
    """The offset of the first reflectance asset that declares one; providers have one for all."""
    for asset in assets.values():
        if not isinstance(asset, dict):
            continue
        described = (asset, *asset.get("bands", ()), *asset.get("raster:bands", ()))
        for fields in described:
            offset, scale = (
                fields.get(f"raster:{name}", fields.get(name)) for name in ("offset", "scale")
            )
            if isinstance(offset, int | float) and scale == 1e-4:
                return float(offset)
    return None


def _digest(properties: Mapping[str, JSON], assets: Mapping[str, JSON]) -> str:
    text = json.dumps([properties, assets], sort_keys=True, default=str)
    return sha256(text.encode()).hexdigest()
