"""Reads areas, parcels and registers from vector files, and writes areas."""

from __future__ import annotations

import json
import logging
import re
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from shapely.geometry import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from tulip_ops.core import concurrency
from tulip_ops.core.errors import BadArea, BadInput, BadTrainingData
from tulip_ops.core.types import Area
from tulip_ops.raster.projection import WGS84, geodesic_area

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

log = logging.getLogger(__name__)

_NAME_LENGTH = 63


@concurrency.before_threads
def _use_arrow() -> None:
    """Start Arrow's threads and its Parquet writer."""
    pq.write_table(pa.table({"number": [1]}), pa.BufferOutputStream(), compression="zstd")


def read_areas(path: Path, name: str | None = None) -> list[Area]:
    """Areas of interest from a GeoJSON, GeoPackage or any vector file that OGR reads.

    Coordinates are transformed to EPSG:4326. With `name`, all polygons of the file are one area.
    Without, each polygon is an area, named by the column `name` or else the file; names are
    reduced to the characters that `Area` allows, and duplicates numbered. Invalid polygons are
    repaired with a warning. `BadArea` for anything that is not a polygon on the Earth.
    """
    polygons = [found for frame in _layers(path) for found in _polygons(frame, path)]
    if not polygons:
        raise BadArea(f"{path} holds no polygon; draw at least one")
    if name is not None:
        return [Area(name, _multipolygon(shapely.union_all([shape for _, shape in polygons])))]
    taken: set[str] = set()
    areas = []
    for wanted, shape in polygons:
        areas.append(Area(_unique(_slug(wanted or path.stem), taken), shape))
        taken.add(areas[-1].name)
    return areas


def read_parcels(
    path: Path, column: str, ground: BaseGeometry
) -> tuple[list[BaseGeometry], list[str]]:
    """Polygons of a vector file within the bounds of `ground`, and their values in a column.

    ground: EPSG:4326. The file may have any CRS; only features within the bounds are read, so
    that a country's register need not fit into memory. Only the first layer that has the column
    is read. Integers are written without a decimal point: 1004. Returns geometries in EPSG:4326,
    valid or not. `BadTrainingData` if there is no such file or column.
    """
    import geopandas  # noqa: PLC0415

    with _read_by_ogr(path, BadTrainingData):
        layer = _layer_with(path, column)
        around = geopandas.GeoSeries([ground], crs=WGS84)
        frame = geopandas.read_file(
            path, layer=layer, columns=[column], bbox=around, engine="pyogrio"
        )
    if frame.crs is None:
        raise BadTrainingData(f"{path} declares no CRS; assign one, as ogr2ogr -a_srs does")
    frame = frame[frame.geometry.notna() & frame[column].notna()].to_crs(WGS84)
    return frame.geometry.tolist(), [_text(value) for value in frame[column]]


def read_register(path: Path, column: str | None) -> list[tuple[str, Polygon, float]]:
    """(key, outline in EPSG:4326, square metres) of each parcel of a file with any CRS.

    column: the key of a parcel; None numbers parcels from 1. Rows with the same key are parts of
    one parcel; the parts of such a parcel get the keys key/1, key/2 and so on. Invalid
    polygons are repaired with a warning. `BadArea` for anything that is not a polygon on the
    Earth, or without that column.
    """
    parts: dict[str, list[Polygon]] = {}
    number = 0
    for frame in _register_layers(path):
        if column is not None and column not in frame.columns:
            columns = ", ".join(name for name in frame.columns if name != frame.geometry.name)
            raise BadArea(f"{path} has no column {column}; its columns are {columns}")
        names = [None] * len(frame) if column is None else frame[column].tolist()
        for name, (_, shape) in zip(names, _polygons(frame, path), strict=True):
            number += 1
            key = str(number) if column is None else _text(name)
            parts.setdefault(key, []).extend(shape.geoms)
    if not parts:
        raise BadArea(f"{path} holds no polygon")
    return [
        (key if len(outlines) == 1 else f"{key}/{part}", outline, geodesic_area(outline))
        for key, outlines in parts.items()
        for part, outline in enumerate(outlines, start=1)
    ]


def _register_layers(path: Path) -> Iterator[GeoDataFrame]:
    """The one table of GeoParquet, or each layer with geometries of any other file."""
    if path.suffix.lower() not in {".parquet", ".geoparquet"}:
        yield from _layers(path)
        return
    import geopandas  # noqa: PLC0415

    try:
        yield geopandas.read_parquet(path)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise BadArea(f"{path} cannot be read as GeoParquet ({error})") from error


