"""The products of acquisitions and seasons. Readers never see a partly written one.

An acquisition, or a tile in a season, has a folder or S3 prefix `<store>/<id>/` with its product
files and `item.json`, a STAC item whose assets list size, checksum and recipe of each file. The
item is authoritative: a file that it does not list, or whose size or checksum differs, counts as
missing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TypeAlias

from tulip_ops.core.errors import BadSetting, ProductDamaged, ProductMissing, StoreUnavailable
from tulip_ops.core.files import SHA256_MULTIHASH, sha256_file
from tulip_ops.core.storage_settings import StorageSettings
from tulip_ops.core.types import JSON, AcquisitionId, ModelReference, SeasonTile
from tulip_ops.storage.addresses import is_s3
from tulip_ops.storage.folder_backend import FolderBackend
from tulip_ops.storage.object_store import ObjectStore
from tulip_ops.storage.product_backend import ITEM, ProductBackend
from tulip_ops.storage.products import Product
from tulip_ops.storage.s3_backend import S3Backend
from tulip_ops.storage.unfinished_files import temporary_path

ItemId: TypeAlias = AcquisitionId | SeasonTile
"""What has a folder and an item: an acquisition, or a tile in a season."""

_EMPTY: Mapping[str, JSON] = {"properties": {}, "assets": {}}


def open_store(settings: StorageSettings) -> ProductStore:
    """The store of the settings; copies of products in S3 are in the state folder."""
    return ProductStore(
        settings.store_place,
        s3_endpoint=settings.s3_endpoint,
        copies=settings.state / "copies",
        most_bytes=int(settings.copies_gb * 1e9),
    )


class ProductStore:
    """The products of acquisitions, in a folder or in S3."""

    def __init__(
        self,
        place: str,
        *,
        s3_endpoint: str | None = None,
        copies: Path = Path(".tulip/copies"),
        most_bytes: int = 0,
    ) -> None:
        """place: a folder or s3://bucket/prefix. copies, most_bytes: for `S3Backend`."""
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
        """Check that the store can be written; returns its address.

        `StoreUnavailable`, and the other errors of `ObjectStore`.
        """
        return self._backend.probe()

    @staticmethod
    def recipe(step: str, **inputs: JSON) -> str:
        """Cache key of a product: a hexadecimal sha256 of everything that determines it.

        inputs: format number, checksums of the products that the step reads, model and parameters;
        JSON values, dataclasses, or objects whose `str` identifies them. Their order does not
        matter.
        """
        text = json.dumps(
            {"step": step, "inputs": inputs}, sort_keys=True, separators=(",", ":"), default=_plain
        )
        return hashlib.sha256(text.encode()).hexdigest()

    def start_item(self, item_id: ItemId, item: Mapping[str, JSON]) -> None:
        """Write the item of an acquisition, before its first product.

        Published products stay listed, with their properties: their own recipes decide whether
        they are still current.
        """

        def start(data: bytes | None) -> bytes:
            old = _EMPTY if data is None else self._parsed(item_id, data)
            properties = {**old["properties"], **item["properties"]}
            assets = {**item["assets"], **old["assets"]}
            return _encoded({**item, "properties": properties, "assets": assets})

        self._backend.revise(str(item_id), start)

    def acquisitions(self) -> list[AcquisitionId]:
        """All acquisitions that have an item, sorted by id."""
        names = [
            found.split("/")[-2]
            for found in self.places.list_files(self._place)
            if found.endswith(f"/{ITEM}")
        ]
        ids = [AcquisitionId.parse(name) for name in names if SeasonTile.parse(name) is None]
        return sorted(ids, key=str)

    def item(self, item_id: ItemId) -> dict[str, JSON]:
        """The STAC item. `ProductMissing` without one, `ProductDamaged` if it is not JSON."""
        try:
            data = self._backend.item(str(item_id))
        except FileNotFoundError:
            data = None
        return self._parsed(item_id, data)

    def properties(self, item_id: ItemId) -> dict[str, JSON]:
        """Properties of the STAC item."""
        properties: dict[str, JSON] = self.item(item_id)["properties"]
        return properties

    def is_current(self, item_id: ItemId, product: Product, recipe: str) -> bool:
        """Whether the product exists, is undamaged, and has this recipe."""
        try:
            asset = self.asset(item_id, product)
        except ProductMissing:
            return False
        return asset["tulip:recipe"] == recipe and self._backend.holds(
            str(item_id), product.name, asset["file:size"], _sha256(asset)
        )

    def product(self, item_id: ItemId, product: Product) -> Path:
        """The file of a product, verified by its checksum; `ProductMissing`, `ProductDamaged`.

        From S3 it is a local copy, which later calls verify and use again.
        """
        asset, folder = self.asset(item_id, product), str(item_id)
        try:
            return self._backend.fetch(folder, product.name, asset["file:size"], _sha256(asset))
        except FileNotFoundError:
            raise self._missing(folder, product) from None

    @contextmanager
    def reading(self, item_id: ItemId, product: Product) -> Iterator[Path]:
        """As `product`, but a large file may be verified while it is read.

        `ProductDamaged` at the end at the latest, in the place of any other error. Results may be
        published only after that.
        """
        asset, folder = self.asset(item_id, product), str(item_id)
        read = self._backend.reading(folder, product.name, asset["file:size"], _sha256(asset))
        with ExitStack() as stack:
            try:
                path = stack.enter_context(read)
            except FileNotFoundError:
                raise self._missing(folder, product) from None
            yield path

    def checksum(self, item_id: ItemId, product: Product) -> str:
        """The listed sha256 of a product, hexadecimal; `ProductMissing`."""
        return _sha256(self.asset(item_id, product))

    def address(self, item_id: ItemId, *names: str) -> str:
        """Address of a file in the folder of the acquisition, for `ObjectStore`."""
        return self._backend.address(str(item_id), *names)

    @contextmanager
    def writing(self, item_id: ItemId, product: Product) -> Iterator[Path]:
        """A temporary path to write a product to, with the suffix of its file; for `publish`.

        The file is removed at the end if it is still there, and so are the unfinished files of
        killed writers of the same product.
        """
        with temporary_path(self._backend.staging_dir(str(item_id)), product.name) as path:
            yield path

    def publish(
        self,
        item_id: ItemId,
        product: Product,
        path: Path,
        *,
        recipe: str,
        model: ModelReference | None = None,
        properties: Mapping[str, JSON] | None = None,
        fields: Mapping[str, JSON] | None = None,
    ) -> None:
        """Move a written file to its final place and list it in the item.

        path: from `writing`. model: the network that made it. properties: of the item, about the
        acquisition. fields: further STAC fields of the asset. The file is moved before the item
        is written: if the writer is killed between the two, the checksum does not match, so that
        the product is not current. `ProductMissing` if no item was started.
        """
        digest = sha256_file(path)
        asset = {
            **(fields or {}),
            "href": f"./{product.name}",
            "title": product.title,
            "type": product.media_type,
            "roles": ["data"],
            "file:size": path.stat().st_size,
            "file:checksum": SHA256_MULTIHASH + digest,
            "tulip:recipe": recipe,
        }
        if model is not None:
            asset["tulip:model"] = asdict(model)

        def listed(data: bytes | None) -> bytes:
            item = self._parsed(item_id, data)
            item["assets"][product.key] = asset
            item["properties"].update(properties or {})
            return _encoded(item)

        self._backend.publish(str(item_id), product.name, path, digest, listed)

    def asset(self, item_id: ItemId, product: Product) -> dict[str, JSON]:
        """The asset of a product in the item; `ProductMissing`."""
        assets = self.item(item_id)["assets"]
        if product.key not in assets:
            raise ProductMissing(
                f"{item_id} has no {product.name} yet; `{_maker(item_id, 'run')}` makes it"
            )
        asset: dict[str, JSON] = assets[product.key]
        return asset

    def _missing(self, folder: str, product: Product) -> ProductMissing:
        return ProductMissing(
            f"{self._backend.address(folder, product.name)} is listed in {ITEM} but missing;"
            " repeat the step that makes it"
        )

    def _parsed(self, item_id: ItemId, data: bytes | None) -> dict[str, JSON]:
        address = self._backend.address(str(item_id), ITEM)
        if data is None:
            raise ProductMissing(
                f"nothing is stored of {item_id} ({address} is missing); run `{_maker(item_id)}`"
            )
        try:
            item: dict[str, JSON] = json.loads(data)
        except ValueError as error:
            raise ProductDamaged(
                f"{address} is not JSON ({error}); delete it and run `{_maker(item_id)}`"
            ) from error
        return item


def _maker(item_id: ItemId, step: str = "acquire") -> str:
    """The command that makes what is missing of an item."""
    return "tulip history" if isinstance(item_id, SeasonTile) else f"tulip {step} {item_id}"


def _plain(value: object) -> JSON:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else str(value)


def _sha256(asset: Mapping[str, JSON]) -> str:
    multihash: str = asset["file:checksum"]
    return multihash.removeprefix(SHA256_MULTIHASH)


def _encoded(item: Mapping[str, JSON]) -> bytes:
    return (json.dumps(item, indent=2, ensure_ascii=False) + "\n").encode()
