"""Dead letters: what failed in a run of the pipeline, each with its reason, in the store."""

from __future__ import annotations

import json

from tulip_ops.core.storage_settings import StorageSettings
from tulip_ops.storage.product_store import open_store

FOLDER = "dead-letters"
"""Folder of the store that takes them, by run."""


def address_of(settings: StorageSettings, run_id: str) -> str:
    """Address of a run's dead letters: a folder, or an S3 prefix."""
    return f"{settings.store_place.rstrip('/')}/{FOLDER}/{_plain(run_id)}"


def write_letter(settings: StorageSettings, run_id: str, name: str, **said: str) -> None:
    """Write a dead letter as <name>.json; `StoreUnavailable`.

    said: what failed, in which step, by which error, with which message.
    """
    letter = json.dumps({**said, "run_id": run_id}, indent=2).encode()
    address = f"{address_of(settings, run_id)}/{_plain(name)}.json"
    open_store(settings).places.write(address, letter)


def _plain(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in name)
