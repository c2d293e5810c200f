"""`<state>/local.env`: settings of the local stack, for commands typed by hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tulip_ops.core.settings import LOCAL_ENV
from tulip_ops.services import secrets as keys

_HEAD = "# Written by the local stack; variables of the environment win over these.\n"


def read(state: Path) -> dict[str, str]:
    file = state / LOCAL_ENV
    lines = file.read_text().splitlines() if file.exists() else []
    pairs = (line.partition("=") for line in lines if not line.startswith("#"))
    return {name: _plain(value) for name, _, value in pairs}


def write(state: Path, values: Mapping[str, str]) -> None:
    """Replace what the file holds."""
    lines = [f"{name}={_quoted(value)}\n" for name, value in sorted(values.items())]
    keys.write(state / LOCAL_ENV, _HEAD + "".join(lines))


def _quoted(value: str) -> str:
    """In single quotes, as a shell and pydantic-settings both read it."""
    if "'" in value or "\n" in value or "${" in value:
        raise ValueError(f"{value!r} cannot be kept in {LOCAL_ENV}")
    return f"'{value}'"


def _plain(text: str) -> str:
    return text.removeprefix("'").removesuffix("'")
