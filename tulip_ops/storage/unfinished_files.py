"""Temporary files for products that are being written, and the removal of abandoned ones."""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

UNFINISHED = ".unfinished"
"""First part of the name of every unfinished file."""

_STALE_SECONDS = 24 * 3600
_HOST = hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


@contextmanager
def temporary_path(staging_dir: Path, name: str) -> Iterator[Path]:
    """A path in the staging folder for an unfinished file, with the suffix of `name`.

    The file is removed at the end if it is still there, and so are the unfinished files of killed
    writers of the same name.
    """
    _sweep(staging_dir, name)
    # host and process in the name let the next writer find out whether this one still runs
    stem = f"{UNFINISHED}.{_HOST}.{os.getpid()}.{secrets.token_hex(4)}"
    try:
        yield staging_dir / f"{stem}.{name}"
    finally:
        for leftover in staging_dir.glob(f"{stem}.*"):
            leftover.unlink(missing_ok=True)


def _sweep(staging_dir: Path, name: str) -> None:
    """Remove unfinished files of a product whose writer is dead, or that are a day old."""
    for path in staging_dir.glob(f"{UNFINISHED}.*.*.*.{name}*"):
        host, process = path.name.removeprefix(f"{UNFINISHED}.").split(".")[:2]
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
