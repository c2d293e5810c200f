"""Rasters in and out: the one door to rasterio.

Arrays are (bands, height, width). Reflectance is float32 where 1.0 is 100 %, probability is
float32 in [0, 1], and NaN stands where nothing was measured.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, MaskFlags, Resampling
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.features import rasterize, shapes
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform as transform_points
from rasterio.windows import Window
from shapely.geometry import Polygon, shape

from tulip_ops import radiometry, ranges
from tulip_ops.errors import BandMissing, TulipError, UnreadableRaster, WrongGrid
from tulip_ops.grid import Grid
from tulip_ops.radiometry import DN_NODATA, DN_OFFSET, DN_SCALE
from tulip_ops.ranges import RangeFile

if TYPE_CHECKING:
    from rasterio.io import DatasetReader, DatasetWriter
    from shapely.geometry.base import BaseGeometry

PROBABILITY_STEPS = 250
"""On disk probability is uint8: probability = value / PROBABILITY_STEPS."""
PROBABILITY_NODATA = 255

Float = NDArray[np.float32]

_FINER = 1.05
"""Source pixels per grid pixel from which averaging beats interpolating."""
_ROUNDED = 1e-3
"""Pixels by which a raster may lie beside where its metadata say, for rounding."""
_BLOCK = 512
_CACHE = 256
"""Megabytes of blocks that GDAL keeps while it writes, instead of a share of the machine's."""
_THREADS = 2
"""That compress blocks; one more reads what they compress."""


@dataclass(frozen=True, slots=True)
class RasterFacts:
    """What a raster's header says."""

    epsg: int | None
    """None where it has no CRS, or one outside the EPSG registry."""
    transform: tuple[float, float, float, float, float, float]
    """From (column, row) to (x, y): the first two rows of the affine matrix."""
    shape: tuple[int, int]
    """(height, width)"""
    bounds: tuple[float, float, float, float]
    """(left, bottom, right, top)"""
    dtype: str
    """Of the first band, as NumPy names it."""
    bands: tuple[str, ...]
    """Descriptions of the bands without alpha, "" where a band has none."""
    has_alpha: bool
    nodata: float | None
    scale: float
    offset: float
    """Of the first band: value * scale + offset."""
    taken: str | None
    """TIFFTAG_DATETIME: `YYYY:MM:DD hh:mm:ss`, in practice of the file rather than the scene."""


def look(href: str) -> RasterFacts:
    """Read a raster's header; `UnreadableRaster`."""
    with _opened(href) as source:
        colours = [index for index in source.indexes if not _is_alpha(source, index)]
        return RasterFacts(
            epsg=source.crs.to_epsg() if source.crs else None,
            transform=tuple(source.transform)[:6],
            shape=source.shape,
            bounds=tuple(source.bounds),
            dtype=source.dtypes[0],
            bands=tuple(source.descriptions[index - 1] or "" for index in colours),
            has_alpha=len(colours) < source.count,
            nodata=source.nodata,
            scale=source.scales[0],
            offset=source.offsets[0],
            taken=source.tags().get("TIFFTAG_DATETIME"),
        )


@dataclass(frozen=True, slots=True)
class Promise:
    """What metadata say of a raster's place; None where they say nothing."""

    epsg: int | None = None
    shape: tuple[int, int] | None = None
    """(height, width)"""
    transform: tuple[float, ...] | None = None
    """From (column, row) to (x, y): six numbers, as in `RasterFacts`."""


