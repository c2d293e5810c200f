"""Which ground of an acquisition is read, which the networks are asked of, and which counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from tulip_ops.core.types import Acquisition, AcquisitionId, Area
from tulip_ops.ml.inference.streaming import Wanted
from tulip_ops.pipeline import clouds
from tulip_ops.raster import cog, rasterize
from tulip_ops.raster.grid import WGS84, Grid, project, tile_grid
from tulip_ops.storage.product_store import Store

CONTEXT = 640.0
"""Metres read around an area, so that fields on its border are seen whole and the networks
have surroundings."""


def reading(acquisition: Acquisition, areas: Sequence[Area]) -> Grid | None:
    """The part of the tile that `acquire` reads; None where the footprint reaches no area."""
    together: BaseGeometry = shapely.union_all([area.geometry for area in areas])
    wanted = together.intersection(acquisition.footprint)
    return None if wanted.is_empty else _window(acquisition, wanted)


def inside(areas: Sequence[Area], grid: Grid) -> NDArray[np.bool_]:
    """(height, width): True where a pixel's centre lies in an area."""
    within: NDArray[np.bool_] = (
        rasterize.burn([project(area.geometry, WGS84, grid.epsg) for area in areas], grid) >= 0
    )
    return within


def around(areas: Sequence[Area], grid: Grid) -> Wanted:
    """The ground that `screen` asks the cloud filter for: the areas and CONTEXT around them."""
    near = [project(area.geometry, WGS84, grid.epsg).buffer(CONTEXT) for area in areas]
    return lambda rows: rasterize.burn(near, grid.rows(rows)) >= 0


@contextmanager
def clear(acquisition_id: AcquisitionId, store: Store) -> Iterator[Wanted]:
    """The ground that `segment` asks the U-Net for: what `screen` found clear."""
    threshold = float(store.asset(acquisition_id, "cloud.tif")["tulip:threshold"])
    with cog.stored(store.product(acquisition_id, "cloud.tif")) as screened:
        yield lambda rows: clouds.clear(
            cog.decode_probability(screened.rows(rows.start, rows.stop)[0]), threshold
        )


def _window(acquisition: Acquisition, wanted: BaseGeometry) -> Grid:
    """Around what is wanted (EPSG:4326), within the footprint."""
    whole = tile_grid(acquisition.id.tile)
    near = project(wanted, WGS84, whole.epsg).buffer(CONTEXT)
    covered = project(acquisition.footprint, WGS84, whole.epsg)
    return whole.window(near.envelope.intersection(covered.envelope).bounds)
