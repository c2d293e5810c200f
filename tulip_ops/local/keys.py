"""Generated passwords and keys, in files that only their user can read."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path


def password() -> str:
    return secrets.token_urlsafe(24)


def keep(file: Path, make: Callable[[], str] = password) -> str:
    """What `file` holds; made, and written with mode 0600, the first time."""
    if not file.exists():
        write(file, make())
    return file.read_text().strip()


def write(file: Path, text: str) -> None:
    """Replace `file` by `text`, whole at every moment and never readable by others."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as handle:
        handle.write(text.rstrip("\n") + "\n")
    beside.replace(file)
