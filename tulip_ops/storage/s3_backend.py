"""Products in S3, with copies on this machine."""

from __future__ import annotations

import hashlib
import os
import random
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tulip_ops.core.errors import StoreUnavailable
from tulip_ops.core.files import move_durably
from tulip_ops.storage.addresses import join_address
from tulip_ops.storage.object_store import ObjectStore
from tulip_ops.storage.product_backend import (
    ITEM,
    Revise,
    damaged_error,
    is_verified,
    translate_write_errors,
)
from tulip_ops.storage.unfinished_files import temporary_path

_IN_USE_SECONDS = 3600
_ROUNDS = 20


class S3Backend:
    """Products below a prefix in S3, with a local folder of recently used copies.

    Relies on conditional writes: an item is replaced only if its ETag is still the one read.
    """

    def __init__(self, place: str, places: ObjectStore, copies: Path, most_bytes: int) -> None:
        """most_bytes: limit of all copies; those used within the last hour stay in any case."""
        self._place = place
        self._places = places
        self._copies = copies / hashlib.sha256(place.encode()).hexdigest()[:12]
        self._most_bytes = most_bytes

    def address(self, folder: str, *names: str) -> str:
        """As `ProductBackend` says."""
        return join_address(self._place, folder, *names)

    def staging_dir(self, folder: str) -> Path:
        """As `ProductBackend` says: the folder of the copies."""
        staging = self._copies / folder
        with translate_write_errors(staging):
            staging.mkdir(parents=True, exist_ok=True)
            os.utime(staging)
        return staging

    def item(self, folder: str) -> bytes:
        """As `ProductBackend` says."""
        return self._places.read(self.address(folder, ITEM))

    def revise(self, folder: str, revise: Revise) -> None:
        """As `ProductBackend` says."""
        address = self.address(folder, ITEM)
        for _ in range(_ROUNDS):
            try:
                old, tag = self._places.read_tagged(address)
            except FileNotFoundError:
                old, tag = None, None
            if self._places.replace_tagged(address, revise(old), tag):
                return
        raise StoreUnavailable(f"{address} is changed by others all the time; try again later")

    def publish(self, folder: str, name: str, path: Path, sha256: str, revise: Revise) -> None:
        """As `ProductBackend` says; of two concurrent writers of a product, one wins."""
        size = path.stat().st_size
        for losses in range(_ROUNDS):
            started = time.monotonic()
            self._places.upload(path, self.address(folder, name), sha256)
            self.revise(folder, revise)
            if self.holds(folder, name, size, sha256):
                break
            # writers that overwrite each other get out of step by a random wait, longer each time
            longest = (time.monotonic() - started) * 2**losses
            time.sleep(random.uniform(0, min(20.0, longest)))  # noqa: S311
        else:
            raise StoreUnavailable(
                f"{self.address(folder, name)} is written by others all the time; try again later"
            )
        move_durably(path, self.staging_dir(folder) / name)
        self._make_room(folder)

    def holds(self, folder: str, name: str, size: int, sha256: str) -> bool:
        """As `ProductBackend` says.

        Compares the checksum that was uploaded with the file, without reading the file.
        """
        try:
            found = self._places.head(self.address(folder, name))
        except FileNotFoundError:
            return False
        return (found.size, found.sha256) == (size, sha256)

    def fetch(self, folder: str, name: str, size: int, sha256: str) -> Path:
        """As `ProductBackend` says."""
        copy = self.staging_dir(folder) / name
        if is_verified(copy, size, sha256):
            return copy
        address = self.address(folder, name)
        with temporary_path(self.staging_dir(folder), name) as path:
            self._places.download(address, path)
            if not is_verified(path, size, sha256):
                raise damaged_error(address)
            move_durably(path, copy)
        self._make_room(folder)
        return copy

    @contextmanager
    def reading(self, folder: str, name: str, size: int, sha256: str) -> Iterator[Path]:
        """As `ProductBackend` says.

        Verifies before the read: a damaged copy is downloaded again.
        """
        yield self.fetch(folder, name, size, sha256)

    def probe(self) -> str:
        """As `ProductBackend` says.

        Also checks that the service honours conditional writes.
        """
        address = join_address(self._place, f".probe-{secrets.token_hex(4)}")
        if not self._places.replace_tagged(address, b"first", None):
            raise StoreUnavailable(f"{address} is there although nobody wrote it; try again")
        overwritten = self._places.replace_tagged(address, b"second", None)
        self._places.remove_file(address)
        if overwritten:
            raise StoreUnavailable(
                f"{self._place}: this S3 service ignores If-None-Match, so that two writers at"
                " once could lose an item; keep the store in another service or in a folder"
            )
        return self._place

    def _make_room(self, folder: str) -> None:
        """Remove the least recently used copies until the rest fits into the limit."""
        now, taken = time.time(), 0
        last_use = {copies: copies.stat().st_mtime for copies in self._copies.iterdir()}
        for copies, used_at in sorted(last_use.items(), key=lambda pair: pair[1], reverse=True):
            with suppress(FileNotFoundError):  # another process removes copies as well
                taken += sum(path.stat().st_size for path in copies.iterdir())
                in_use = copies.name == folder or now - used_at < _IN_USE_SECONDS
                if taken > self._most_bytes and not in_use:
                    shutil.rmtree(copies)
