"""The metadata that make a Parquet file a GeoParquet file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from pyproj import CRS

from tulip_ops.raster.projection import WGS84


def file_metadata(kinds: Iterable[str], bounds: Sequence[float] | None) -> dict[str, str]:
    """File metadata of GeoParquet 1.1, for a WKB column `geometry` in EPSG:4326.

    kinds: geometry types, such as Polygon. bounds: west, south, east, north of all geometries;
    None: no geometries.
    """
    column: dict[str, Any] = {
        "encoding": "WKB",
        "crs": CRS.from_epsg(WGS84).to_json_dict(),
        "geometry_types": sorted(set(kinds)),
    }
    if bounds is not None:
        column["bbox"] = [float(bound) for bound in bounds]
    geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
    return {"geo": json.dumps(geo, sort_keys=True)}
