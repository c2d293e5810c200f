"""Detections as GeoParquet."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from pyproj import CRS
from shapely.geometry.base import BaseGeometry

from tulip_ops.core.errors import ProductDamaged
from tulip_ops.core.types import Detection
from tulip_ops.raster.projection import WGS84

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
"""The fields of a Detection, in their order."""


def write_detections(path: Path, detections: Sequence[Detection], **provenance: str) -> None:
    """Write GeoParquet 1.1 in EPSG:4326: a row per detection, its fields as columns.

    provenance: further columns with the same text in every row, such as the acquisition and the
    model. Equal input gives equal bytes, with the same release of pyarrow.
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
    geo = {b"geo": json.dumps(_geo(outlines), sort_keys=True).encode()}
    pq.write_table(table.replace_schema_metadata(geo), path, compression="zstd")


def read_detections(path: Path) -> list[Detection]:
    """What `write_detections` wrote, in its order; `ProductDamaged` if it is something else."""
    names = [name for name, _ in _COLUMNS]
    try:
        rows = pq.read_table(path, columns=names).select(names).to_pydict()
        rows["geometry"] = shapely.from_wkb(np.array(rows["geometry"], dtype=object)).tolist()
    except (OSError, KeyError, pa.ArrowException, shapely.errors.ShapelyError) as error:
        raise ProductDamaged(
            f"{path} does not hold detections ({error}); repeat `tulip vectorize` with --force"
        ) from error
    return [Detection(*row) for row in zip(*(rows[name] for name in names), strict=True)]


def _geo(outlines: Sequence[BaseGeometry]) -> dict[str, Any]:
    """The file metadata that GeoParquet 1.1 asks for."""
    column: dict[str, Any] = {
        "encoding": "WKB",
        "crs": CRS.from_epsg(WGS84).to_json_dict(),
        "geometry_types": sorted({outline.geom_type for outline in outlines}),
    }
    if outlines:
        column["bbox"] = list(map(float, shapely.total_bounds(outlines)))
    return {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
