"""The products of acquisitions: whole or absent, and never found half-written.

Everything of one acquisition lives in `<store>/<id>/`: the files, and `item.json`, a STAC
item whose assets say of each file its size, its checksum and the recipe that made it. The
item is the truth: a file that it does not list, or that differs from what it lists, is as
good as absent.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

from tulip_ops.domain import AcquisitionId, ModelReference
from tulip_ops.errors import BadSetting, ProductDamaged, ProductMissing

JSON = Any
"""What json.dumps takes."""

ITEM = "item.json"

_MULTIHASH_SHA256 = "1220"
"""Prefix of a sha2-256 digest of 32 bytes in STAC's `file:checksum`."""
_EMPTY: Mapping[str, JSON] = {"properties": {}, "assets": {}}
_UNFINISHED = ".unfinished"
_STALE_SECONDS = 24 * 3600
_HOST = hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


class Store:
    """Products by acquisition and name, where a name is the file's: `tulip.tif`."""

    def __init__(self, place: str) -> None:
        if "://" in place:
            raise BadSetting(
                f"TULIP_STORE={place}: this version keeps products in folders only; give a path"
            )
        self._folder = Path(place)

    @staticmethod
    def recipe(step: str, **inputs: JSON) -> str:
        """What determines a product, as a sha256 in hexadecimal.

        inputs: the checksums of what the step reads, its model, its parameters and the number
        of its format; JSON values, frozen dataclasses or things with a telling `str`.
        Equal inputs give equal recipes, in whatever order they are named.
        """
        text = json.dumps(
            {"step": step, "inputs": inputs}, sort_keys=True, separators=(",", ":"), default=_plain
        )
        return hashlib.sha256(text.encode()).hexdigest()

    def start_item(self, acquisition_id: AcquisitionId, item: Mapping[str, JSON]) -> None:
        """Write the item of an acquisition, before its first product.

        Products that are published already stay listed, with the properties they brought:
        their own recipes decide whether they are still current.
        """
        folder = self._folder / str(acquisition_id)
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder):
            old = self.item(acquisition_id) if (folder / ITEM).exists() else _EMPTY
            properties = {**old["properties"], **item["properties"]}
            assets = {**item["assets"], **old["assets"]}
            _write_item(folder, {**item, "properties": properties, "assets": assets})

    def item(self, acquisition_id: AcquisitionId) -> dict[str, JSON]:
        """The STAC item. `ProductMissing` without one, `ProductDamaged` if it is not JSON."""
        path = self._folder / str(acquisition_id) / ITEM
        try:
            item: dict[str, JSON] = json.loads(path.read_bytes())
        except FileNotFoundError:
            raise ProductMissing(
                f"nothing is stored of {acquisition_id} ({path} is missing);"
                f" run `tulip acquire {acquisition_id}`"
            ) from None
        except ValueError as error:
            raise ProductDamaged(
                f"{path} is not JSON ({error}); delete it and run `tulip acquire {acquisition_id}`"
            ) from error
        return item

    def properties(self, acquisition_id: AcquisitionId) -> dict[str, JSON]:
        """Properties of the STAC item."""
        properties: dict[str, JSON] = self.item(acquisition_id)["properties"]
        return properties

    def is_current(self, acquisition_id: AcquisitionId, name: str, recipe: str) -> bool:
        """Whether the product is there, whole, and made by this recipe."""
        try:
            asset = self.asset(acquisition_id, name)
        except ProductMissing:
            return False
        path = self._folder / str(acquisition_id) / name
        return asset["tulip:recipe"] == recipe and path.is_file() and _is_whole(path, asset)

    def product(self, acquisition_id: AcquisitionId, name: str) -> Path:
        """The file of a product, verified by its checksum; `ProductMissing`, `ProductDamaged`."""
        asset = self.asset(acquisition_id, name)
        path = self._folder / str(acquisition_id) / name
        if not path.is_file():
            raise ProductMissing(
                f"{path} is listed in {ITEM} but missing; repeat the step that makes it"
            )
        if not _is_whole(path, asset):
            raise ProductDamaged(
                f"{path} does not match its checksum in {ITEM}; repeat the step that makes it"
            )
        return path

    def checksum(self, acquisition_id: AcquisitionId, name: str) -> str:
        """The listed sha256 of a product, hexadecimal; `ProductMissing`."""
        multihash: str = self.asset(acquisition_id, name)["file:checksum"]
        return multihash.removeprefix(_MULTIHASH_SHA256)

    @contextmanager
    def writing(self, acquisition_id: AcquisitionId, name: str) -> Iterator[Path]:
        """A path to write a product to, beside its final place; `publish` takes it from there.

        What is still there at the end is removed, and so is what killed writers of the same
        product left behind. The path keeps the suffix of `name`.
        """
        folder = self._folder / str(acquisition_id)
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder, name)
        # the process in the name tells the next writer whether anybody still needs the file
        stem = f"{_UNFINISHED}.{_HOST}.{os.getpid()}.{secrets.token_hex(4)}"
        path = folder / f"{stem}.{name}"
        try:
            yield path
        finally:
            for leftover in folder.glob(f"{stem}.*"):
                leftover.unlink(missing_ok=True)

    def publish(
        self,
        acquisition_id: AcquisitionId,
        name: str,
        path: Path,
        *,
        recipe: str,
        title: str,
        media_type: str,
        model: ModelReference | None = None,
        properties: Mapping[str, JSON] | None = None,
        fields: Mapping[str, JSON] | None = None,
    ) -> None:
        """Move a written file to its place and list it in the item.

        path: from `writing`. model: the network that made it. properties: what the step found
        out about the acquisition, for the item. fields: further STAC fields of the asset.
        The file comes first and the item second: killed between the two, the item's checksum
        does not match and the product is not current. `ProductMissing` if no item was started.
        """
        folder = self._folder / str(acquisition_id)
        asset = {
            **(fields or {}),
            "href": f"./{name}",
            "title": title,
            "type": media_type,
            "roles": ["data"],
            "file:size": path.stat().st_size,
            "file:checksum": _MULTIHASH_SHA256 + _sha256(path),
            "tulip:recipe": recipe,
        }
        if model is not None:
            asset["tulip:model"] = asdict(model)
        with _locked(folder):
            item = self.item(acquisition_id)
            _move(path, folder / name)
            item["assets"][_key(name)] = asset
            item["properties"].update(properties or {})
            _write_item(folder, item)

    def asset(self, acquisition_id: AcquisitionId, name: str) -> dict[str, JSON]:
        """What the item lists of a product, what `publish` was given included; `ProductMissing`."""
        assets = self.item(acquisition_id)["assets"]
        if _key(name) not in assets:
            raise ProductMissing(
                f"{acquisition_id} has no {name} yet;"
                f" `tulip run {acquisition_id}` makes all its products"
            )
        asset: dict[str, JSON] = assets[_key(name)]
        return asset


def _key(name: str) -> str:
    return Path(name).stem


def _plain(value: object) -> JSON:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else str(value)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_whole(path: Path, asset: Mapping[str, JSON]) -> bool:
    return bool(
        path.stat().st_size == asset["file:size"]
        and _MULTIHASH_SHA256 + _sha256(path) == asset["file:checksum"]
    )


def _write_item(folder: Path, item: Mapping[str, JSON]) -> None:
    path = folder / f"{_UNFINISHED}.{ITEM}"
    path.write_text(json.dumps(item, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    _move(path, folder / ITEM)


def _move(path: Path, place: Path) -> None:
    """Move within a folder so that after a power cut the place holds the old or the new file."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
    path.replace(place)
    folder = os.open(place.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One writer of an item at a time; the kernel frees the lock of a process that dies."""
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _sweep(folder: Path, name: str) -> None:
    """Remove unfinished files of a product whose writer is dead, or that are a day old."""
    for path in folder.glob(f"{_UNFINISHED}.*.*.*.{name}*"):
        host, process = path.name.removeprefix(f"{_UNFINISHED}.").split(".")[:2]
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
