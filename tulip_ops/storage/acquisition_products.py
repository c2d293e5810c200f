"""The products of one acquisition as arrays and tables, for the Python API."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tulip_ops.core.types import AcquisitionId
from tulip_ops.raster import cog
from tulip_ops.raster.grid import Grid
from tulip_ops.storage import detections_file
from tulip_ops.storage.product_store import ProductStore
from tulip_ops.storage.products import CLOUD, DETECTIONS, PRODUCTS, REFLECTANCE, TULIP, Product

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

ProductName: TypeAlias = Literal["reflectance", "cloud", "tulip", "detections"]
"""Keys of `PRODUCTS`, for type checkers."""


@dataclass(frozen=True, slots=True)
class Raster:
    """A georeferenced array."""

    values: NDArray[np.float32]
    """(len(bands), *grid.shape), NaN for no data."""
    bands: tuple[str, ...]
    grid: Grid
    """EPSG code, corner, shape and resolution in metres."""


class AcquisitionProducts:
    """The products of one acquisition.

    Every method reads the store again and verifies checksums. `ProductMissing` if a step has not
    made the product yet, `ProductDamaged`, `StoreUnavailable`.
    """

    def __init__(self, acquisition_id: AcquisitionId, store: ProductStore) -> None:
        self.id = acquisition_id
        self._store = store

    def __repr__(self) -> str:
        return f"<products of {self.id} in {self._store.address(self.id)}>"

    def item(self) -> dict[str, Any]:
        """The STAC item, as parsed JSON."""
        return self._store.item(self.id)

    def path(self, product: ProductName) -> Path:
        """Verified file of a product; a local copy if the store is in S3."""
        return self._store.product(self.id, PRODUCTS[product])

    def reflectance(self) -> Raster:
        """Surface reflectance by band, 1.0 is 100 %; NaN where not measured."""
        with self._store.reading(self.id, REFLECTANCE) as path:
            return Raster(*cog.read_reflectance(path))

    def cloud(self) -> Raster:
        """Calibrated probability of cloud, haze or shadow; one band."""
        return self._probability(CLOUD)

    def tulip(self) -> Raster:
        """Calibrated probability of tulips, and of tulips in flower; NaN on cloudy ground."""
        return self._probability(TULIP)

    def detections(self) -> GeoDataFrame:
        """One row per detected field, EPSG:4326, with area, probabilities and provenance."""
        with self._store.reading(self.id, DETECTIONS) as path:
            return detections_file.read_frame(path)

    def _probability(self, product: Product) -> Raster:
        with self._store.reading(self.id, product) as path:
            values, grid = cog.read_probability(path)
            return Raster(values, cog.band_names(path), grid)
