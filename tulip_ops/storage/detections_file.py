"""Detections as GeoParquet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from tulip_ops.core.errors import ProductDamaged
from tulip_ops.core.types import Detection
from tulip_ops.storage.geoparquet import file_metadata

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

_COLUMNS = (
    ("ordinal", pa.int32()),
    ("geometry", pa.binary()),
    ("area_m2", pa.float64()),
    ("tulip_probability", pa.float64()),
    ("tulip_probability_std", pa.float64()),
    ("bloom_fraction", pa.float64()),
    ("clear_fraction", pa.float64()),
    ("border_clear_fraction", pa.float64()),
)
"""The fields of `Detection`, in order."""


def write_detections(path: Path, detections: Sequence[Detection], **provenance: str) -> None:
    """Write GeoParquet 1.1 in EPSG:4326: one row per detection, its fields as columns.

    provenance: further columns with the same text in every row, such as the acquisition and the
    model. Deterministic: equal input makes equal bytes, with the same release of pyarrow.
    """
    outlines = [detection.geometry for detection in detections]
    columns: dict[str, pa.Array] = {
        name: pa.array([getattr(detection, name) for detection in detections], kind)
        for name, kind in _COLUMNS
        if name != "geometry"
    }
    columns["geometry"] = pa.array([outline.wkb for outline in outlines], pa.binary())
    table = pa.table({name: columns[name] for name, _ in _COLUMNS})
    for name, text in provenance.items():
        table = table.append_column(name, pa.array([text] * len(outlines), pa.string()))
    bounds = shapely.total_bounds(outlines).tolist() if outlines else None
    geo = file_metadata((outline.geom_type for outline in outlines), bounds)
    pq.write_table(table.replace_schema_metadata(geo), path, compression="zstd")


def read_detections(path: Path) -> list[Detection]:
    """Read what `write_detections` wrote, in its order; `ProductDamaged` for any other file."""
    names = [name for name, _ in _COLUMNS]
    try:
        rows = pq.read_table(path, columns=names).select(names).to_pydict()
        rows["geometry"] = shapely.from_wkb(np.array(rows["geometry"], dtype=object)).tolist()
    except (OSError, KeyError, pa.ArrowException, shapely.errors.ShapelyError) as error:
        raise _damaged(path, error) from error
    return [Detection(*row) for row in zip(*(rows[name] for name in names), strict=True)]


def read_frame(path: Path) -> GeoDataFrame:
    """Read what `write_detections` wrote, with the provenance, EPSG:4326; `ProductDamaged`."""
    import geopandas as gpd  # noqa: PLC0415 - its import takes half a second

    try:
        return gpd.read_parquet(path)
    except (OSError, ValueError, pa.ArrowException, shapely.errors.ShapelyError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> ProductDamaged:
    return ProductDamaged(
        f"{path} does not hold detections ({error}); repeat `tulip vectorize` with --force"
    )
