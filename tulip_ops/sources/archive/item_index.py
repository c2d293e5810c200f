"""All items of a catalog in one file, so that thousands of them are one request to S3.

`items.json` is a STAC ItemCollection that also says which MD5 the file of each item had. It is
believed of an item as long as S3 lists that file with the same MD5; items that other hands
changed, or that are not in it yet, are read themselves. So it may lag, and it may be deleted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from tulip_ops.storage.object_store import ObjectStore, join_address

Document = dict[str, Any]

NAME = "items.json"
_CHECKSUMS = "tulip:md5"


class Index:
    """Of the items in one place, by their addresses."""

    def __init__(self, place: str, places: ObjectStore) -> None:
        self._place = place
        self._places = places

    def documents(self) -> dict[str, Document]:
        """The items whose files are still the ones that it was made of; of S3 only."""
        tags = self._places.etags(self._place)
        return {
            address: document
            for address, (digest, document) in self._read().items()
            if tags.get(address) == digest
        }

    def add(self, addresses: Iterable[str]) -> int:
        """Take in the items that it does not hold yet; returns how many it holds then."""
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
        """What it holds; nothing where it is missing or of another make."""
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
