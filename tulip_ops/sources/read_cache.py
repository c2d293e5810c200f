"""Cache of an unfinished read, so that a restart repeats no finished request."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Protocol

import numpy as np

from tulip_ops.storage.addresses import join_address
from tulip_ops.storage.object_store import ObjectStore

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DIGEST = hashlib.sha256().digest_size
_ONE_HEADER = Lock()
"""NumPy parses headers as Python, which CPython 3.11 fails to do in several threads at once, with a
rare SystemError."""


class ReadCache(Protocol):
    """Arrays by keys that the source chooses: one per request, or per band and window.

    They belong to one acquisition as its source describes it now, and to one grid. Several
    threads may store different keys at once.
    """

    def get(self, key: str) -> NDArray[np.float32] | None:
        """The array stored under `key`, bit for bit; None if there is none, or it is damaged."""
        ...

    def put(self, key: str, values: NDArray[np.float32]) -> None:
        """Store `values`, of any shape, atomically; replaces an older array."""
        ...


class MemoryReadCache:
    """A cache within this process: for reads that are not repeated."""

    def __init__(self) -> None:
        self._kept: dict[str, NDArray[np.float32]] = {}

    def get(self, key: str) -> NDArray[np.float32] | None:
        """As `ReadCache` says."""
        return self._kept.get(key)

    def put(self, key: str, values: NDArray[np.float32]) -> None:
        """As `ReadCache` says."""
        self._kept[key] = values.copy()


class StoredReadCache:
    """A cache below an address, a folder or s3://bucket/prefix, that survives a kill.

    A file is an array as NumPy's .npy, and the sha256 of the array's bytes after it.
    """

    def __init__(self, address: str, places: ObjectStore) -> None:
        self._address = address
        self._places = places

    def get(self, key: str) -> NDArray[np.float32] | None:
        """As `ReadCache` says; `StoreUnavailable`."""
        with tempfile.TemporaryDirectory() as scratch:
            try:
                path = self._places.local_copy(self._file(key), Path(scratch))
            except FileNotFoundError:
                return None
            return _whole_array(path)

    def put(self, key: str, values: NDArray[np.float32]) -> None:
        """As `ReadCache` says; `StoreUnavailable`."""
        solid = np.ascontiguousarray(values)
        with (
            tempfile.TemporaryDirectory() as scratch,
            self._places.writing(self._file(key), Path(scratch)) as path,
            path.open("wb") as file,
        ):
            np.lib.format.write_array(file, solid, allow_pickle=False)
            file.write(hashlib.sha256(solid.data).digest())

    def sub_cache(self, name: str) -> StoredReadCache:
        """A cache for a part of the grid; dropped together with this one."""
        return StoredReadCache(join_address(self._address, name), self._places)

    def drop(self, but: str | None = None) -> None:
        """Delete everything except what is below `but`."""
        if but is None:
            self._places.remove(self._address)
            return
        start = len(join_address(self._address, ""))
        names = {
            address[start:].split("/")[0] for address in self._places.list_files(self._address)
        }
        for name in names - {but}:
            self._places.remove(join_address(self._address, name))

    def _file(self, key: str) -> str:
        return join_address(self._address, f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.npy")


def _whole_array(path: Path) -> NDArray[np.float32] | None:
    """The array of a file; None if its checksum does not match."""
    with path.open("rb") as file, _ONE_HEADER:
        try:
            values: NDArray[np.float32] = np.lib.format.read_array(file, allow_pickle=False)
        except (ValueError, EOFError):
            return None
        digest = file.read(_DIGEST + 1)
    solid = np.ascontiguousarray(values)
    return values if digest == hashlib.sha256(solid.data).digest() else None
