"""Where the files of a store lie: in a folder, or in S3 with copies on this machine.

A shelf keeps a folder for each acquisition, with its item and its products. Readers find every
file whole, old or new. Publishing puts the product in its place first and revises the item
second: killed between the two, the item's checksum does not match what is there.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import random
import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Protocol

from tulip_ops.core.errors import ProductDamaged, StoreUnavailable
from tulip_ops.core.files import atomic_write, move_durably, sha256_file
from tulip_ops.storage.object_store import ObjectStore, join_address

ITEM = "item.json"

Revise = Callable[[bytes | None], bytes]
"""From the item as it is (None: there is none) to the item as it shall be. May be called again
if another writer was faster."""

_UNFINISHED = ".unfinished"
_STALE_SECONDS = 24 * 3600
_IN_USE_SECONDS = 3600
_HOST = hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]
_ROUNDS = 20


class ProductBackend(Protocol):
    """folder: an acquisition's; name: of a file in it. `StoreUnavailable` from all methods."""

    def address(self, folder: str, *names: str) -> str:
        """Where that is, for people and for `ObjectStore`."""
        ...

    def staging_dir(self, folder: str) -> Path:
        """A local folder for files that are about to be published."""
        ...

    def item(self, folder: str) -> bytes:
        """The item; `FileNotFoundError`."""
        ...

    def revise(self, folder: str, revise: Revise) -> None:
        """Put the revised item in the place of the item; no other writer's revision is lost."""
        ...

    def publish(self, folder: str, name: str, path: Path, sha256: str, revise: Revise) -> None:
        """Move a file from the staging folder to its place, then revise the item."""
        ...

    def holds(self, folder: str, name: str, size: int, sha256: str) -> bool:
        """Whether the file is there, and is the one with this size and checksum."""
        ...

    def fetch(self, folder: str, name: str, size: int, sha256: str) -> Path:
        """A path to the file's bytes, verified; `FileNotFoundError`, `ProductDamaged`.

        A copy from S3 stays at least until other acquisitions' products were asked for an hour.
        """
        ...

    def reading(
        self, folder: str, name: str, size: int, sha256: str
    ) -> AbstractContextManager[Path]:
        """As `fetch`, for a long read of a large file, which need not wait for the checksum.

        `ProductDamaged` is raised at the end at the latest; until then what was read may be wrong.
        """
        ...

    def probe(self) -> str:
        """Write something, and remove it again; returns where."""
        ...