def read_onto(
    sources: Sequence[tuple[str | RangeFile, int]],
    grid: Grid,
    *,
    scale: float = 1.0,
    offset: float = 0.0,
    nodata: float | None = None,
    promise: Promise | None = None,
) -> Float:
    """Warp bands of rasters in any CRS onto `grid`; value = stored * scale + offset.

    sources: (href or file, band index from 1) pairs. nodata: stored value that means nothing was
    measured; None takes what the file declares (nodata value, alpha or internal mask). promise:
    where every source must lie, else `WrongGrid`.
    Returns (len(sources), height, width) float32, NaN where nothing was measured or a source
    does not reach.

    A pixel is the average of the source's pixels where these are finer on the ground, and
    interpolated bilinearly otherwise; pixels without a measurement take no part in either. It
    is measured where its centre was, so areas are kept.
    Reads no more of a source than the grid needs. `UnreadableRaster`, `BandMissing`.
    """
    values = np.empty((len(sources), *grid.shape), dtype=np.float32)
    for href in dict.fromkeys(href for href, _ in sources):
        places = [place for place, source in enumerate(sources) if source[0] == href]
        indexes = [sources[place][1] for place in places]
        with _opened(href) as source:
            absent = [index for index in indexes if not 1 <= index <= source.count]
            if absent:
                raise BandMissing(f"{_name(href)} has {source.count} bands, no band {absent[0]}")
            _require_kept(promise, source, _name(href))
            corner = _aligned(source, grid, nodata)
            if corner is not None:
                for place, index in zip(places, indexes, strict=True):
                    _cut(source, index, corner, nodata, values[place])
                continue
            options = _warp_options(source, grid, nodata)
            with WarpedVRT(source, **options) as warped:
                # band by band into place: one copy of the pixels, not two
                for place, index in zip(places, indexes, strict=True):
                    warped.read(index, out=values[place])
            if options["resampling"] == Resampling.average:
                # an average is there wherever it touches a measurement: half a pixel too far
                with WarpedVRT(source, **options | {"resampling": Resampling.nearest}) as centres:
                    for place, index in zip(places, indexes, strict=True):
                        values[place][np.isnan(centres.read(index))] = np.nan
    values *= np.float32(scale)
    values += np.float32(offset)
    return values


def _aligned(source: DatasetReader, grid: Grid, nodata: float | None) -> tuple[int, int] | None:
    """Row and column of the grid's corner in a source whose pixels are the grid's; else None.

    Nothing is resampled then, and no pixel around the grid is needed: of a COG that means whole
    blocks. Sources that mark what was not measured by a mask are left to the warper.
    """
    own, wanted = source.transform, grid.transform
    if source.crs is None or source.crs.to_epsg() != grid.epsg or _has_alpha(source):
        return None
    if _declared(source, nodata) is None and MaskFlags.per_dataset in source.mask_flag_enums[0]:
        return None
    if not np.allclose((own.a, own.b, own.d, own.e), (wanted.a, 0, 0, wanted.e), rtol=1e-9):
        return None
    row, column = (wanted.f - own.f) / own.e, (wanted.c - own.c) / own.a
    near = (round(row), round(column))
    return near if np.allclose((row, column), near, rtol=0, atol=_ROUNDED) else None


def _cut(
    source: DatasetReader,
    index: int,
    corner: tuple[int, int],
    nodata: float | None,
    out: Float,
) -> None:
    """The pixels from `corner` on into `out`, (height, width); NaN beyond the source."""
    out[...] = math.nan
    first = [max(0, place) for place in corner]
    last = [
        min(size, place + length)
        for size, place, length in zip(source.shape, corner, out.shape, strict=True)
    ]
    height, width = (stop - start for start, stop in zip(first, last, strict=True))
    if height > 0 and width > 0:
        stored = source.read(index, window=Window(first[1], first[0], width, height))
        inside = out[first[0] - corner[0] :, first[1] - corner[1] :][:height, :width]
        inside[...] = stored
        missing = _declared(source, nodata)
        if missing is not None:
            inside[stored == missing] = math.nan


def read_pixels(path: Path) -> Float:
    """Every band but alpha, as stored, of a raster that need not lie anywhere on the Earth.

    PNG, JPEG, TIFF and whatever else GDAL reads; JPEGs in CMYK come as red, green and blue.
    Returns (bands, height, width) float32, NaN where the file declares that nothing was measured
    (nodata value, alpha or internal mask). `UnreadableRaster`.
    """
    with _opened(str(path)) as source:
        colours = [index for index in source.indexes if not _is_alpha(source, index)]
        values = source.read(colours, out_dtype="float32")
        values[source.read_masks(colours) == 0] = np.nan
        return cast("Float", values)


