"""One acquisition at every provider, and the settings with which `tulip` reads it from each."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tests.services import faults, providers, sentinel_hub_service
from tests.services.faults import FaultyProxy
from tests.services.nginx import Nginx
from tests.services.providers import Files, Published
from tests.services.s3 import BUCKET, S3
from tests.services.sentinel_hub_service import Deployment
from tests.services.stac_api import StacServer
from tulip_ops.sources.archive.source import Archive
from tulip_ops.sources.stac.providers import BUILT_IN
from tulip_ops.storage import stac_items

PATIENCE: Mapping[str, Any] = {
    "requests_per_second": 500, "reads_per_second": 1000,
    "attempts": 2, "timeout": 5.0, "longest_wait": 0.2,
}  # fmt: skip
COLLECTION = "sentinel-2-c1-l2a"


@dataclass(frozen=True)
class Copy:
    """A scene in a folder: its band files, and its item beside them."""

    published: Published
    folder: Path
    offset: float
    """That its item declares."""

    @classmethod
    def written(cls, published: Published, folder: Path, *, added: int, offset: float) -> Copy:
        """added: to DN."""
        providers.write_cogs(folder, "", published, added=added)
        copy = cls(published, folder, offset)
        copy.describe()
        return copy

    @property
    def item_path(self) -> Path:
        return self.folder / "item.json"

    @property
    def item(self) -> dict[str, Any]:
        item: dict[str, Any] = json.loads(self.item_path.read_text())
        return item

    def describe(self) -> None:
        """Write the item, its hrefs without a folder."""
        paths = {band: self.band(band) for band in self.published.reflectance}
        item = providers.earth_search_c1(self.published, Files(".", paths), offset=self.offset)
        item["properties"]["sat:relative_orbit"] = self.published.orbit
        self.item_path.write_text(json.dumps(item))

    def band(self, name: str) -> Path:
        return self.folder / f"{providers.NUMBERS[name]}.tif"

    def another(self, folder: Path) -> Copy:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.folder, folder)
        return Copy(self.published, folder, self.offset)

    def catalog(self) -> bytes:
        catalog = stac_items.new_catalog()
        catalog["links"].append({"rel": "item", "href": "./item.json"})
        return json.dumps(catalog).encode()


class Offer(Protocol):
    """A provider that offers what it was given last."""

    name: str

    def publish(self, copy: Copy) -> None: ...

    def environment(self) -> dict[str, str]: ...


class FolderOffer:
    name = "folder"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def publish(self, copy: Copy) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(copy.folder, self.folder)
        (self.folder / "catalog.json").write_bytes(copy.catalog())

    def environment(self) -> dict[str, str]:
        return {"TULIP_SOURCES": '["archive"]', "TULIP_ARCHIVE": str(self.folder)}


class S3Offer:
    name = "S3"

    def __init__(self, s3: S3, proxy: FaultyProxy) -> None:
        self.s3, self.proxy = s3, proxy

    def publish(self, copy: Copy) -> None:
        client = self.s3.client()
        for key in self.s3.names("offer/"):
            client.delete_object(Bucket=BUCKET, Key=key)
        for path in copy.folder.iterdir():
            client.put_object(Bucket=BUCKET, Key=f"offer/{path.name}", Body=path.read_bytes())
        client.put_object(Bucket=BUCKET, Key="offer/catalog.json", Body=copy.catalog())

    def environment(self) -> dict[str, str]:
        return {
            "TULIP_SOURCES": '["archive"]',
            "TULIP_ARCHIVE": f"s3://{BUCKET}/offer",
            "TULIP_S3_ENDPOINT": self.proxy.url,
        }


class StacOffer:
    name = "STAC API"

    def __init__(
        self, server: StacServer, catalog: FaultyProxy, web: Nginx, proxy: FaultyProxy
    ) -> None:
        self.server, self.catalog, self.web, self.proxy = server, catalog, web, proxy

    def publish(self, copy: Copy) -> None:
        folder = self.web.root / "offer"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(copy.folder, folder)
        item = copy.item
        for asset in item["assets"].values():
            asset["href"] = asset["href"].replace("./", f"{self.proxy.url}/offer/")
        for collection in (COLLECTION, "sentinel-2-l2a"):
            self.server.put_collection(collection)
        self.server.put_items([item])

    def environment(self) -> dict[str, str]:
        api = BUILT_IN["earth-search"].model_copy(update={"url": self.catalog.url, **PATIENCE})
        return {
            "TULIP_SOURCES": '["earth-search"]',
            "TULIP_STAC_APIS": json.dumps({"earth-search": api.model_dump()}),
        }


class SentinelHubOffer:
    """Serves what lies in a folder; its pixels are those of the first publication."""

    name = "Sentinel Hub"

    def __init__(self, folder: Path, deployment: Deployment) -> None:
        self.inner, self.deployment = FolderOffer(folder), deployment

    def publish(self, copy: Copy) -> None:
        self.inner.publish(copy)

    def environment(self) -> dict[str, str]:
        return {
            "TULIP_SOURCES": '["sentinel-hub"]',
            "TULIP_SH_URL": self.deployment.url,
            "TULIP_SH_TOKEN_URL": self.deployment.token_url,
            "TULIP_SH_CLIENT_ID": self.deployment.client_id,
            "TULIP_SH_CLIENT_SECRET": self.deployment.client_secret,
            "TULIP_SH_TIMEOUT": "5",
            "TULIP_SH_ATTEMPTS": "2",
            "TULIP_SH_LONGEST_WAIT": "0.2",
            "TULIP_UNITS_PER_RUN": "100000",
            "TULIP_UNITS_PER_MONTH": "1000000",
        }


@contextmanager
def offering(
    folder: Path, s3: S3, stac_server: StacServer, web_server: Nginx
) -> Iterator[tuple[FolderOffer, S3Offer, StacOffer, SentinelHubOffer]]:
    """All four providers, each behind a proxy or a service that can inject faults."""
    with ExitStack() as stack:
        s3_proxy, catalog, files = (
            stack.enter_context(faults.proxying(url))
            for url in (s3.url, stac_server.url, web_server.url)
        )
        place = folder / "sentinel-hub"
        deployment = stack.enter_context(sentinel_hub_service.serving(Archive(place)))
        yield (
            FolderOffer(folder / "archive"),
            S3Offer(s3, s3_proxy),
            StacOffer(stac_server, catalog, web_server, files),
            SentinelHubOffer(place, deployment),
        )
