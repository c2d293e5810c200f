"""Products in a folder."""

from __future__ import annotations

import fcntl
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tulip_ops.core.files import atomic_write, move_durably
from tulip_ops.storage.product_backend import (
    ITEM,
    Revise,
    damaged_error,
    is_verified,
    translate_write_errors,
)
from tulip_ops.storage.unfinished_files import UNFINISHED


class FolderBackend:
    """Products in a folder. A file lock admits one writer of an acquisition at a time."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def address(self, folder: str, *names: str) -> str:
        """As `ProductBackend` says."""
        return str(self._place.joinpath(folder, *names))

    def staging_dir(self, folder: str) -> Path:
        """As `ProductBackend` says: the folder itself, so that a rename publishes."""
        staging = self._place / folder
        with translate_write_errors(staging):
            staging.mkdir(parents=True, exist_ok=True)
        return staging

    def item(self, folder: str) -> bytes:
        """As `ProductBackend` says."""
        return (self._place / folder / ITEM).read_bytes()

    def revise(self, folder: str, revise: Revise) -> None:
        """As `ProductBackend` says."""
        with self._locked(folder):
            self._revise(folder, revise)

    def publish(self, folder: str, name: str, path: Path, sha256: str, revise: Revise) -> None:
        """As `ProductBackend` says."""
        del sha256  # the reader of the file computes it again
        with self._locked(folder):
            move_durably(path, self._place / folder / name)
            self._revise(folder, revise)

    def holds(self, folder: str, name: str, size: int, sha256: str) -> bool:
        """As `ProductBackend` says."""
        return is_verified(self._place / folder / name, size, sha256)

    def fetch(self, folder: str, name: str, size: int, sha256: str) -> Path:
        """As `ProductBackend` says."""
        path = self._place / folder / name
        path.stat()
        if not is_verified(path, size, sha256):
            raise damaged_error(str(path))
        return path

    @contextmanager
    def reading(self, folder: str, name: str, size: int, sha256: str) -> Iterator[Path]:
        """As `ProductBackend` says; the checksum is computed meanwhile."""
        path = self._place / folder / name
        path.stat()
        with ThreadPoolExecutor(1) as pool:
            verified = pool.submit(is_verified, path, size, sha256)
            try:
                yield path
            finally:
                # it explains any error of the reader
                if not verified.result():
                    raise damaged_error(str(path))

    def probe(self) -> str:
        """As `ProductBackend` says; does not create the folder."""
        place = self._place.resolve()
        nearest = next(parent for parent in (place, *place.parents) if parent.is_dir())
        with translate_write_errors(place), tempfile.TemporaryFile(dir=nearest):
            return str(place)

    def _revise(self, folder: str, revise: Revise) -> None:
        path = self._place / folder / ITEM
        # one name for all writers, so that the next one overwrites the file of a killed one
        with atomic_write(path, temporary=f"{UNFINISHED}.{ITEM}", sync_folder=True) as draft:
            draft.write_bytes(revise(path.read_bytes() if path.exists() else None))

    @contextmanager
    def _locked(self, folder: str) -> Iterator[None]:
        """One writer of an item at a time; the kernel frees the lock of a process that dies."""
        staging = self.staging_dir(folder)
        with translate_write_errors(staging), (staging / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
