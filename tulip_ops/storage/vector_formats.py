"""Opens vector files with GDAL: only formats that name no other file, host or program."""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from tulip_ops.core.errors import BadInput

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

FORMATS = "GeoJSON, GeoPackage, KML, Shapefile, FlatGeobuf, GeoParquet, or one of these in a zip"
DRIVERS = frozenset(("GeoJSON", "GPKG", "KML", "ESRI Shapefile", "FlatGeobuf", "OpenFileGDB"))
_SUFFIXES = frozenset((".geojson", ".json", ".gpkg", ".kml", ".shp", ".fgb"))
"""Of files in a zip archive."""
_HEAD = 4096
"""Bytes in which a format shows itself."""
_KML = re.compile(rb"(?:<\?.*?\?>|<!--.*?-->|\s)*<(?:\w+:)?kml[\s>]", re.DOTALL)
"""An XML document whose first element is of KML."""
_FOREIGN = (b"OGRVRT", b"gdal_streamed_alg")
"""What makes other drivers of GDAL take a file for theirs, wherever it stands."""


@contextmanager
def translate_errors(path: Path, bad: type[BadInput]) -> Iterator[None]:
    """Turn errors of the libraries that read vector files into `bad`."""
    from pyogrio import errors  # noqa: PLC0415
    from pyproj.exceptions import ProjError  # noqa: PLC0415

    kinds = (errors.DataSourceError, errors.DataLayerError, errors.FeatureError,
             errors.GeometryError, pa.ArrowException, OSError, ValueError,
             zipfile.BadZipFile)  # fmt: skip
    try:
        yield
    except ProjError as error:
        raise bad(
            f"{path} has a CRS without a place on the Earth ({error}); assign the one of the map,"
            " as ogr2ogr -a_srs does"
        ) from error
    except kinds as error:
        raise bad(f"{path} cannot be read as a vector file ({error}); use {FORMATS}") from error


def layers(path: Path, bad: type[BadInput]) -> Iterator[tuple[str, GeoDataFrame]]:
    """(place for messages, rows) of each layer that has geometries, without tables such as styles.

    A geometry that cannot be built, such as a ring that is not closed, is None.
    """
    # importing geopandas takes over a second, and steps that read only Parquet do not need it
    import geopandas  # noqa: PLC0415

    with translate_errors(path, bad):
        if _is_parquet(path):
            yield str(path), geopandas.read_parquet(path)
            return
        datasets = addresses(path)
        for dataset in datasets:
            found = geopandas.list_layers(dataset)
            drawn = [name for name, kind in zip(found["name"], found["geometry_type"], strict=True)
                     if kind is not None]  # fmt: skip
            for layer in drawn:
                alone = len(datasets) == len(drawn) == 1
                place = str(path) if alone else f"layer {layer} of {path}"
                yield place, read_layer(dataset, layer)


def read_layer(dataset: str, layer: str, **options: Any) -> GeoDataFrame:
    """The rows of a layer; a geometry that cannot be built is None. options: of pyogrio."""
    import geopandas  # noqa: PLC0415

    with warnings.catch_warnings():
        # the caller names the feature, which the warning does not
        warnings.simplefilter("ignore", RuntimeWarning)
        return geopandas.read_file(
            dataset, layer=layer, engine="pyogrio", on_invalid="ignore", **options
        )


def addresses(path: Path) -> list[str]:
    """What pyogrio may open of a file: itself, or the vector files in a zip archive.

    GDAL would try all of its drivers, and some of them read a text that names other files, hosts
    or programs, under whatever suffix it comes. `ValueError` or `OSError` for such and others.
    """
    whole = path.absolute()
    if whole.is_dir() and whole.suffix.lower() == ".gdb":
        return [_checked(str(whole))]
    if not whole.is_file():
        raise FileNotFoundError("it is missing, or no regular file")
    with whole.open("rb") as file:
        head = file.read(_HEAD)
    if not head.startswith(b"PK\3\4"):
        return [_address(str(whole), head)]
    found = [_address(f"/vsizip/{{{whole}}}/{name}", start) for name, start in _members(whole)]
    if not found:
        raise ValueError("the zip archive holds no vector file")
    return found


def _members(path: Path) -> Iterator[tuple[str, bytes]]:
    """(name, first bytes) of the vector files of a zip archive, in whichever folders."""
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            hidden = name.startswith("__MACOSX/")
            if PurePosixPath(name).suffix.lower() in _SUFFIXES and not hidden:
                with archive.open(name) as file:
                    yield name, file.read(_HEAD)
        folders = {part for name in archive.namelist() for part in PurePosixPath(name).parents}
        for folder in sorted(folders):
            if folder.suffix.lower() == ".gdb":
                yield str(folder), b""


def _address(place: str, head: bytes) -> str:
    """The address with which GDAL takes the one driver that its first bytes show."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not any(word in head for word in _FOREIGN):
        if text.startswith(b"{"):
            return _checked(f"GeoJSON:{place}")
        binary = (
            (head.startswith(b"SQLite format 3\0") and head[68:70] == b"GP")
            or head.startswith((b"fgb", b"\0\0\x27\x0a"))
            or (place.endswith(".gdb") and not head)
        )
        if binary or _KML.match(text):
            return _checked(place)
    raise ValueError(f"{PurePosixPath(place).name} is of another kind")


def _checked(address: str) -> str:
    import pyogrio  # noqa: PLC0415

    driver = pyogrio.read_info(address, layer=0)["driver"]
    if driver not in DRIVERS:
        raise ValueError(f"GDAL takes it for {driver}")
    return address


def _is_parquet(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"