def write_reflectance(
    path: Path,
    reflectance: Float,
    grid: Grid,
    bands: Sequence[str],
    *,
    offset: float = DN_OFFSET,
) -> None:
    """Write a COG of uint16: reflectance = DN * 1e-4 + offset, DN 0 where not measured.

    reflectance: (len(bands), *grid.shape) float32, NaN where not measured; kept to half a DN
    within [offset + 1e-4, offset + 6.5535] and clipped to that.
    """
    encoding = replace(
        _REFLECTANCE, offset=offset, encode=partial(radiometry.encode, offset=offset)
    )
    _write(path, [reflectance], grid, bands, encoding)


def write_reflectance_strips(
    path: Path, strips: Iterable[Float], grid: Grid, bands: Sequence[str]
) -> None:
    """As `write_reflectance`, from parts of it one below the other, as `grid.strips` cuts them.

    No more than one of them needs to be in memory.
    """
    _write(path, strips, grid, bands, _REFLECTANCE)


def read_reflectance(path: Path) -> tuple[Float, tuple[str, ...], Grid]:
    """What `write_reflectance` wrote, to half a DN: reflectance, band names, grid."""
    return _read(path, DN_NODATA, DN_SCALE, DN_OFFSET)


class Stored:
    """A raster that was written here, read piece by piece as it is stored."""

    def __init__(self, source: DatasetReader) -> None:
        self._source = source
        self.grid = _grid(source)
        self.bands = tuple(name or "" for name in source.descriptions)

    def rows(self, first: int, last: int, places: Sequence[int] | None = None) -> NDArray[Any]:
        """Rows from `first` to before `last`: (bands, rows, width), in the file's own type.

        places: which bands, counted from 0; None: all.
        """
        return self.window((first, last), (0, self.grid.width), places)

    def window(
        self, rows: tuple[int, int], columns: tuple[int, int], places: Sequence[int] | None = None
    ) -> NDArray[Any]:
        """The same of some columns alone; both first and one past the last."""
        indexes = self._source.indexes if places is None else [place + 1 for place in places]
        with _reading(self._source.name):
            window = Window.from_slices(rows, columns)
            return cast("NDArray[Any]", self._source.read(indexes, window=window))


@contextmanager
def stored(path: Path) -> Iterator[Stored]:
    """What `write_reflectance` or `write_probability` wrote; `UnreadableRaster`.

    One thread at a time may read.
    """
    with rasterio.Env(GDAL_CACHEMAX=_CACHE), _opened(str(path)) as source:
        yield Stored(source)


def read_reflectance_onto(sources: Sequence[tuple[str, int]], grid: Grid) -> Float:
    """Bands of what `write_reflectance` wrote, on another grid, as `read_onto` has it."""
    return read_onto(sources, grid, scale=DN_SCALE, offset=DN_OFFSET, nodata=DN_NODATA)


def write_probability(path: Path, probability: Float, grid: Grid, names: Sequence[str]) -> None:
    """Write a COG of uint8: probability = value / 250, 255 where there is none.

    probability: (len(names), *grid.shape) float32 in [0, 1], NaN where there is none.
    """
    _write(path, [probability], grid, names, _PROBABILITY)


def read_probability(path: Path) -> tuple[Float, Grid]:
    """What `write_probability` wrote, to half of 1/250: probability and grid."""
    probability, _, grid = _read(path, PROBABILITY_NODATA, 1 / PROBABILITY_STEPS, 0.0)
    return probability, grid


class ProbabilityWriter:
    """Takes what `writing_probability` writes, piece by piece."""

    def __init__(self, target: DatasetWriter) -> None:
        self._target = target

    def write(self, probability: Float, row: int, column: int) -> None:
        """(bands, rows, columns) to its place; what is never written is nowhere."""
        height, width = probability.shape[1:]
        window = Window(column, row, width, height)
        self._target.write(_as_steps(probability), window=window)


@contextmanager
def writing_probability(
    path: Path, grid: Grid, names: Sequence[str]
) -> Iterator[ProbabilityWriter]:
    """As `write_probability`, from pieces in any order, written by one thread at a time."""
    with _drafting(path, grid, names, _PROBABILITY) as target:
        yield ProbabilityWriter(target)