class FolderBackend:
    """A folder. Writers at once wait for each other on a lock of the kernel."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def address(self, folder: str, *names: str) -> str:
        """As `ProductBackend` says."""
        return str(self._place.joinpath(folder, *names))

    def staging_dir(self, folder: str) -> Path:
        """As `ProductBackend` says: the folder itself, so that a rename publishes."""
        desk = self._place / folder
        with _writing(desk):
            desk.mkdir(parents=True, exist_ok=True)
        return desk

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
            raise _damaged(str(path))
        return path

    @contextmanager
    def reading(self, folder: str, name: str, size: int, sha256: str) -> Iterator[Path]:
        """As `ProductBackend` says; the checksum is worked out meanwhile."""
        path = self._place / folder / name
        path.stat()
        with ThreadPoolExecutor(1) as pool:
            whole = pool.submit(is_verified, path, size, sha256)
            try:
                yield path
            finally:
                if not whole.result():
                    raise _damaged(str(path))  # it explains whatever went wrong with its pixels

    def probe(self) -> str:
        """As `ProductBackend` says; a folder that is not there yet is not made."""
        place = self._place.resolve()
        nearest = next(parent for parent in (place, *place.parents) if parent.is_dir())
        with _writing(place), tempfile.TemporaryFile(dir=nearest):
            return str(place)

    def _revise(self, folder: str, revise: Revise) -> None:
        path = self._place / folder / ITEM
        # one name for all writers: the next one overwrites what a killed one left
        with atomic_write(path, temporary=f"{_UNFINISHED}.{ITEM}", sync_folder=True) as draft:
            draft.write_bytes(revise(path.read_bytes() if path.exists() else None))

    @contextmanager
    def _locked(self, folder: str) -> Iterator[None]:
        """One writer of an item at a time; the kernel frees the lock of a process that dies."""
        desk = self.staging_dir(folder)
        with _writing(desk), (desk / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


class S3Backend:
    """A prefix in S3, and copies of what was written or read lately in a folder here.

    Needs S3's conditional writes: an item is replaced only if it is still the one that was read.
    """

    def __init__(self, place: str, places: ObjectStore, copies: Path, most_bytes: int) -> None:
        """most_bytes: of copies, but those of the last hour stay in any case."""
        self._place = place
        self._places = places
        self._copies = copies / hashlib.sha256(place.encode()).hexdigest()[:12]
        self._most_bytes = most_bytes

    def address(self, folder: str, *names: str) -> str:
        """As `ProductBackend` says."""
        return join_address(self._place, folder, *names)

    def staging_dir(self, folder: str) -> Path:
        """As `ProductBackend` says: the folder of the copies."""
        desk = self._copies / folder
        with _writing(desk):
            desk.mkdir(parents=True, exist_ok=True)
            os.utime(desk)
        return desk

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
        """As `ProductBackend` says; of two that publish the same name at once, one wins whole."""
        size = path.stat().st_size
        for losses in range(_ROUNDS):
            started = time.monotonic()
            self._places.upload(path, self.address(folder, name), sha256)
            self.revise(folder, revise)
            if self.holds(folder, name, size, sha256):
                break
            # those that overwrite each other in step must fall out of it, however slow each is
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

        S3 answers for its bytes, and the checksum was uploaded with them.
        """
        try:
            kept = self._places.head(self.address(folder, name))
        except FileNotFoundError:
            return False
        return (kept.size, kept.sha256) == (size, sha256)

    def fetch(self, folder: str, name: str, size: int, sha256: str) -> Path:
        """As `ProductBackend` says."""
        copy = self.staging_dir(folder) / name
        if is_verified(copy, size, sha256):
            return copy
        address = self.address(folder, name)
        with temporary_path(self.staging_dir(folder), name) as path:
            self._places.download(address, path)
            if not is_verified(path, size, sha256):
                raise _damaged(address)
            move_durably(path, copy)
        self._make_room(folder)
        return copy

    @contextmanager
    def reading(self, folder: str, name: str, size: int, sha256: str) -> Iterator[Path]:
        """As `ProductBackend` says.

        A damaged copy must be known first, for there is a better one.
        """
        yield self.fetch(folder, name, size, sha256)

    def probe(self) -> str:
        """As `ProductBackend` says.

        S3 must also honour conditions, on which the promises here rest.
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
        """Remove the copies that were not used for longest, until the rest is small enough."""
        now, taken = time.time(), 0
        desks = {desk: desk.stat().st_mtime for desk in self._copies.iterdir()}
        for desk, used_at in sorted(desks.items(), key=lambda pair: pair[1], reverse=True):
            with suppress(FileNotFoundError):  # another process makes room as well
                taken += sum(path.stat().st_size for path in desk.iterdir())
                in_use = desk.name == folder or now - used_at < _IN_USE_SECONDS
                if taken > self._most_bytes and not in_use:
                    shutil.rmtree(desk)


@contextmanager
def temporary_path(staging_dir: Path, name: str) -> Iterator[Path]:
    """A path in the staging folder for an unfinished file; it keeps the suffix of `name`.

    What is still there at the end is removed, and so is what killed writers of the same name
    left behind.
    """
    _sweep(staging_dir, name)
    # the process in the name tells the next writer whether anybody still needs the file
    stem = f"{_UNFINISHED}.{_HOST}.{os.getpid()}.{secrets.token_hex(4)}"
    try:
        yield staging_dir / f"{stem}.{name}"
    finally:
        for leftover in staging_dir.glob(f"{stem}.*"):
            leftover.unlink(missing_ok=True)


def is_verified(path: Path, size: int, sha256: str) -> bool:
    """Whether the file exists with this size and checksum."""
    return path.is_file() and path.stat().st_size == size and sha256_file(path) == sha256


def _damaged(address: str) -> ProductDamaged:
    return ProductDamaged(
        f"{address} does not match its checksum in {ITEM}; repeat the step that makes it"
    )


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreUnavailable(
            f"{folder} cannot be written ({error.strerror or error});"
            " check the disk's space, the folder's rights and TULIP_STORE"
        ) from error


def _sweep(staging_dir: Path, name: str) -> None:
    """Remove unfinished files of a product whose writer is dead, or that are a day old."""
    for path in staging_dir.glob(f"{_UNFINISHED}.*.*.*.{name}*"):
        host, process = path.name.removeprefix(f"{_UNFINISHED}.").split(".")[:2]
        with suppress(FileNotFoundError):  # another writer swept it
            old = time.time() - path.stat().st_mtime > _STALE_SECONDS
            if old or (host == _HOST and not _is_alive(int(process))):
                path.unlink()


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
