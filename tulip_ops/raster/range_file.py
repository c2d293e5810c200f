"""Remote files that are read by ranges, whose size must be the same in every answer."""

from __future__ import annotations

from abc import ABC, abstractmethod

from tulip_ops.core.errors import ChecksumMismatch, UnreadableRaster


class SizedRangeFile(ABC):
    """A `range_reader.RangeFile` of a service that says the file's size with every part."""

    def __init__(self, name: str, declared: int | None) -> None:
        """name: for people, without secrets. declared: size in bytes, as the catalog lists it."""
        self.name = name
        self._declared = declared
        self._size: int | None = None

    @abstractmethod
    def _part(self, start: int, stop: int) -> tuple[bytes, int]:
        """The bytes from `start` to before `stop`, and how many the file has."""

    def read(self, start: int, stop: int) -> bytes:
        """As `RangeFile` says.

        `UnreadableRaster` if the file is empty, `ChecksumMismatch` if its size is not the declared
        one or that of the answers before.
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