def decode_probability(stored: NDArray[np.uint8]) -> Float:
    """What `write_probability` stored, of any shape: float32, NaN where there is none."""
    return _STEPS[stored]


def write_labels(path: Path, labels: NDArray[np.uint8], grid: Grid, names: Sequence[str]) -> None:
    """Write a COG of uint8 values that stand for themselves: (len(names), *grid.shape)."""
    _write(path, [labels], grid, names, _LABELS)


def band_names(path: Path) -> tuple[str, ...]:
    """Descriptions of the bands, in order; `UnreadableRaster`."""
    return look(str(path)).bands


def copy_as_cog(
    source: Path,
    target: Path,
    *,
    names: Sequence[str],
    scale: float,
    offset: float,
    nodata: float | None,
) -> None:
    """Copy a raster's pixels unchanged into a COG in its own CRS.

    names, scale, offset and nodata (None: as declared) go into the copy's header; an alpha
    band stays behind the named ones. Reads every pixel: a truncated file is `UnreadableRaster`.
    """
    with _opened(str(source)) as original, _scratch(target) as draft:
        profile = original.profile | _TILED | {"nodata": _declared(original, nodata)}
        with rasterio.open(draft, "w", **profile) as copy:
            copy.colorinterp = original.colorinterp
            _describe(copy, names, scale, offset)
            masked = MaskFlags.per_dataset in original.mask_flag_enums[0]
            for _, window in copy.block_windows(1):
                with _reading(str(source)):
                    pixels = original.read(window=window)
                copy.write(pixels, window=window)
                if masked and not _has_alpha(original):
                    copy.write_mask(original.dataset_mask(window=window), window=window)
        _as_cog(draft, target, Resampling.average)


def copy_onto(source: Path, target: Path, place: RasterFacts) -> None:
    """Copy 8-bit pixels unchanged into a GeoTIFF that lies where `place`, of the same size, does.

    `UnreadableRaster`.
    """
    with _opened(str(source)) as image:
        colours = [index for index in image.indexes if not _is_alpha(image, index)]
        profile = {
            "driver": "GTiff",
            "width": image.width,
            "height": image.height,
            "count": len(colours),
            "dtype": "uint8",
            "crs": f"EPSG:{place.epsg}",
            "transform": rasterio.Affine(*place.transform[:6]),
        }
        with rasterio.open(target, "w", **profile) as written:
            written.write(image.read(colours))


def trace(present: NDArray[np.bool_], grid: Grid) -> list[Polygon]:
    """The outlines of what is present, along pixel edges, in the CRS of `grid`.

    present: (height, width) bool. Pixels that share an edge are one polygon, those that share
    a corner only are two; holes are kept. `burn(trace(p, grid), grid) >= 0` equals p.
    """
    found = shapes(present.astype(np.uint8), mask=present, connectivity=4, transform=grid.transform)
    return [cast("Polygon", shape(outline)) for outline, _ in found]


def burn(geometries: Sequence[BaseGeometry], grid: Grid) -> NDArray[np.int32]:
    """Which geometry lies at each pixel's centre.

    geometries: polygons in the CRS of `grid`.
    Returns (height, width) int32: position in `geometries`, the last one where several
    overlap, -1 where there is none.
    """
    numbered = [
        (geometry, number) for number, geometry in enumerate(geometries) if not geometry.is_empty
    ]
    nowhere = np.full(grid.shape, -1, dtype=np.int32)
    if numbered:
        rasterize(numbered, out=nowhere, transform=grid.transform)
    return nowhere


@dataclass(frozen=True, slots=True)
class _Encoding:
    dtype: str
    nodata: float | None
    scale: float
    offset: float
    overviews: Resampling
    encode: Callable[[NDArray[Any]], NDArray[Any]]


def _as_steps(probability: Float) -> NDArray[np.uint8]:
    numbers = np.rint(probability * PROBABILITY_STEPS).clip(0, PROBABILITY_STEPS)
    return np.where(np.isnan(probability), PROBABILITY_NODATA, numbers).astype(np.uint8)


