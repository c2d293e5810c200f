"""Plain GeoTIFFs, as others make them."""

from pathlib import Path

import numpy as np
import rasterio

from tulip_ops.raster.grid import Grid

GRID = Grid(32631, 600000.0, 5900040.0, 40, 30)


def geotiff(path: Path, pixels: np.ndarray, grid: Grid = GRID, **options: object) -> str:
    """A plain GeoTIFF of (bands, height, width) pixels."""
    profile = {
        "driver": "GTiff",
        "count": pixels.shape[0],
        "height": pixels.shape[1],
        "width": pixels.shape[2],
        "dtype": pixels.dtype,
        "crs": f"EPSG:{grid.epsg}",
        "transform": grid.transform,
    }
    with rasterio.open(path, "w", **profile | options) as target:
        target.write(pixels)
    return str(path)


def noise(*shape: int, high: int = 250) -> np.ndarray:
    return np.random.default_rng(7).integers(1, high, shape)
