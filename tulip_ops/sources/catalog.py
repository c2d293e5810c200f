"""The JSON documents of a static STAC catalog, in a folder or in S3."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tulip_ops import stac
from tulip_ops.errors import ArchiveNotFound, BadScene
from tulip_ops.places import Places, join, resolve

Document = dict[str, Any]

_ROOT = "catalog.json"


class Catalog:
    """`catalog.json` in a place, and what it links to. One writer at a time."""

    def __init__(self, place: str, places: Places) -> None:
        self.place = place if "://" in place else str(Path(place).absolute())
        self.places = places
        self.problems: list[str] = []
        """Documents that could not be used, each with its reason."""

    def address(self, *names: str) -> str:
        """Of a file in the catalog's place."""
        return join(self.place, *names)

    def exists(self) -> bool:
        """Whether there is a root; `ArchiveNotFound` if there is one that cannot be read."""
        try:
            self.root()
        except ArchiveNotFound as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return False
            raise
        return True

    def root(self) -> Document:
        """The document at the top; `ArchiveNotFound` if it is missing or no JSON."""
        try:
            return self.document(self.address(_ROOT))
        except BadScene as error:
            raise ArchiveNotFound(
                f"there is no catalog: {error}; `tulip archive add FILE ...` makes one"
            ) from error.__cause__

    def document(self, address: str) -> Document:
        """Any JSON object; `BadScene` if it is missing or cannot be read."""
        try:
            document = json.loads(self.places.read(address))
        except FileNotFoundError as error:
            raise BadScene(f"{address} is missing") from error
        except (OSError, ValueError) as error:
            raise BadScene(f"{address} cannot be read as JSON ({error})") from error
        if not isinstance(document, dict):
            raise BadScene(f"{address} is no JSON object")
        return document

    def items(self) -> Iterator[str]:
        """Addresses of all items, through nested catalogs and collections, each once.

        A nested document that cannot be read goes to `problems`; `ArchiveNotFound` for the root.
        """
        waiting = {self.address(_ROOT): self.root()}
        seen = set(waiting)
        while waiting:
            address, document = waiting.popitem()
            for item in _linked(document, address, "item"):
                if item not in seen:
                    seen.add(item)
                    yield item
            for child in _linked(document, address, "child"):
                if child not in seen:
                    seen.add(child)
                    try:
                        waiting[child] = self.document(child)
                    except BadScene as error:
                        self.problems.append(str(error))

    def publish(self, item: Mapping[str, Any]) -> None:
        """Write an item, and only then the root that links to it, so that no link dangles."""
        name = f"{item['id']}/{item['id']}.json"
        self.places.write(self.address(name), _encoded(item))
        root = self.root() if self.exists() else stac.new_catalog()
        link = {"rel": "item", "href": f"./{name}", "type": "application/geo+json"}
        if link not in root["links"]:
            root["links"].append(link)
            self.places.write(self.address(_ROOT), _encoded(root))


def _encoded(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def _linked(document: Mapping[str, Any], address: str, relation: str) -> Iterator[str]:
    """Addresses of what the document at `address` links to as `item` or `child`."""
    for link in document.get("links", ()):
        if isinstance(link, dict) and link.get("rel") == relation and "href" in link:
            yield resolve(link["href"], address)
