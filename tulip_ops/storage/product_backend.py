"""What a product store needs from the place of its files: a folder or S3.

A backend has a folder for each acquisition, with its item and its products. Readers find every
file complete, old or new. Publishing moves the product to its place first and revises the item
second: if the writer is killed between the two, the item's checksum does not match the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from tulip_ops.core.errors import ProductDamaged, StoreUnavailable
from tulip_ops.core.files import sha256_file

ITEM = "item.json"

Revise = Callable[[bytes | None], bytes]
"""From the present item (None: there is none) to the new one. May be called again if another
writer was faster."""


class ProductBackend(Protocol):
    """folder: of an acquisition. name: of a file in it. All methods raise `StoreUnavailable`."""

    def address(self, folder: str, *names: str) -> str:
        """Path or s3:// address, for messages and for `ObjectStore`."""
        ...

    def staging_dir(self, folder: str) -> Path:
        """A local folder for files that are about to be published."""
        ...

    def item(self, folder: str) -> bytes:
        """The item; `FileNotFoundError`."""
        ...

    def revise(self, folder: str, revise: Revise) -> None:
        """Replace the item by its revision; revisions of other writers are not lost."""
        ...

    def publish(self, folder: str, name: str, path: Path, sha256: str, revise: Revise) -> None:
        """Move a file from the staging folder to its place, then revise the item."""
        ...

    def holds(self, folder: str, name: str, size: int, sha256: str) -> bool:
        """Whether the file exists with this size and checksum."""
        ...

    def fetch(self, folder: str, name: str, size: int, sha256: str) -> Path:
        """A path to the file's bytes, verified; `FileNotFoundError`, `ProductDamaged`.

        A copy from S3 stays for at least an hour after its last use.
        """
        ...

    def reading(
        self, folder: str, name: str, size: int, sha256: str
    ) -> AbstractContextManager[Path]:
        """As `fetch`, but the checksum of a large file may be verified while it is read.

        `ProductDamaged` is raised at the end at the latest: until then, the data may be wrong.
        """
        ...

    def probe(self) -> str:
        """Check that the store can be written, by a temporary file; returns its address."""
        ...


def is_verified(path: Path, size: int, sha256: str) -> bool:
    """Whether the file exists with this size and checksum."""
    return path.is_file() and path.stat().st_size == size and sha256_file(path) == sha256


def damaged_error(address: str) -> ProductDamaged:
    """The error of a file that fails its verification."""
    return ProductDamaged(
        f"{address} does not match its checksum in {ITEM}; repeat the step that makes it"
    )


@contextmanager
def translate_write_errors(folder: Path) -> Iterator[None]:
    """Raise `StoreUnavailable` in the place of any `OSError`."""
    try:
        yield
    except OSError as error:
        raise StoreUnavailable(
            f"{folder} cannot be written ({error.strerror or error});"
            " check the disk's space, the folder's rights and TULIP_STORE"
        ) from error
