"""The products of acquisitions: whole or absent, and never found half-written.

Everything of one acquisition lives in `<store>/<id>/`, a folder or an S3 prefix: the files, and
`item.json`, a STAC item whose assets say of each file its size, its checksum and the recipe that
made it. The item is the truth: a file that it does not list, or that differs from what it lists,
is as good as absent.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, is_dataclass
from pathlib import Path

from tulip_ops.core.errors import BadSetting, ProductDamaged, ProductMissing, StoreUnavailable
from tulip_ops.core.files import SHA256_MULTIHASH, sha256_file
from tulip_ops.core.storage_settings import StorageSettings
from tulip_ops.core.types import JSON, AcquisitionId, ModelReference
from tulip_ops.storage.object_store import ObjectStore, is_s3
from tulip_ops.storage.product_backends import (
    ITEM,
    FolderBackend,
    ProductBackend,
    S3Backend,
    temporary_path,
)

_EMPTY: Mapping[str, JSON] = {"properties": {}, "assets": {}}


def open_store(settings: StorageSettings) -> ProductStore:
    """The store that the settings name, with copies of an S3 store's products in the state."""
    return ProductStore(
        settings.store_place,
        s3_endpoint=settings.s3_endpoint,
        copies=settings.state / "copies",
        most_bytes=int(settings.copies_gb * 1e9),
    )


class ProductStore:
    """Products by acquisition and file name, such as `tulip.tif`."""

    def __init__(
        self,
        place: str,
        *,
        s3_endpoint: str | None = None,
        copies: Path = Path(".tulip/copies"),
        most_bytes: int = 0,
    ) -> None:
        """place: a folder or s3://bucket/prefix. copies, most_bytes: as `S3Backend` says."""
        if "://" in place and not is_s3(place):
            raise BadSetting(f"TULIP_STORE={place}: give a folder or s3://bucket/prefix")
        self._place = place
        self.places = ObjectStore(s3_endpoint, unavailable=StoreUnavailable)
        self._backend: ProductBackend = (
            S3Backend(place, self.places, copies, most_bytes)
            if is_s3(place)
            else FolderBackend(Path(place))
        )

    def probe(self) -> str:
        """Whether it can be written: where it is.

        `StoreUnavailable`, or what `ObjectStore` raises.
        """
        return self._backend.probe()

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

        def start(data: bytes | None) -> bytes:
            old = _EMPTY if data is None else self._parsed(acquisition_id, data)
            properties = {**old["properties"], **item["properties"]}
            assets = {**item["assets"], **old["assets"]}
            return _encoded({**item, "properties": properties, "assets": assets})

        self._backend.revise(str(acquisition_id), start)

    def acquisitions(self) -> list[AcquisitionId]:
        """Everything that has an item, sorted by id."""
        items = [
            found for found in self.places.list_files(self._place) if found.endswith(f"/{ITEM}")
        ]
        return sorted((AcquisitionId.parse(item.split("/")[-2]) for item in items), key=str)

    def item(self, acquisition_id: AcquisitionId) -> dict[str, JSON]:
        """The STAC item. `ProductMissing` without one, `ProductDamaged` if it is not JSON."""
        try:
            data = self._backend.item(str(acquisition_id))
        except FileNotFoundError:
            data = None
        return self._parsed(acquisition_id, data)

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
        return asset["tulip:recipe"] == recipe and self._backend.holds(
            str(acquisition_id), name, asset["file:size"], _sha256(asset)
        )

    def product(self, acquisition_id: AcquisitionId, name: str) -> Path:
        """The file of a product, verified by its checksum; `ProductMissing`, `ProductDamaged`.

        From S3 it is a copy, which later calls for the same product find and verify.
        """
        asset, folder = self.asset(acquisition_id, name), str(acquisition_id)
        try:
            return self._backend.fetch(folder, name, asset["file:size"], _sha256(asset))
        except FileNotFoundError:
            raise self._missing(folder, name) from None

    @contextmanager
    def reading(self, acquisition_id: AcquisitionId, name: str) -> Iterator[Path]:
        """The same for a long read of a large file, which begins before the checksum is known.

        `ProductDamaged` at the end at the latest, in the place of any other error: what is made
        of the file may be published after that alone.
        """
        asset, folder = self.asset(acquisition_id, name), str(acquisition_id)
        read = self._backend.reading(folder, name, asset["file:size"], _sha256(asset))
        with ExitStack() as stack:
            try:
                path = stack.enter_context(read)
            except FileNotFoundError:
                raise self._missing(folder, name) from None
            yield path

    def checksum(self, acquisition_id: AcquisitionId, name: str) -> str:
        """The listed sha256 of a product, hexadecimal; `ProductMissing`."""
        return _sha256(self.asset(acquisition_id, name))

    def address(self, acquisition_id: AcquisitionId, *names: str) -> str:
        """Of something in the acquisition's folder, for `object_store`."""
        return self._backend.address(str(acquisition_id), *names)

    @contextmanager
    def writing(self, acquisition_id: AcquisitionId, name: str) -> Iterator[Path]:
        """A path to write a product to; `publish` takes it from there.

        What is still there at the end is removed, and so is what killed writers of the same
        product left behind. The path keeps the suffix of `name`.
        """
        with temporary_path(self._backend.staging_dir(str(acquisition_id)), name) as path:
            yield path

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
        digest = sha256_file(path)
        asset = {
            **(fields or {}),
            "href": f"./{name}",
            "title": title,
            "type": media_type,
            "roles": ["data"],
            "file:size": path.stat().st_size,
            "file:checksum": SHA256_MULTIHASH + digest,
            "tulip:recipe": recipe,
        }
        if model is not None:
            asset["tulip:model"] = asdict(model)

        def listed(data: bytes | None) -> bytes:
            item = self._parsed(acquisition_id, data)
            item["assets"][_key(name)] = asset
            item["properties"].update(properties or {})
            return _encoded(item)

        self._backend.publish(str(acquisition_id), name, path, digest, listed)

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

    def _missing(self, folder: str, name: str) -> ProductMissing:
        return ProductMissing(
            f"{self._backend.address(folder, name)} is listed in {ITEM} but missing;"
            " repeat the step that makes it"
        )

    def _parsed(self, acquisition_id: AcquisitionId, data: bytes | None) -> dict[str, JSON]:
        address = self._backend.address(str(acquisition_id), ITEM)
        if data is None:
            raise ProductMissing(
                f"nothing is stored of {acquisition_id} ({address} is missing);"
                f" run `tulip acquire {acquisition_id}`"
            )
        try:
            item: dict[str, JSON] = json.loads(data)
        except ValueError as error:
            raise ProductDamaged(
                f"{address} is not JSON ({error});"
                f" delete it and run `tulip acquire {acquisition_id}`"
            ) from error
        return item


def _key(name: str) -> str:
    return Path(name).stem


def _plain(value: object) -> JSON:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else str(value)


def _sha256(asset: Mapping[str, JSON]) -> str:
    multihash: str = asset["file:checksum"]
    return multihash.removeprefix(SHA256_MULTIHASH)


def _encoded(item: Mapping[str, JSON]) -> bytes:
    return (json.dumps(item, indent=2, ensure_ascii=False) + "\n").encode()
