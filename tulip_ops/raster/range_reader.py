"""GDAL datasets on files that are read by byte ranges, exactly those that GDAL requests.

Replaces GDAL's readers for HTTP and S3, which hide the cause of a failed read, spend requests on a
file's size, ignore Retry-After and write signed URLs into the log.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Protocol

import rasterio
from rasterio.abc import MultiByteRangeResourceContainer
from rasterio.errors import RasterioError

from tulip_ops.core import watchdog
from tulip_ops.core.errors import UnreadableRaster

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

_CHUNK = 16384
"""Bytes per read of a header; larger than the header of a COG of a full tile with overviews."""
SIGNATURES = {
    b"II*\0": "GTiff",
    b"MM\0*": "GTiff",
    b"II+\0": "GTiff",
    b"MM\0+": "GTiff",
    b"\0\0\0\x0cjP  \r\n\x87\n": "JP2OpenJPEG",
    b"\xff\x4f\xff\x51": "JP2OpenJPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
}
"""GDAL's driver by the first bytes of a file. No format is here that names other files or hosts."""
SIGNATURE_LENGTH = max(map(len, SIGNATURES))


class RangeFile(Protocol):
    """A remote file."""

    name: str
    """For messages, without secrets."""

    def read(self, start: int, stop: int) -> bytes:
        """Bytes [start, stop), fewer only at the end of the file.

        Raises `TulipError` after its retries.
        """
        ...

    def size(self) -> int:
        """Size in bytes; needs no request after the first read."""
        ...


class CachedRangeFile:
    """A `RangeFile` that caches the last ranges, for neighbouring windows.

    Resampling two adjacent strips reads the blocks on their border twice. For one thread at a time.
    """

    def __init__(self, file: RangeFile, most_bytes: int = 12 << 20) -> None:
        """most_bytes: of the cache; a row of blocks of a full tile at 20 m has about 4 MB."""
        self.name = file.name
        self._file = file
        self._most = most_bytes
        self._kept: dict[tuple[int, int], bytes] = {}

    def read(self, start: int, stop: int) -> bytes:
        """As `RangeFile` says."""
        data = self._kept.pop((start, stop), None)
        if data is None:
            data = self._file.read(start, stop)
        self._kept[start, stop] = data  # the latest comes last
        while len(self._kept) > 1 and sum(map(len, self._kept.values())) > self._most:
            del self._kept[next(iter(self._kept))]
        return data

    def size(self) -> int:
        """As `RangeFile` says."""
        return self._file.size()


def driver_of(head: bytes, name: str) -> str:
    """The only driver of GDAL that may open a file which begins so; else `UnreadableRaster`.

    GDAL would try all of its drivers: one of them reads a VRT, a short text that makes GDAL open
    any other file, host or program that it names, under whatever suffix it comes.
    """
    for signature, driver in SIGNATURES.items():
        if head.startswith(signature):
            return driver
    raise UnreadableRaster(
        f"{name} cannot be read as a raster: it is no GeoTIFF, JPEG 2000, PNG or JPEG, or it is"
        " truncated; fetch it again, or convert it with gdal_translate"
    )


@contextmanager
def open_dataset(file: RangeFile) -> Iterator[DatasetReader]:
    """Open the file as a GDAL dataset. Errors of `file` take precedence over GDAL's."""
    container = _Container(file)
    head = container.chunked(0, SIGNATURE_LENGTH)
    if container.failure is not None:
        raise container.failure
    driver = driver_of(head, file.name)
    try:
        with (
            rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"),  # it has no sidecars
            rasterio.open(container.name, driver=driver, opener=container) as source,
        ):
            yield source
    except RasterioError as error:
        if container.failure is not None:
            raise container.failure from error
        raise
    if container.failure is not None:
        raise container.failure


class _Container(MultiByteRangeResourceContainer):  # type: ignore[misc]  # rasterio has no types
    """One file, which GDAL may open several times; chunks of it are shared."""

    def __init__(self, file: RangeFile) -> None:
        self.file = file
        self.name = PurePosixPath(file.name).name  # GDAL recognizes some formats by the suffix
        self.failure: Exception | None = None
        self._chunks: dict[int, bytes] = {}

    def chunked(self, start: int, stop: int) -> bytes:
        """A small read, from cached chunks."""
        first, last = start // _CHUNK, (stop - 1) // _CHUNK
        missing = [place for place in range(first, last + 1) if place not in self._chunks]
        if missing:
            # one request from the first to the last missing chunk, including those between
            begin, end = missing[0] * _CHUNK, (missing[-1] + 1) * _CHUNK
            data = self.exactly(begin, end)
            for place in range(missing[0], missing[-1] + 1):
                offset = place * _CHUNK - begin
                self._chunks[place] = data[offset : offset + _CHUNK]
        together = b"".join(self._chunks[place] for place in range(first, last + 1))
        return together[start - first * _CHUNK : stop - first * _CHUNK]

    def exactly(self, start: int, stop: int) -> bytes:
        """The bytes of the range that exist; none after a failed read.

        An exception must not pass through GDAL: it is stored, and raised by `open_dataset`.
        """
        if self.failure is not None:
            return b""
        try:
            data = self.file.read(start, stop)
        except Exception as error:  # noqa: BLE001 - raised again by `open_dataset`
            self.failure = error
            return b""
        watchdog.tick()
        return data

    def length(self) -> int:
        if self.failure is None:
            self.chunked(0, 1)
        return 0 if self.failure is not None else self.file.size()

    def open(self, path: str, mode: str = "r", **kwds: object) -> _Handle:  # noqa: ARG002
        if not self.isfile(path):
            raise FileNotFoundError(path)
        return _Handle(self)

    def isfile(self, path: str) -> bool:
        return PurePosixPath(path).name == self.name

    def isdir(self, path: str) -> bool:  # noqa: ARG002
        return False

    def ls(self, path: str) -> list[str]:  # noqa: ARG002
        return []

    def mtime(self, path: str) -> int:  # noqa: ARG002
        return 0

    def rm(self, path: str) -> None:
        raise PermissionError(path)

    def size(self, path: str) -> int:
        if not self.isfile(path):
            raise FileNotFoundError(path)
        return self.length()


class _Handle:
    """An open file with its position."""

    def __init__(self, container: _Container) -> None:
        self._container = container
        self._place = 0

    def __enter__(self) -> _Handle:
        return self

    def __exit__(self, *details: object) -> None:
        """Nothing stays open between two ranges."""

    def read(self, number: int = -1) -> bytes:
        stop = self._container.length() if number < 0 else self._place + number
        if stop <= self._place:
            return b""
        small = stop - self._place <= _CHUNK
        read = self._container.chunked if small else self._container.exactly
        data = read(self._place, stop)
        self._place += len(data)
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        base = (0, self._place, self._container.length() if whence == 2 else 0)[whence]
        self._place = base + offset
        return self._place

    def tell(self) -> int:
        return self._place

    def close(self) -> None:
        """As `__exit__`."""

    def get_byte_ranges(self, offsets: list[int], sizes: list[int]) -> list[bytes]:
        """Blocks of a COG; GDAL has merged adjacent ones, and relies on the lengths."""
        parts = []
        for offset, size in zip(offsets, sizes, strict=True):
            data = self._container.exactly(offset, offset + size)
            if len(data) < size and self._container.failure is None:
                self._container.failure = UnreadableRaster(
                    f"{self._container.file.name} is truncated: it ends after"
                    f" {self._container.file.size()} bytes, before the pixels that its header lists"
                )
            parts.append(data.ljust(size, b"\0"))
        return parts