def _layer_with(path: Path, column: str) -> str:
    import geopandas  # noqa: PLC0415
    import pyogrio  # noqa: PLC0415

    columns = {
        layer: pyogrio.read_info(path, layer=layer)["fields"].tolist()
        for layer in geopandas.list_layers(path)["name"]
    }
    for layer, names in columns.items():
        if column in names:
            return str(layer)
    found = "; ".join(f"{layer}: {', '.join(names)}" for layer, names in columns.items())
    raise BadTrainingData(f"{path} has no column {column}; its columns are {found}")


def _text(value: object) -> str:
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value)) if whole and isinstance(value, float) else str(value).strip()


def write_areas(path: Path, areas: Sequence[Area]) -> None:
    """Write GeoJSON (RFC 7946) with the `name` of each area, for `read_areas`."""
    features = [
        {
            "type": "Feature",
            "properties": {"name": area.name},
            "geometry": shapely.geometry.mapping(area.geometry),
        }
        for area in areas
    ]
    collection = {"type": "FeatureCollection", "features": features}
    path.write_text(json.dumps(collection) + "\n", encoding="utf-8")


def _layers(path: Path) -> Iterator[GeoDataFrame]:
    """Each layer of a file that has geometries, without tables such as styles."""
    # importing geopandas takes over a second, and steps that read only Parquet do not need it
    import geopandas  # noqa: PLC0415

    with _read_by_ogr(path, BadArea):
        layers = geopandas.list_layers(path)
        for layer, kind in zip(layers["name"], layers["geometry_type"], strict=True):
            if kind is not None:
                yield geopandas.read_file(path, layer=layer, engine="pyogrio")


@contextmanager
def _read_by_ogr(path: Path, bad: type[BadInput]) -> Iterator[None]:
    """Translate errors of pyogrio to `bad`."""
    from pyogrio import errors  # noqa: PLC0415

    try:
        yield
    except (errors.DataSourceError, errors.FeatureError, errors.GeometryError) as error:
        raise bad(
            f"{path} cannot be read as a vector file ({error}); use GeoJSON or GeoPackage"
        ) from error


def _polygons(frame: GeoDataFrame, path: Path) -> Iterator[tuple[str | None, MultiPolygon]]:
    """(name or None, geometry in EPSG:4326) of each row."""
    if frame.crs is None:
        raise BadArea(f"{path} declares no CRS; assign one, as ogr2ogr -a_srs does")
    places = [f"feature {number} of {path}" for number in range(1, len(frame) + 1)]
    checked = [_checked(*pair) for pair in zip(frame.geometry, places, strict=True)]
    on_earth = frame.set_geometry(checked, crs=frame.crs).to_crs(WGS84).geometry
    names = [None] * len(frame)
    if "name" in frame.columns:
        names = frame["name"].astype(object).where(frame["name"].notna(), None).tolist()
    for shape, name, place in zip(on_earth, names, places, strict=True):
        if not np.isfinite(shape.bounds).all():
            raise BadArea(f"{place} has no place in longitude and latitude; check its CRS")
        yield (None if name is None else str(name)), _repaired(shape, place)


def _checked(shape: BaseGeometry | None, place: str) -> MultiPolygon:
    if shape is None or shape.is_empty:
        raise BadArea(f"{place} has no geometry; draw or delete it")
    if shape.geom_type not in {"Polygon", "MultiPolygon"}:
        raise BadArea(f"{place} is a {shape.geom_type}; an area of interest is a polygon")
    return _repaired(shapely.force_2d(shape), place)


def _repaired(shape: BaseGeometry, place: str) -> MultiPolygon:
    if shape.is_valid:
        return _multipolygon(shape)
    log.warning("%s was invalid and is repaired: %s", place, shapely.is_valid_reason(shape))
    repaired = _multipolygon(shapely.make_valid(shape))
    if repaired.is_empty:
        raise BadArea(f"{place} encloses no ground: {shapely.is_valid_reason(shape)}; redraw it")
    return repaired


def _multipolygon(shape: BaseGeometry) -> MultiPolygon:
    """The polygons of a geometry; lines and points that a repair may leave are dropped."""
    parts = [shapely.get_parts(part) for part in shapely.get_parts(shape)]
    flat = [part for group in parts for part in group]
    return MultiPolygon([part for part in flat if part.geom_type == "Polygon"])


def _slug(text: str) -> str:
    """Lower-case ASCII letters, digits, - and _, beginning with a letter or digit."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9_]+", "-", plain).strip("-_")[:_NAME_LENGTH] or "area"


def _unique(name: str, taken: set[str]) -> str:
    candidates = (f"{name[: _NAME_LENGTH - len(tail)]}{tail}" for tail in _tails())
    return next(candidate for candidate in candidates if candidate not in taken)


def _tails() -> Iterator[str]:
    yield ""
    for number in count(2):
        yield f"-{number}"
