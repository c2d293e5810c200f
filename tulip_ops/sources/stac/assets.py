"""The files of a STAC API's bands: read by ranges or downloaded, signed, verified, cached."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Collection, Mapping
from functools import cached_property, partial
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from tulip_ops.core.errors import BadScene
from tulip_ops.core.source_settings import StacApi
from tulip_ops.raster.range_reader import CachedRangeFile, RangeFile
from tulip_ops.sources import integrity, public_hosts
from tulip_ops.sources.http_client import (
    HttpClient,
    HttpRangeFile,
    RateLimiter,
    RetryPolicy,
    without_query,
)
from tulip_ops.sources.stac.sas_tokens import SasTokens
from tulip_ops.sources.stac_bands import SceneBand
from tulip_ops.storage.addresses import is_s3
from tulip_ops.storage.object_store import ObjectStore
from tulip_ops.storage.s3_range_file import S3RangeFile


class BandFiles:
    """Inputs of raster/reader.py, by band. Thread-safe if threads use different bands."""

    def __init__(
        self, name: str, api: StacApi, headers: Mapping[str, str], throttle: RateLimiter
    ) -> None:
        """headers: credentials, sent to the API's host alone. throttle: of requests to the API."""
        patience = RetryPolicy(api.attempts, api.timeout, api.longest_wait)
        credential = f"TULIP_STAC_HEADERS and TULIP_STAC_APIS for {name!r}"
        reads = RateLimiter(api.reads_per_second)
        self._api = api
        self._own = HttpClient(credential, patience, reads, headers)
        self._other = partial(HttpClient, credential, patience, reads)
        self._signatures = None
        if api.token_url is not None:
            self._signatures = SasTokens(HttpClient(credential, patience, throttle), api.token_url)
        self._places = ObjectStore(
            api.s3_endpoint, profile=api.s3_profile, requester_pays=api.requester_pays
        )
        self._open: dict[str, str | RangeFile] = {}

    def raster(self, band: SceneBand, collection: str) -> str | RangeFile:
        """The band's file: the same one for every strip of a scene.

        With `verify_checksums` a local copy, `ChecksumMismatch` if it is not as declared.
        """
        if band.href not in self._open:
            file = self.remote(band, collection)
            verify = self._api.verify_checksums
            self._open[band.href] = self._copy(file, band) if verify else CachedRangeFile(file)
        return self._open[band.href]

    def remote(self, band: SceneBand, collection: str) -> HttpRangeFile | S3RangeFile:
        """The band's file at its provider."""
        href, size = band.href, band.declared.size
        if is_s3(href):
            return S3RangeFile(self._places, href, size)
        if not href.startswith(("http://", "https://")):
            raise BadScene(f"{without_query(href)} can be read neither over HTTP nor from S3")
        own = urlsplit(href).netloc == urlsplit(self._api.url).netloc
        web = self._own if own else self._others
        signatures = self._signatures
        if signatures is None:
            return HttpRangeFile(web, href, size=size)
        return HttpRangeFile(web, href, lambda url: signatures.sign(url, collection), size)

    def forget(self, but: Collection[str]) -> None:
        """Close every file, and remove every copy, save those of these hrefs."""
        for href in set(self._open) - set(but):
            file = self._open.pop(href)
            if isinstance(file, str):
                Path(file).unlink()

    def _copy(self, file: HttpRangeFile | S3RangeFile, band: SceneBand) -> str:
        path = self._copies / (sha256(band.href.encode()).hexdigest() + Path(file.name).suffix)
        if isinstance(file, HttpRangeFile):
            file.download(path)
        else:
            self._places.download(band.href, path)
        integrity.check_size(path.stat().st_size, band.declared, file.name)
        integrity.check_bytes(path, band.declared)
        return str(path)

    @cached_property
    def _others(self) -> HttpClient:
        """For other hosts: public ones, unless the API itself lies in our own network."""
        host = urlsplit(self._api.url).hostname or ""
        return self._other(public_only=not public_hosts.names_private_host(host))

    @cached_property
    def _copies(self) -> Path:
        """A folder deleted with this object."""
        folder = Path(tempfile.mkdtemp(prefix="tulip-bands-"))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return folder
