"""Files that are replaced in one step, and their checksums.

Readers of a path see the old file or the new one, never a part of either: what is written gets a
temporary name in the same folder, is flushed to the disk, and is renamed at the end.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tulip_ops.core.errors import StoreUnavailable


def sha256_file(path: Path) -> str:
    """The sha256 of a file's bytes, as 64 hexadecimal digits; `OSError`."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


SHA256_MULTIHASH = "1220"
"""Prefix that makes a sha256 the multihash of STAC's file:checksum: its kind and its 32 bytes."""


def regular_target(path: Path) -> Path:
    """The path that a writer of `path` replaces: where its symbolic links lead, or itself.

    `OSError` if that is a folder, a device, a pipe or a socket, which a rename would destroy, or if
    its folder does not exist.
    """
    target = path.resolve()
    if target.exists() and not target.is_file():
        kind = "a folder" if target.is_dir() else "a device, pipe or socket"
        raise FileExistsError(f"{path} is {kind}, and only regular files are replaced")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"the folder {target.parent} does not exist")
    return target


@contextmanager
def write_output(path: Path) -> Iterator[Path]:
    """As `atomic_write`, for a file that a person named; `StoreUnavailable`."""
    try:
        with atomic_write(path) as draft:
            yield draft
    except OSError as error:
        raise StoreUnavailable(
            f"{path} cannot be written ({error}); check the folder and its rights"
        ) from error


@contextmanager
def atomic_write(
    path: Path, *, temporary: str | None = None, mode: int | None = None, sync_folder: bool = False
) -> Iterator[Path]:
    """A temporary path beside `path`, which replaces it when the block ends without an error.

    The block writes the temporary file; if it raises, that file is removed and `path` stays as it
    was. Of two writers at once, the one that ends last wins; neither sees the other's file.
    A symbolic link stays, and what it leads to is replaced. `OSError`, also for what is no regular
    file: see `regular_target`.

    temporary: a name that the next writer overwrites if this one is killed, where there is one
    writer at a time. By default a name that is used once. It ends as that of `path`, because
    libraries choose the format by it.
    mode: access rights (0o600) from the first byte on; the file then exists, empty, in the block.
    sync_folder: as `move_durably` has it.
    """
    path = regular_target(path)
    draft = path.with_name(temporary or _unique(path.name))
    try:
        if mode is not None:
            os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode))
        yield draft
        move_durably(draft, path, sync_folder=sync_folder)
    finally:
        draft.unlink(missing_ok=True)


def move_durably(draft: Path, path: Path, *, sync_folder: bool = True) -> None:
    """Replace `path` by a finished file of the same folder, whose bytes reach the disk first.

    sync_folder: wait for the rename too, so that it is not undone by a power cut; without, the
    cut may leave the old file, complete. `OSError`.
    """
    _sync(draft)
    draft.replace(path)
    if sync_folder:
        _sync(path.parent)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """A new empty folder beside `path`, which becomes it when the block ends without an error.

    If the block raises, the folder is removed. Missing parents are made. `OSError`, also if
    `path` holds files by then: a folder cannot be replaced in one step, so the block removes an
    old one as its last act.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(_unique(path.name))
    draft.mkdir()
    try:
        yield draft
        draft.replace(path)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _unique(name: str) -> str:
    """A name for one writer, hidden in listings."""
    return f".{secrets.token_hex(4)}.{name}"


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
