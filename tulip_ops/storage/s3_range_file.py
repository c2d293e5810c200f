"""Objects of S3 that are read by byte ranges."""

from __future__ import annotations

from tulip_ops.core.errors import UnreadableRaster
from tulip_ops.raster.range_file import SizedRangeFile
from tulip_ops.storage.object_store import ObjectStore


class S3RangeFile(SizedRangeFile):
    """An S3 object that is read by byte ranges: a `range_reader.RangeFile`."""

    def __init__(self, places: ObjectStore, address: str, size: int | None = None) -> None:
        """size: as declared, in bytes."""
        super().__init__(address, size)
        self._places = places

    def _part(self, start: int, stop: int) -> tuple[bytes, int]:
        try:
            return self._places.read_range(self.name, start, stop)
        except FileNotFoundError as error:
            raise UnreadableRaster(f"{self.name} is not there") from error
