"""The JSON documents of a static STAC catalog, in a folder or in S3."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tulip_ops.core import concurrency
from tulip_ops.core.errors import AcquisitionNotFound, ArchiveNotFound, BadScene
from tulip_ops.core.types import AcquisitionId
from tulip_ops.sources.archive import item_index
from tulip_ops.storage import stac_items
from tulip_ops.storage.addresses import is_s3, join_address, resolve
from tulip_ops.storage.object_store import THREADS, ObjectStore

Document = dict[str, Any]

_ROOT = "catalog.json"
_BATCH = 100
"""Number of items after which the root, and then the index, are written."""
_MANY = 200
"""Number of items from which a listing and the index are fewer requests than single reads."""
_INDEXED, _COUNT = "items", "tulip:count"


class Catalog:
    """`catalog.json` in a folder or in S3, and its linked documents. One writer at a time."""

    def __init__(self, place: str, places: ObjectStore) -> None:
        self.place = place if "://" in place else str(Path(place).absolute())
        self.places = places
        self._index = item_index.Index(self.place, places)
        self.problems: list[str] = []
        """Documents that could not be used, each with its reason."""

    def address(self, *names: str) -> str:
        """Address of a file below the catalog."""
        return join_address(self.place, *names)

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

    def documents(self, addresses: Iterable[str]) -> Iterator[tuple[str, Document | BadScene]]:
        """Each address in order, with its document or the reason for its absence.

        S3 documents are read in parallel or, if they are very many, from the index.
        """
        held: Mapping[str, Document] = {}

        def read(address: str) -> tuple[str, Document | BadScene]:
            try:
                return address, held.get(address) or self.document(address)
            except BadScene as error:
                return address, error

        if not is_s3(self.place):
            yield from map(read, addresses)  # threads would only wait for each other
            return
        addresses = list(addresses)
        if len(addresses) > _MANY:
            held = self._index.documents()
        yield from concurrency.ordered_map(read, addresses, THREADS)

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
        with self.publishing() as publish:
            publish(item)

    @contextmanager
    def publishing(self) -> Iterator[Callable[[Mapping[str, Any]], None]]:
        """A `publish` for many items: the root is written after every hundredth and at the end.

        Items that were not linked when a process was killed are not in the catalog.
        """
        root = self.root() if self.exists() else stac_items.new_catalog()
        linked = {link["href"] for link in root["links"] if link.get("rel") == "item"}
        unlinked: list[str] = []

        def flush() -> None:
            if unlinked:
                root["links"] += [
                    {"rel": "item", "href": href, "type": "application/geo+json"}
                    for href in unlinked
                ]
                self._index_when_due(root)
                self.places.write(self.address(_ROOT), _encoded(root))
            unlinked.clear()

        def publish(item: Mapping[str, Any]) -> None:
            name = f"{item['id']}/{item['id']}.json"
            self.places.write(self.address(name), _encoded(item))
            href = f"./{name}"
            if href not in linked:
                linked.add(href)
                unlinked.append(href)
            if len(unlinked) == _BATCH:
                flush()

        try:
            yield publish
        finally:
            flush()

    def remove(self, acquisition_id: AcquisitionId) -> None:
        """Take the link of a scene out of the root, and only then remove its folder.

        `AcquisitionNotFound` for a scene that was not added here, as one of another catalog.
        """
        root = self.root()
        place = self.address(str(acquisition_id), f"{acquisition_id}.json")
        kept = [
            link
            for link in root["links"]
            if link.get("rel") != "item" or resolve(link["href"], self.address(_ROOT)) != place
        ]
        if len(kept) == len(root["links"]):
            raise AcquisitionNotFound(
                f"{self.place} holds no scene {acquisition_id} that `tulip archive add` made; see"
                " `tulip archive list`"
            )
        self.places.write(self.address(_ROOT), _encoded({**root, "links": kept}))
        self.places.remove(self.address(str(acquisition_id)))

    def _index_when_due(self, root: Document) -> None:
        """Bring the index up to date once many items are not in it."""
        hrefs = [link["href"] for link in root["links"] if link.get("rel") == "item"]
        known = next((link for link in root["links"] if link.get("rel") == _INDEXED), None)
        if len(hrefs) - (known or {}).get(_COUNT, 0) < _BATCH:
            return
        if known is None:
            known = {
                "rel": _INDEXED,
                "href": f"./{item_index.NAME}",
                "type": "application/geo+json",
            }
            root["links"].append(known)
        known[_COUNT] = self._index.add(resolve(href, self.address(_ROOT)) for href in hrefs)


def _encoded(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def _linked(document: Mapping[str, Any], address: str, relation: str) -> Iterator[str]:
    """Addresses of what the document at `address` links to as `item` or `child`."""
    for link in document.get("links", ()):
        if isinstance(link, dict) and link.get("rel") == relation and "href" in link:
            yield resolve(link["href"], address)
