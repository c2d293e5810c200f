"""Remote files that are read by byte ranges, with a check of their size in every response."""

from __future__ import annotations

from abc import ABC, abstractmethod

from tulip_ops.core.errors import ChecksumMismatch, UnreadableRaster


class SizedRangeFile(ABC):
    """A `range_reader.RangeFile` of a service that returns the file's size with every part."""

    def __init__(self, name: str, declared: int | None) -> None:
        """name: for messages, without secrets. declared: size in bytes according to the catalog."""
        self.name = name
        self._declared = declared
        self._size: int | None = None

    @abstractmethod
    def _part(self, start: int, stop: int) -> tuple[bytes, int]:
        """The bytes [start, stop), and the size of the file."""

    def read(self, start: int, stop: int) -> bytes:
        """As `RangeFile` says.

        `UnreadableRaster` if the file is empty, `ChecksumMismatch` if its size differs from the
        declared one or from earlier responses.
        """
        data, size = self._part(start, stop)
        expected = self._declared if self._size is None else self._size
        if size == 0:
            raise UnreadableRaster(f"{self.name} is empty")
        if expected is not None and size != expected:
            raise ChecksumMismatch(f"{self.name} has {size} bytes where {expected} were promised")
        self._size = size
        return data

    def size(self) -> int:
        """As `RangeFile` says."""
        if self._size is None:
            self.read(0, 1)
        return self._size or 0
