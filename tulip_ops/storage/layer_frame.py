"""Layers of the database as GeoDataFrames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from tulip_ops.raster.projection import WGS84
from tulip_ops.storage.layer_writer import ArrowBatches

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

_NULLABLE = {
    pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
}
"""Without these, an integer column with a missing value becomes floating point."""


def frame(
    columns: Sequence[tuple[str, str]], batches: Iterable[Sequence[tuple[Any, ...]]]
) -> GeoDataFrame:
    """The rows of a layer in EPSG:4326.

    columns, batches: as in `layer_writer.write_layer`. Dates are `datetime.date` or None.
    """
    import geopandas as gpd  # noqa: PLC0415 - its import takes half a second

    rows = ArrowBatches(columns, batches)
    table = pa.Table.from_batches(rows, schema=rows.schema)
    plain = table.to_pandas(types_mapper=_NULLABLE.get, date_as_object=True)
    outlines = gpd.GeoSeries.from_wkb(plain.pop("geometry"), crs=WGS84)
    return gpd.GeoDataFrame(plain, geometry=outlines)
