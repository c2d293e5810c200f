"""Writes layers as GeoParquet, GeoPackage, FlatGeobuf or GeoJSON.

Rows are streamed in batches, so that a layer need not fit into memory.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from tulip_ops.core.errors import BadInput, StoreUnavailable
from tulip_ops.raster.projection import WGS84
from tulip_ops.storage.geoparquet import file_metadata

FORMATS = {
    ".gpkg": "GPKG",
    ".parquet": "Parquet",
    ".fgb": "FlatGeobuf",
    ".geojson": "GeoJSON",
}
"""Drivers by file suffix. A GeoPackage holds several layers, the other files one."""

_TYPES = {
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "real": pa.float32(),
    "double": pa.float64(),
    "text": pa.string(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "wkb": pa.binary(),
}
_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "GPKG": {"layer_options": {"GEOMETRY_NAME": "geometry", "FID": "fid"}},
    "FlatGeobuf": {},
    "GeoJSON": {"layer_options": {"RFC7946": "YES", "COORDINATE_PRECISION": "7"}},
}


def driver(path: Path) -> str:
    """The driver for the suffix of a file; `BadInput` for any other suffix."""
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError:
        raise BadInput(f"{path.name} names no format; let it end in {', '.join(FORMATS)}") from None


def write_layer(
    path: Path,
    layer: str,
    columns: Sequence[tuple[str, str]],
    batches: Iterable[Sequence[tuple[Any, ...]]],
) -> int:
    """Write a layer of polygons in EPSG:4326; returns the number of rows.

    columns: name and type (`_TYPES`) of each; the last is `geometry`, as WKB. Other layers of a
    GeoPackage stay; any other file is replaced. `StoreUnavailable` if it cannot be written.
    """
    tables = ArrowBatches(columns, batches)
    kind = driver(path)
    try:
        if kind == "Parquet":
            _write_parquet(path, tables)
        else:
            _write_by_ogr(path, layer, kind, tables)
    except OSError as error:
        raise StoreUnavailable(
            f"{path} cannot be written ({error}); check the disk's space and the folder's rights"
        ) from error
    return tables.count


def write_styles(path: Path, styles: Mapping[str, str]) -> None:
    """Write QGIS styles (QML) into a GeoPackage, as default styles; styles: by layer."""
    with closing(sqlite3.connect(path)) as package, package:
        package.executescript(_STYLE_TABLE)
        package.executemany(
            "insert into layer_styles (f_table_catalog, f_table_schema, f_table_name,"
            " f_geometry_column, stylename, styleqml, stylesld, useasdefault, description, owner)"
            " values ('', '', ?, 'geometry', ?, ?, '', 1, 'tulip_ops', '')",
            [(layer, layer, style) for layer, style in styles.items()],
        )


class ArrowBatches:
    """Converts batches of rows to Arrow; counts them and computes their bounds on the way."""

    def __init__(
        self, columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[tuple[Any, ...]]]
    ) -> None:
        """columns, rows: as in `write_layer`."""
        self.schema = pa.schema([(name, _TYPES[kind]) for name, kind in columns])
        self.count = 0
        self.bounds = np.array([np.inf, np.inf, -np.inf, -np.inf])
        self._rows = rows

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        for rows in self._rows:
            arrays = [
                pa.array(values, kind)
                for values, kind in zip(zip(*rows, strict=True), self.schema.types, strict=True)
            ]
            outlines = shapely.from_wkb(arrays[-1].to_numpy(zero_copy_only=False))
            box = shapely.total_bounds(outlines)
            self.count += len(rows)
            self.bounds[:2] = np.minimum(self.bounds[:2], box[:2])
            self.bounds[2:] = np.maximum(self.bounds[2:], box[2:])
            yield pa.record_batch(arrays, schema=self.schema)


def _write_parquet(path: Path, tables: ArrowBatches) -> None:
    with pq.ParquetWriter(path, tables.schema, compression="zstd") as writer:
        for batch in tables:
            writer.write_batch(batch)
        bounds = tables.bounds.tolist() if tables.count else None
        writer.add_key_value_metadata(file_metadata(["Polygon"], bounds))


def _write_by_ogr(path: Path, layer: str, kind: str, tables: ArrowBatches) -> None:
    from pyogrio import errors, raw  # noqa: PLC0415 - its import takes half a second

    try:
        raw.write_arrow(
            pa.RecordBatchReader.from_batches(tables.schema, tables),
            path,
            layer=layer,
            driver=kind,
            geometry_name="geometry",
            geometry_type="Polygon",
            crs=f"EPSG:{WGS84}",
            **_OPTIONS[kind],
        )
    except (errors.DataSourceError, errors.DataLayerError, errors.FeatureError) as error:
        raise OSError(error) from error


_STYLE_TABLE = """
create table if not exists layer_styles (
    id integer primary key autoincrement not null,
    f_table_catalog text(256),
    f_table_schema text(256),
    f_table_name text(256),
    f_geometry_column text(256),
    stylename text(30),
    styleqml text,
    stylesld text,
    useasdefault boolean,
    description text,
    owner text(30),
    ui text(30),
    update_time datetime default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
insert or ignore into gpkg_contents (table_name, data_type, identifier)
values ('layer_styles', 'attributes', 'layer_styles');
"""
"""The table from which QGIS reads styles of a GeoPackage."""
