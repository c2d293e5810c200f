"""Reads areas, parcels and registers from vector files, and writes areas."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
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
from tulip_ops.core.errors import BadArea, BadTrainingData
from tulip_ops.core.types import Area
from tulip_ops.raster.projection import WGS84, geodesic_area
from tulip_ops.storage import vector_formats

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

log = logging.getLogger(__name__)

_NAME_LENGTH = 63
_LETTERS = str.maketrans(
    {"ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "đ": "d", "Đ": "D", "ß": "ss", "æ": "ae", "Æ": "Ae",
     "œ": "oe", "Œ": "Oe", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "\u0131": "i"}
)  # fmt: skip
"""Latin letters that Unicode does not take for a letter with an accent."""
_WIDEST = 180.0
"""Degrees of longitude; a polygon that seems wider crosses the 180th meridian."""
_SMALLEST, _SMALL = 1.0, 100.0
"""Square metres: of what is no area, and of a pixel, below which none may be measured in it."""
_LONGEST_EDGE = 2000.0
"""Metres of an edge before it is projected; it then bends by less than a decimetre."""
_MOST_PROBLEMS = 10
"""Named in one message."""


@concurrency.before_threads
def _use_arrow() -> None:
    """Start Arrow's threads and its Parquet writer."""
    pq.write_table(pa.table({"number": [1]}), pa.BufferOutputStream(), compression="zstd")


def read_areas(path: Path, name: str | None = None) -> list[Area]:
    """Areas of interest from a GeoJSON, GeoPackage or another of `vector_formats.FORMATS`.

    Coordinates are transformed to EPSG:4326. With `name`, all polygons of the file are one area.
    Without, each polygon is an area, named by the column `name` (or Name, NAME) or else the file;
    names are reduced to the characters that `Area` allows, and duplicates numbered. Invalid
    polygons are repaired with a warning. `BadArea` for anything that is not a polygon on the
    Earth; it names every such feature.
    """
    layers = vector_formats.layers(path, BadArea)
    polygons = [row for place, frame in layers for row in _polygons(frame, path, place)]
    if not polygons:
        raise BadArea(f"{path} holds no polygon; draw at least one")
    _require_ground(path, polygons)
    if name is not None:
        return [Area(name, _multipolygon(shapely.union_all([shape for _, shape in polygons])))]
    taken: set[str] = set()
    areas = []
    for wanted, shape in polygons:
        areas.append(Area(_unique(_slug(wanted or path.stem), taken), shape))
        taken.add(areas[-1].name)
    return areas


def _require_ground(path: Path, polygons: Sequence[tuple[str | None, MultiPolygon]]) -> None:
    """Refuse areas on which no pixel is measured, or that go around the Earth."""
    problems = []
    for number, (name, shape) in enumerate(polygons, start=1):
        place = f"polygon {number}{f' ({name})' if name else ''} of {path}"
        size = geodesic_area(shape)
        width = max(part.bounds[2] - part.bounds[0] for part in shape.geoms)
        if _WIDEST < width <= 2 * _WIDEST:
            problems.append(
                f"{place} spans {width:.0f} degrees of longitude; if it crosses the 180th"
                " meridian, cut it there and draw both parts"
            )
        elif size < _SMALLEST:
            problems.append(f"{place} covers {size:.2g} m2, far less than a pixel; draw it larger")
        elif size < _SMALL:
            log.warning("%s covers %.0f m2, less than a pixel: it may have no data", place, size)
    _refuse(problems)


def _refuse(problems: Sequence[str]) -> None:
    """One error that names all problems; nothing where there are none."""
    if problems:
        left = len(problems) - _MOST_PROBLEMS
        more = [f"and {left} more"] if left > 0 else []
        raise BadArea("; ".join([*problems[:_MOST_PROBLEMS], *more]))


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

    with vector_formats.translate_errors(path, BadTrainingData):
        dataset, layer = _layer_with(path, column)
        around = geopandas.GeoSeries([ground], crs=WGS84)
        frame = vector_formats.read_layer(dataset, layer, columns=[column], bbox=around)
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
    for place, frame in vector_formats.layers(path, BadArea):
        if column is not None and column not in frame.columns:
            columns = ", ".join(name for name in frame.columns if name != frame.geometry.name)
            raise BadArea(f"{path} has no column {column}; its columns are {columns}")
        names = [None] * len(frame) if column is None else frame[column].tolist()
        for name, (_, shape) in zip(names, _polygons(frame, path, place), strict=True):
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


