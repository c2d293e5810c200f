"""The picture of one acquisition: what `tulip picture` draws."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np

from tulip_ops import pictures, rasters, vectors
from tulip_ops.domain import AcquisitionId
from tulip_ops.errors import ProductMissing
from tulip_ops.grid import WGS84, project
from tulip_ops.settings import Settings
from tulip_ops.store import Store


def draw(acquisition_id: AcquisitionId, settings: Settings, out: Path) -> None:
    """Draw image, cloud screen, probability and polygons of an acquisition into a PNG.

    What a skipped acquisition never got is shown as not seen. `ProductMissing` if not even its
    reflectance is there.
    """
    store = Store(settings.store_place)
    reflectance, bands, grid = rasters.read_reflectance(
        store.product(acquisition_id, "reflectance.tif")
    )
    cloud, cloud_threshold = np.full((1, *grid.shape), np.nan, np.float32), 0.5
    tulip, polygons = np.full((2, *grid.shape), np.nan, np.float32), []
    with suppress(ProductMissing):  # the picture shows how far the acquisition came
        cloud, _ = rasters.read_probability(store.product(acquisition_id, "cloud.tif"))
        cloud_threshold = float(store.asset(acquisition_id, "cloud.tif")["tulip:threshold"])
        tulip, _ = rasters.read_probability(store.product(acquisition_id, "tulip.tif"))
        detections = vectors.read_detections(store.product(acquisition_id, "detections.parquet"))
        polygons = [project(found.geometry, WGS84, grid.epsg) for found in detections]
    pictures.acquisition_picture(
        out,
        str(acquisition_id),
        reflectance[[bands.index(band) for band in ("red", "green", "blue")]],
        cloud[0],
        tulip,
        polygons,
        grid,
        simulated=acquisition_id.simulated,
        threshold=cloud_threshold,
    )
