"""Generated passwords and keys, in files that only their user can read."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from pathlib import Path

from tulip_ops.core.files import atomic_write


def password() -> str:
    return secrets.token_urlsafe(24)


def long_key() -> str:
    return secrets.token_urlsafe(64)


def fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def read_or_create(file: Path, make: Callable[[], str] = password) -> str:
    """The content of `file`; created with mode 0600 the first time."""
    if not file.exists():
        write(file, make())
    return file.read_text().strip()


def write(file: Path, text: str, mode: int = 0o600) -> None:
    """Replace `file` by `text`, complete at every moment and never readable by others.

    mode: 0o600, unless all users who can reach its folder may read it.
    """
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with atomic_write(file, mode=mode) as draft:
        draft.write_text(text.rstrip("\n") + "\n")
