"""Reads an archive's scenes: files in a folder, in S3 or on the web, with verification."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tulip_ops.core import concurrency
from tulip_ops.core.errors import UnreadableRaster
from tulip_ops.raster import reader
from tulip_ops.raster import reflectance as radiometry
from tulip_ops.raster.grid import Grid
from tulip_ops.raster.range_reader import RangeFile
from tulip_ops.sources.http_client import HttpClient, HttpRangeFile
from tulip_ops.sources.integrity import check_bytes, check_size
from tulip_ops.sources.read_cache import ReadCache
from tulip_ops.sources.stac_bands import SceneBand
from tulip_ops.sources.stac_item import StacScene
from tulip_ops.storage.addresses import is_s3
from tulip_ops.storage.object_store import ObjectStore
from tulip_ops.storage.s3_range_file import S3RangeFile

if TYPE_CHECKING:
    from numpy.typing import NDArray

_AT_ONCE = 4
"""Files read in parallel; their values go into one array, which bounds the memory."""
_OFFSET_BANDS = ("blue", "green", "red", "nir")
"""Bands that reveal a radiometric offset."""


class SceneReader:
    """Reads scenes of one archive; remembers which files it has verified."""

    def __init__(self, places: ObjectStore) -> None:
        self._places = places
        self._web = HttpClient("that its archive may be read without credentials")
        self._verified: set[tuple[str, int, int]] = set()

    def read(
        self, scene: StacScene, grid: Grid, parts: ReadCache
    ) -> tuple[NDArray[np.float32], tuple[str, ...]]:
        """Reflectance on `grid` and its bands, as `Source.read` says.

        Files in a folder are verified by the size and checksum that the item declares; other files
        are read by windows and verified by size only.
        """
        names = tuple(scene.bands)
        groups = _grouped(names, lambda name: _file_and_encoding(scene.bands[name]))
        reflectance = (
            self._together(scene, groups, grid, parts)
            if len(groups) > 1
            else self._group(scene, names, grid, parts)
        )
        checked = [name for name in names if name in _OFFSET_BANDS] or names
        for group in _grouped(checked, lambda name: _encoding(scene.bands[name])):
            scale, offset, _ = _encoding(scene.bands[group[0]])
            values = reflectance[[names.index(name) for name in group]]
            where = f"{scene.id} ({scene.address})"
            radiometry.check_offset(values, group, scale=scale, offset=offset, name=where)
        return reflectance, names

    def _together(
        self, scene: StacScene, groups: Sequence[Sequence[str]], grid: Grid, parts: ReadCache
    ) -> NDArray[np.float32]:
        """All bands in the order of the scene, groups read in parallel."""
        names = tuple(scene.bands)
        reflectance = np.empty((len(names), *grid.shape), dtype=np.float32)

        def fill(group: Sequence[str]) -> None:
            places = [names.index(name) for name in group]
            reflectance[places] = self._group(scene, group, grid, parts)

        concurrency.for_each(fill, groups, _AT_ONCE)
        return reflectance

    def _group(
        self, scene: StacScene, group: Sequence[str], grid: Grid, parts: ReadCache
    ) -> NDArray[np.float32]:
        """Bands of one file and one encoding, (len(group), *grid.shape)."""
        bands = [scene.bands[name] for name in group]
        band, key = bands[0], " ".join(group)
        file = self._file(band)
        cached = None if isinstance(file, str) else parts.get(key)
        if cached is not None:
            return cached
        scale, offset, nodata = _encoding(band)
        values = reader.read_warped(
            [(file, band.index) for band in bands],
            grid,
            scale=scale,
            offset=offset,
            nodata=nodata,
            expected=reader.ExpectedGrid(
                band.declared.epsg, band.declared.shape, band.declared.transform
            ),
        )
        if not isinstance(file, str):
            parts.put(key, values)
        return values

    def _file(self, band: SceneBand) -> str | RangeFile:
        """A verified path, or a file read by ranges."""
        href, declared = band.href, band.declared
        if is_s3(href):
            return S3RangeFile(self._places, href, declared.size)
        if href.startswith(("http://", "https://")):
            return HttpRangeFile(self._web, href, size=declared.size)
        try:
            facts = Path(href).stat()
            if (href, facts.st_size, facts.st_mtime_ns) not in self._verified:
                check_size(facts.st_size, declared, href)
                check_bytes(Path(href), declared)
                self._verified.add((href, facts.st_size, facts.st_mtime_ns))
        except OSError as error:
            raise UnreadableRaster(
                f"{href} cannot be read ({error.strerror}); fetch or make it again"
            ) from error
        return href


def _encoding(band: SceneBand) -> tuple[float, float, float | None]:
    return band.scale, band.offset, band.nodata


def _file_and_encoding(band: SceneBand) -> tuple[object, ...]:
    return band.href, *_encoding(band)


def _grouped(names: Iterable[str], by: Callable[[str], object]) -> list[list[str]]:
    """Groups of names with equal `by`, in order."""
    groups: dict[object, list[str]] = {}
    for name in names:
        groups.setdefault(by(name), []).append(name)
    return list(groups.values())
