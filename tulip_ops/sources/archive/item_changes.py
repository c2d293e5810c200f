"""What differs between a scene of an archive and what its file would become now. No I/O."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tulip_ops.core.types import JSON, AcquisitionId
from tulip_ops.sources.archive.catalog import Document
from tulip_ops.sources.archive.writer import RasterPart
from tulip_ops.storage.stac_items import raster_fields

_NAMES = {"raster:scale": "scale", "raster:offset": "offset", "nodata": "nodata"}


def changes(
    acquisition_id: AcquisitionId, item: Document, parts: Sequence[RasterPart]
) -> list[str]:
    """Each difference as `bands red, green, blue instead of blue, green, red`; new value second."""
    found = parts[0].found
    wanted = found.id(acquisition_id.sequence)
    pairs: list[tuple[str, JSON, JSON]] = [
        ("satellite", acquisition_id.platform, wanted.platform),
        ("tile", acquisition_id.tile, wanted.tile),
        ("day", acquisition_id.day, wanted.day),
        ("level", acquisition_id.level, wanted.level),
    ]
    for part in parts:
        pixels = part.found.pixels
        fields = raster_fields(
            pixels.bands, dtype=pixels.dtype, scales=pixels.scales, offsets=pixels.offsets,
            nodata=pixels.nodata,
        )  # fmt: skip
        asset = item["assets"].get(part.key, {})
        pairs.append(("bands", _bands(asset), _bands(fields)))
        pairs += [(name, asset.get(key), fields.get(key)) for key, name in _NAMES.items()]
        pairs.append(("encoding of bands", _encodings(asset), _encodings(fields)))
    return [f"{name} {old}, not {new}" for name, old, new in pairs if not _equal(old, new)]


def _bands(asset: Document) -> str:
    return ", ".join(band["name"] for band in asset.get("bands", ()))


def _encodings(asset: Document) -> list[tuple[JSON, JSON]]:
    return [
        (band.get("raster:scale"), band.get("raster:offset")) for band in asset.get("bands", ())
    ]


def _equal(old: JSON, new: JSON) -> bool:
    numbers = isinstance(old, int | float) and isinstance(new, int | float)
    return math.isclose(old, new, rel_tol=1e-9) if numbers else bool(old == new)
