"""Searches STAC APIs: the only importer of pystac-client."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from functools import cached_property
from typing import Any

from pystac_client import Client
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from tulip_ops.core.errors import (
    BadScene,
    BadSetting,
    CredentialRefused,
    SourceUnavailable,
    TooManyRequests,
)
from tulip_ops.core.source_settings import StacApi
from tulip_ops.sources.granule import Granule, parse_granule
from tulip_ops.sources.http_client import RateLimiter, RetryPolicy

log = logging.getLogger(__name__)
logging.getLogger("pystac_client").setLevel(logging.INFO)  # below it, it logs headers

_PAGE = 100


class StacClient:
    """The items of one STAC API, with a rate limit."""

    def __init__(
        self, name: str, api: StacApi, headers: Mapping[str, str], throttle: RateLimiter
    ) -> None:
        self.problems: list[str] = []
        """Unusable items of the latest query, each with its reason."""
        self._name = name
        self._api = api
        self._headers = dict(headers)
        self._patience = RetryPolicy(api.attempts, api.timeout, api.longest_wait)
        self._throttle = throttle

    def granules(self, ground: BaseGeometry, since: date, until: date) -> list[Granule]:
        """What was sensed over `ground` from `since` to `until`, inclusive, in all collections.

        ground: EPSG:4326. Unusable items go to `problems`, and to the log.
        `CredentialRefused`, `TooManyRequests`, `SourceUnavailable`.
        """
        self.problems.clear()
        granules = []
        for item in self._items(
            collections=list(self._api.collections),
            intersects=mapping(ground),
            datetime=f"{since}T00:00:00Z/{until}T23:59:59.999Z",
        ):
            try:
                granules.append(self._granule(item))
            except BadScene as error:
                self.problems.append(str(error))
                log.warning("left out: %s", error)
        return granules

    def example(self) -> Granule | None:
        """Any item of the first collection, the newest by most APIs' own order.

        `BadSetting` if one of the collections does not exist.
        """
        for collection in self._api.collections:
            with self._answering():
                known = self._client.get_collection(collection)
            if known is None:
                raise BadSetting(
                    f"{self._api.url} has no collection {collection!r}; check TULIP_STAC_APIS"
                )
        first = next(iter(self._api.collections))
        items = self._items(collections=[first], max_items=1)
        return self._granule(items[0]) if items else None

    def _granule(self, item: Any) -> Granule:
        address = _address(item, self._api.url)
        if not isinstance(item, dict):
            raise BadScene(f"{address} is {item!r:.60}, not an object")
        return parse_granule(item, self._api, address)

    def _items(self, **query: Any) -> list[Any]:
        """Every item of a search, each once even if pages overlap."""
        found: dict[str, Any] = {}
        for left in reversed(range(self._patience.attempts)):
            try:
                with self._answering():
                    for page in self._client.search(limit=_PAGE, **query).pages_as_dicts():
                        fresh = {_key(item): item for item in page["features"]}
                        if fresh.keys() <= found.keys():
                            break  # a server whose pages repeat
                        found |= fresh
            except SourceUnavailable as error:
                # the retries below this library do not cover an answer's body
                if not left or not _was_cut(error):
                    raise
                time.sleep(min(1.0, self._patience.longest_wait))
            else:
                break
        return list(found.values())

    @cached_property
    def _client(self) -> Client:
        # `open` drops the settings of its StacApiIO, except the retries
        return Client.open(
            self._api.url,
            headers=self._headers,
            timeout=(min(10.0, self._api.timeout), self._api.timeout),
            request_modifier=lambda _: self._throttle.wait(),
            stac_io=StacApiIO(max_retries=self._patience.retries()),
        )

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Turns the library's errors for a refused or broken answer into ours."""
        try:
            yield
        except (BadSetting, SourceUnavailable):
            raise
        except Exception as error:
            answer = _answer(error)
            if answer is not None:
                raise self._told(getattr(answer, "status_code", None), answer) from error
            raise SourceUnavailable(
                f"{self._api.url} does not answer as a STAC API ({error!r:.200}); check its url"
            ) from error

    def _told(self, status: int | None, error: APIError) -> Exception:
        url = self._api.url
        if status in {401, 403}:
            return CredentialRefused(
                f"{url} refuses us ({status}); check TULIP_STAC_HEADERS for {self._name!r}"
            )
        if status == 429:
            return TooManyRequests(
                f"{url} still answers 429 after {self._patience.attempts} requests; try again later"
            )
        if status is None:
            return SourceUnavailable(f"{url} does not answer, or not to the end ({error!s:.200})")
        return SourceUnavailable(f"{url} answered {status}; try again later")


def _was_cut(error: SourceUnavailable) -> bool:
    """Whether there was no answer, or one that ended too early."""
    cause = error.__cause__
    return isinstance(cause, APIError) and getattr(cause, "status_code", None) is None


def _answer(error: BaseException | None) -> APIError | None:
    """The HTTP error behind an error: for a landing page pystac only reports that it is no STAC."""
    while error is not None and not isinstance(error, APIError):
        error = error.__cause__ or error.__context__
    return error


def _key(item: Any) -> str:
    """What makes an item another one than those of the pages before."""
    named = isinstance(item, dict)
    return json.dumps([item.get("collection"), item.get("id")] if named else item)


def _address(item: Any, base: str) -> str:
    """The item's own URL."""
    if not isinstance(item, dict):
        return f"an item of {base}"
    links = item.get("links")
    for link in links if isinstance(links, list) else ():
        if isinstance(link, dict) and link.get("rel") == "self" and link.get("href"):
            return str(link["href"])
    return f"{base}/collections/{item.get('collection')}/items/{item.get('id')}"