_STEPS = np.arange(256, dtype=np.float32) * np.float32(1 / PROBABILITY_STEPS)
_STEPS[PROBABILITY_NODATA] = np.nan
_REFLECTANCE = _Encoding(
    "uint16", DN_NODATA, DN_SCALE, DN_OFFSET, Resampling.average, radiometry.encode
)
_PROBABILITY = _Encoding(
    "uint8", PROBABILITY_NODATA, 1 / PROBABILITY_STEPS, 0.0, Resampling.nearest, _as_steps
)
_LABELS = _Encoding("uint8", None, 1.0, 0.0, Resampling.nearest, np.asarray)
_TILED: Mapping[str, Any] = {
    "driver": "GTiff",
    "tiled": True,
    "blockxsize": _BLOCK,
    "blockysize": _BLOCK,
    "compress": None,
    "interleave": "pixel",
    "BIGTIFF": "IF_SAFER",
}


@contextmanager
def _opened(href: str | RangeFile) -> Iterator[DatasetReader]:
    with (
        _reading(_name(href)),
        rasterio.Env(**_options(href)),
        _plainly(href) if isinstance(href, str) else ranges.opened(href) as source,
    ):
        yield source


def _plainly(href: str) -> DatasetReader:
    with warnings.catch_warnings():
        # pictures to learn from may lie nowhere; whatever needs a place asks for a CRS
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return rasterio.open(href)


def _name(href: str | RangeFile) -> str:
    return href if isinstance(href, str) else href.name


def _require_kept(promise: Promise | None, source: DatasetReader, name: str) -> None:
    if promise is None:
        return
    epsg = source.crs.to_epsg() if source.crs else None
    transform = tuple(source.transform)[:6]
    near = _ROUNDED * abs(source.transform.a)
    facts = (
        (promise.epsg, epsg, "EPSG code"),
        (promise.shape, source.shape, "height and width"),
        (promise.transform, transform, "transform"),
    )
    for told, found, what in facts:
        if told is None or (found is not None and np.allclose(told, found, rtol=0, atol=near)):
            continue
        raise WrongGrid(
            f"{name} has the {what} {found} where its metadata promise {told}; its pixels would"
            " be put in the wrong place: fetch the scene from another source"
        )


@contextmanager
def _reading(href: str) -> Iterator[None]:
    """Errors of the library inside become `UnreadableRaster`."""
    try:
        yield
    except RasterioError as error:
        raise UnreadableRaster(
            f"{href} cannot be read as a raster ({error.__cause__ or error}); it is missing,"
            " truncated or of another kind: fetch or make it again"
        ) from error


