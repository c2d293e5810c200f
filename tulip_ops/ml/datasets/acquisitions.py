"""Acquisitions that parcels can be laid over: those of the store, or a folder of GeoTIFFs."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path

from tulip_ops.core.errors import BadTrainingData, ProductMissing
from tulip_ops.ml.datasets.crop_parcels import Image
from tulip_ops.storage.product_store import ProductStore
from tulip_ops.storage.products import CLOUD, REFLECTANCE

_DAY = re.compile(r"(?<!\d)(20\d\d)-?(\d\d)-?(\d\d)(?!\d)")
_TIFFS = frozenset((".tif", ".tiff"))


def in_store(store: ProductStore, season: int, minimum_clear: float) -> list[Image]:
    """Screened acquisitions of a season, at least so clear over the areas; 0 to 1."""
    images = []
    for acquisition_id in store.acquisitions():
        clear = store.properties(acquisition_id).get("tulip:clear_fraction")
        if acquisition_id.season != season or clear is None or float(clear) < minimum_clear:
            continue
        try:
            paths = [store.product(acquisition_id, product) for product in (REFLECTANCE, CLOUD)]
        except ProductMissing:
            continue
        images.append(Image(str(acquisition_id), acquisition_id.day, *paths))
    return images


def in_folder(folder: Path) -> list[Image]:
    """Every GeoTIFF below a folder, taken for clear; its name holds its day.

    `BadTrainingData` for a name without a day, and for a folder without GeoTIFFs.
    """
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _TIFFS)
    if not paths:
        raise BadTrainingData(f"{folder} holds no GeoTIFF; give the folder of the acquisitions")
    return [Image(path.stem, _day(path), path, None) for path in paths]


def _day(path: Path) -> date:
    match = _DAY.search(path.stem)
    try:
        if match is not None:
            return datetime.strptime("".join(match.groups()), "%Y%m%d").replace(tzinfo=UTC).date()
    except ValueError:
        pass
    raise BadTrainingData(
        f"{path} does not name its day; rename it, such as {path.stem}_2023-04-20"
    )
