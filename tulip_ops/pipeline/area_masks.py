"""Masks of the ground that is read, inferred, and clear."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from tulip_ops.core.types import Acquisition, AcquisitionId, Area
from tulip_ops.ml.inference.streaming import RowMask
from tulip_ops.raster import cog, rasterize
from tulip_ops.raster.grid import Grid
from tulip_ops.raster.mgrs import tile_grid
from tulip_ops.raster.probability import decode_probability
from tulip_ops.raster.projection import WGS84, project, project_outline
from tulip_ops.storage.product_store import ProductStore
from tulip_ops.storage.products import CLOUD

CONTEXT = 640.0
"""Metres read around an area, so that fields on its border are complete and the networks
have surroundings."""


def read_grid(acquisition: Acquisition, areas: Sequence[Area]) -> Grid | None:
    """The part of the tile that `acquire` reads; None where the footprint misses every area."""
    together: BaseGeometry = shapely.union_all([area.geometry for area in areas])
    wanted = together.intersection(acquisition.footprint)
    return None if wanted.is_empty else _window(acquisition, wanted)


def area_pixels(areas: Sequence[Area], grid: Grid) -> NDArray[np.bool_]:
    """(height, width): True where a pixel's centre lies in an area."""
    within: NDArray[np.bool_] = (
        rasterize.polygons_to_labels([project_outline(area.geometry, grid) for area in areas], grid)
        >= 0
    )
    return within


def rows_around(areas: Sequence[Area], grid: Grid) -> RowMask:
    """Rows that `screen` gives to the cloud filter: the areas and CONTEXT around them."""
    near = [project_outline(area.geometry, grid).buffer(CONTEXT) for area in areas]
    return lambda rows: rasterize.polygons_to_labels(near, grid.rows(rows)) >= 0


@contextmanager
def clear_mask(acquisition_id: AcquisitionId, store: ProductStore) -> Iterator[RowMask]:
    """The ground on which `segment` runs the U-Net: what `screen` found clear."""
    threshold = float(store.asset(acquisition_id, CLOUD)["tulip:threshold"])
    with cog.open_cog(store.product(acquisition_id, CLOUD)) as screened:
        yield lambda rows: clear(
            decode_probability(screened.read_rows(rows.start, rows.stop)[0]), threshold
        )


def _window(acquisition: Acquisition, wanted: BaseGeometry) -> Grid:
    """Around what is wanted (EPSG:4326), within the footprint."""
    whole = tile_grid(acquisition.id.tile)
    near = project_outline(wanted, whole).buffer(CONTEXT)
    # a scene's edges are straight in its own CRS, not in longitude and latitude as an area's are
    covered = project(acquisition.footprint, WGS84, whole.epsg)
    return whole.window(near.envelope.intersection(covered.envelope).bounds)


def clear(cloud_probability: NDArray[np.float32], threshold: float) -> NDArray[np.bool_]:
    """True where the ground was measured and its probability of cloud is below `threshold`."""
    return cloud_probability < threshold  # NaN, nothing measured, compares as False


class AreaShare:
    """Share of the ground over the areas where something is true, added up part by part."""

    def __init__(self, areas: Sequence[Area]) -> None:
        self._areas = areas
        self._true = 0
        self._all = 0

    def add(self, true: NDArray[np.bool_], part: Grid) -> None:
        """true: (height, width) on `part` of the grid; False where nothing was measured."""
        within = area_pixels(self._areas, part)
        self._all += int(np.count_nonzero(within))
        self._true += int(np.count_nonzero(true & within))

    @property
    def value(self) -> float:
        """In [0, 1]; 0 where no part has ground of the areas."""
        return self._true / self._all if self._all else 0.0