def _options(href: str | RangeFile) -> dict[str, str]:
    # never look for sidecars beside a file elsewhere: needless requests for each
    return {} if isinstance(href, str) else {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR"}


def _warp_options(source: DatasetReader, grid: Grid, nodata: float | None) -> dict[str, Any]:
    if source.crs is None:
        raise UnreadableRaster(f"{source.name} has no CRS; assign one, as gdal_edit -a_srs does")
    finer = _source_pixels_per_pixel(source, grid) > _FINER
    return {
        "crs": f"EPSG:{grid.epsg}",
        "transform": grid.transform,
        "width": grid.width,
        "height": grid.height,
        "resampling": Resampling.average if finer else Resampling.bilinear,
        "dtype": "float32",
        "src_nodata": _declared(source, nodata),
        "nodata": math.nan,
        # a dark pixel is zero in one band: it is missing only where that band misses it
        "UNIFIED_SRC_NODATA": "NO",
    }


def _source_pixels_per_pixel(source: DatasetReader, grid: Grid) -> float:
    """How many source pixels cover a pixel in the middle of the grid, whatever the two CRS."""
    left, bottom, right, top = grid.bounds
    x, y, side = (left + right) / 2, (bottom + top) / 2, grid.resolution
    (x0, x1, x2), (y0, y1, y2) = transform_points(
        f"EPSG:{grid.epsg}", source.crs, [x, x + side, x], [y, y, y + side]
    )
    ground = abs((x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0))
    return float(ground / abs(source.transform.determinant))


def _declared(source: DatasetReader, nodata: float | None) -> float | None:
    value = source.nodata if nodata is None else nodata
    return None if value is None else float(value)


def _is_alpha(source: DatasetReader, index: int) -> bool:
    return bool(source.colorinterp[index - 1] == ColorInterp.alpha)


def _has_alpha(source: DatasetReader) -> bool:
    return any(_is_alpha(source, index) for index in source.indexes)


def _read(
    path: Path, nodata: float, scale: float, offset: float
) -> tuple[Float, tuple[str, ...], Grid]:
    with _opened(str(path)) as source:
        values = np.empty((source.count, *source.shape), dtype=np.float32)
        for index in source.indexes:
            stored = source.read(index)
            np.multiply(stored, np.float32(scale), out=values[index - 1])
            values[index - 1] += np.float32(offset)
            values[index - 1][stored == nodata] = np.nan
        return values, tuple(name or "" for name in source.descriptions), _grid(source)


def _grid(source: DatasetReader) -> Grid:
    return Grid(
        epsg=source.crs.to_epsg(),
        left=source.transform.c,
        top=source.transform.f,
        width=source.width,
        height=source.height,
        resolution=source.transform.a,
    )


def _write(
    path: Path,
    strips: Iterable[NDArray[Any]],
    grid: Grid,
    names: Sequence[str],
    encoding: _Encoding,
) -> None:
    with _drafting(path, grid, names, encoding) as target:
        top = 0
        for values in strips:
            if values.shape[::2] != (len(names), grid.width):
                raise ValueError(f"{values.shape} is not ({len(names)}, rows, {grid.width})")
            for row in range(0, values.shape[1], _BLOCK):
                rows = encoding.encode(values[:, row : row + _BLOCK])
                target.write(rows, window=Window(0, top, grid.width, rows.shape[1]))
                top += rows.shape[1]
            del values  # the next strip is made without this one in memory
        if top != grid.height:
            raise ValueError(f"{top} rows are not {grid.height}")


@contextmanager
def _drafting(
    path: Path, grid: Grid, names: Sequence[str], encoding: _Encoding
) -> Iterator[DatasetWriter]:
    """A raster to write to, which becomes a COG at the end."""
    profile = {
        "width": grid.width,
        "height": grid.height,
        "count": len(names),
        "dtype": encoding.dtype,
        "crs": f"EPSG:{grid.epsg}",
        "transform": grid.transform,
        "nodata": encoding.nodata,
    }
    with _scratch(path) as draft, rasterio.Env(GDAL_CACHEMAX=_CACHE):
        with rasterio.open(draft, "w", **_TILED, **profile) as target:
            _describe(target, names, encoding.scale, encoding.offset)
            yield target
        _as_cog(draft, path, encoding.overviews)


def _describe(target: DatasetWriter, names: Sequence[str], scale: float, offset: float) -> None:
    for index, name in enumerate(names, start=1):
        target.set_band_description(index, name)
    target.scales = [scale] * target.count
    target.offsets = [offset] * target.count


@contextmanager
def _scratch(path: Path) -> Iterator[Path]:
    """A file for the draft of a COG: GDAL makes COGs from finished rasters only."""
    draft = path.with_name(path.name + ".draft")
    try:
        yield draft
    except RasterioError as error:
        raise TulipError(
            f"{path} cannot be written ({error.__cause__ or error});"
            " check the disk's space and the folder's rights"
        ) from error
    finally:
        draft.unlink(missing_ok=True)


def _as_cog(draft: Path, path: Path, overviews: Resampling) -> None:
    # compressed, overviews under way are written again and again, each time to another place
    with rasterio.Env(COG_TMP_COMPRESSION="NONE"):
        rasterio.shutil.copy(
            draft,
            path,
            driver="COG",
            compress="DEFLATE",  # every GDAL build can open it, unlike ZSTD
            level=1,  # on imagery no larger than level 6, and faster
            predictor="STANDARD",
            blocksize=_BLOCK,
            num_threads=_THREADS,
            overview_resampling=overviews.name,
        )