def _layer_with(path: Path, column: str) -> tuple[str, str]:
    """(address, layer) of the first layer that has the column."""
    import geopandas  # noqa: PLC0415
    import pyogrio  # noqa: PLC0415

    columns = {
        (dataset, str(layer)): pyogrio.read_info(dataset, layer=layer)["fields"].tolist()
        for dataset in vector_formats.addresses(path)
        for layer in geopandas.list_layers(dataset)["name"]
    }
    for place, names in columns.items():
        if column in names:
            return place
    found = "; ".join(f"{layer}: {', '.join(names)}" for (_, layer), names in columns.items())
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


def _polygons(frame: GeoDataFrame, path: Path, place: str) -> list[tuple[str | None, MultiPolygon]]:
    """(name or None, geometry in EPSG:4326) of each row."""
    if frame.crs is None:
        raise BadArea(f"{path} declares no CRS; assign one, as ogr2ogr -a_srs does")
    places = [f"feature {number} of {place}" for number in range(1, len(frame) + 1)]
    checked = _each(_checked, frame.geometry, places)
    with vector_formats.translate_errors(path, BadArea):
        on_earth = frame.set_geometry(_densified(checked, frame), crs=frame.crs).to_crs(WGS84)
    return list(zip(_names(frame), _each(_on_earth, on_earth.geometry, places), strict=True))


def _each(
    check: Callable[[BaseGeometry | None, str], MultiPolygon],
    shapes: Iterable[BaseGeometry | None],
    places: Sequence[str],
) -> list[MultiPolygon]:
    """What `check` makes of all shapes; one `BadArea` that names all which it refuses."""
    good, problems = [], []
    for shape, place in zip(shapes, places, strict=True):
        try:
            good.append(check(shape, place))
        except BadArea as error:
            problems.append(str(error))
        except shapely.GEOSException as error:
            problems.append(f"{place} is broken ({error}); redraw it")
    _refuse(problems)
    return good


def _densified(shapes: Sequence[MultiPolygon], frame: GeoDataFrame) -> Sequence[BaseGeometry]:
    """With more vertices where the file has a projection: its straight edges bend elsewhere."""
    if not frame.crs.is_projected:
        return shapes
    unit = frame.crs.axis_info[0].unit_conversion_factor or 1.0
    return [shapely.segmentize(shape, _LONGEST_EDGE / unit) for shape in shapes]


def _names(frame: GeoDataFrame) -> list[str | None]:
    """Of the column `name`, however it is capitalized; None where it is empty."""
    columns = [str(column) for column in frame.columns if str(column).casefold() == "name"]
    if not columns:
        return [None] * len(frame)
    values = frame["name" if "name" in columns else columns[0]]
    texts = values.astype(object).where(values.notna(), "").tolist()
    return [str(text).strip() or None for text in texts]


def _checked(shape: BaseGeometry | None, place: str) -> MultiPolygon:
    if shape is None or shape.is_empty:
        raise BadArea(
            f"{place} has no geometry, or one that cannot be built, such as a ring that is not"
            " closed; draw or delete it"
        )
    if shape.geom_type not in {"Polygon", "MultiPolygon"}:
        raise BadArea(f"{place} is a {shape.geom_type}; an area of interest is a polygon")
    flat = shapely.force_2d(shape)
    if not np.isfinite(shapely.get_coordinates(flat)).all():
        raise BadArea(f"{place} has a coordinate that is no number; redraw it")
    return _repaired(flat, place)


def _on_earth(shape: BaseGeometry | None, place: str) -> MultiPolygon:
    if shape is None or not np.isfinite(shapely.get_coordinates(shape)).all():
        raise BadArea(f"{place} has no place in longitude and latitude; check its CRS")
    return _repaired(shape, place)


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
    """Lower-case ASCII letters, digits, - and _, beginning with a letter or digit.

    Accents are dropped. A name with letters of another script ends in a number made of the whole
    name: two such names never become one, and the same name is the same area again.
    """
    spelled = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    plain = spelled.encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9_]+", "-", plain).strip("-_") or "area"
    if not any(letter.isalnum() for letter in spelled if not letter.isascii()):
        return slug[:_NAME_LENGTH]
    whole = unicodedata.normalize("NFC", text).encode()
    return f"{slug[: _NAME_LENGTH - 9]}-{hashlib.sha256(whole).hexdigest()[:8]}"


def _unique(name: str, taken: set[str]) -> str:
    candidates = (f"{name[: _NAME_LENGTH - len(tail)]}{tail}" for tail in _tails())
    return next(candidate for candidate in candidates if candidate not in taken)


def _tails() -> Iterator[str]:
    yield ""
    for number in count(2):
        yield f"-{number}"
