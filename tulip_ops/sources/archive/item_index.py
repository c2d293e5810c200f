"""Index of a catalog: one file, so that thousands of items take one request to S3.

`items.json` is a STAC ItemCollection with the MD5 of each item's file. An entry is valid as long
as S3 lists that file with the same MD5; items changed by others, or not indexed yet, are read
themselves. So the index may lag, and it may be deleted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from tulip_ops.storage.addresses import join_address
from tulip_ops.storage.object_store import ObjectStore

Document = dict[str, Any]

NAME = "items.json"
_CHECKSUMS = "tulip:md5"


class Index:
    """Index of the items of one catalog, by address."""

    def __init__(self, place: str, places: ObjectStore) -> None:
        self._place = place
        self._places = places

    def documents(self) -> dict[str, Document]:
        """The items whose files are unchanged since indexing; S3 only."""
        tags = self._places.etags(self._place)
        return {
            address: document
            for address, (digest, document) in self._read().items()
            if tags.get(address) == digest
        }

    def add(self, addresses: Iterable[str]) -> int:
        """Add the items that are not indexed yet; returns the size of the index."""
        held = self._read()
        for address in addresses:
            if address not in held:
                data = self._places.read(address)
                held[address] = (_md5(data), json.loads(data))
        start = len(join_address(self._place, ""))
        together = {
            "type": "FeatureCollection",
            "features": [document for _, document in held.values()],
            _CHECKSUMS: {address[start:]: digest for address, (digest, _) in held.items()},
        }
        data = json.dumps(together, ensure_ascii=False, separators=(",", ":")).encode()
        self._places.write(join_address(self._place, NAME), data)
        return len(held)

    def _read(self) -> dict[str, tuple[str, Document]]:
        """Entries of the index; empty if it is missing or has another format."""
        try:
            together: Mapping[str, Any] = json.loads(
                self._places.read(join_address(self._place, NAME))
            )
            pairs = zip(together[_CHECKSUMS].items(), together["features"], strict=True)
            return {
                join_address(self._place, name): (digest, document)
                for (name, digest), document in pairs
            }
        except (FileNotFoundError, ValueError, LookupError, TypeError, AttributeError):
            return {}


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
