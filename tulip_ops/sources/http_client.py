"""HTTP client with rate limit and bounded retries: imports urllib3, as `public_hosts` does.

URLs may be signed: messages show them without their query.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path

import urllib3

from tulip_ops.core import watchdog
from tulip_ops.core.errors import (
    CredentialRefused,
    SourceUnavailable,
    TooManyRequests,
    UnreadableRaster,
)
from tulip_ops.core.types import JSON
from tulip_ops.raster.range_file import SizedRangeFile
from tulip_ops.sources import public_hosts

_CONNECT = 10.0
_CHUNK = 1 << 16
_FIRST_WAIT = 0.5
_REFUSED = {401, 403}
_GONE = {404, 410}
_WHOLE, _PARTIAL, _OUTSIDE = 200, 206, 416
_GOOD = {_WHOLE, _PARTIAL, _OUTSIDE}
_PASSING = {429, 500, 502, 503, 504}
"""Retryable status codes."""


logging.getLogger("urllib3").setLevel(logging.INFO)  # below it, it logs signed URLs


class RateLimiter:
    """Limits requests per second, evenly spaced. Thread-safe."""

    def __init__(self, per_second: float) -> None:
        self._pause = 1 / per_second
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next)
            self._next = turn + self._pause
        time.sleep(turn - now)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Attempts, timeouts and waits of a request."""

    attempts: int = 4
    """How often one request is sent."""
    timeout: float = 60.0
    """Seconds within which one answer must be complete."""
    longest_wait: float = 60.0
    """Seconds between two attempts, whatever the server asks for."""

    def retries(self) -> urllib3.Retry:
        """The same for libraries that bring their own HTTP on top of urllib3."""
        return urllib3.Retry(
            total=self.attempts - 1,
            status_forcelist=_PASSING,
            allowed_methods=None,  # a search is a POST, and idempotent
            backoff_factor=_FIRST_WAIT,
            backoff_max=self.longest_wait,
            retry_after_max=int(self.longest_wait),
            raise_on_status=False,
        )


class HttpClient:
    """HTTP requests to one provider, with retries and a rate limit. Thread-safe."""

    def __init__(
        self,
        credential: str,
        patience: RetryPolicy | None = None,
        throttle: RateLimiter | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        public_only: bool = False,
    ) -> None:
        """credential: its name in the settings, for the message if it is refused.

        headers: with credentials, not sent to another host that a redirect leads to. public_only:
        `BadScene` for an address that is loopback, link-local or private, also after a redirect.
        """
        self._credential = credential
        self._patience = patience or RetryPolicy()
        self._throttle = throttle
        self._headers = dict(headers or {})
        make = public_hosts.pool_manager if public_only else urllib3.PoolManager
        self._pool = make(num_pools=4, maxsize=16)
        self._redirects = urllib3.Retry(
            total=None, connect=0, read=0, redirect=5, status=0, other=0,
            remove_headers_on_redirect=[
                *urllib3.Retry.DEFAULT_REMOVE_HEADERS_ON_REDIRECT, *self._headers
            ],
        )  # fmt: skip

    def get_json(self, url: str) -> JSON:
        """A JSON document. `CredentialRefused`, `SourceUnavailable`, `TooManyRequests`."""
        _, body, _ = self._get(url, {})
        try:
            return json.loads(body)
        except ValueError as error:
            raise SourceUnavailable(f"{without_query(url)} answered no JSON ({error})") from error

    def get_range(self, url: str, start: int, stop: int) -> tuple[bytes, int]:
        """Bytes from `start` to before `stop`, fewer at the end of the file; and its size.

        `UnreadableRaster` if it is not there; errors as of `get_json`.
        """
        status, body, headers = self._get(url, {"Range": f"bytes={start}-{stop - 1}"})
        _, _, size = headers.get("Content-Range", "").rpartition("/")
        if status == _OUTSIDE and size.isdigit():
            return b"", int(size)
        if status == _PARTIAL and size.isdigit():
            return body, int(size)
        if status == _WHOLE and len(body) <= stop:
            return body[start:], len(body)
        raise SourceUnavailable(
            f"{without_query(url)} does not answer by ranges ({status}); with verify_checksums"
            " files are fetched whole"
        )

    def download(self, url: str, path: Path) -> None:
        """A whole file to `path`. `UnreadableRaster` if it is not there; errors of `get_json`."""
        _, body, _ = self._get(url, {})
        path.write_bytes(body)

    def _get(self, url: str, headers: Mapping[str, str]) -> tuple[int, bytes, Mapping[str, str]]:
        """Status, body and headers of the first answer that is not a transient failure."""
        for left in reversed(range(self._patience.attempts)):
            if self._throttle is not None:
                self._throttle.wait()
            asked = time.monotonic()
            try:
                status, body, received = self._once(url, headers)
            except (urllib3.exceptions.HTTPError, TimeoutError) as error:
                failure: SourceUnavailable = SourceUnavailable(
                    f"{without_query(url)} does not answer, or not to the end"
                    f" ({_reason(error)} after {time.monotonic() - asked:.0f} s)"
                )
                wait = self._backoff(left)
            else:
                if status in _REFUSED:
                    raise CredentialRefused(
                        f"{without_query(url)} refuses us ({status}); check {self._credential}"
                    )
                if status in _GONE:
                    raise UnreadableRaster(f"{without_query(url)} is not there ({status})")
                if status in _GOOD:
                    return status, body, received
                kind = TooManyRequests if status == 429 else SourceUnavailable
                failure = kind(
                    f"{without_query(url)} answered {status} to the last of"
                    f" {self._patience.attempts - left} requests; try again later"
                )
                if status not in _PASSING:
                    break
                wait = _retry_after(received, self._backoff(left))
            if left:
                watchdog.tick()  # a bounded wait
                time.sleep(min(wait, self._patience.longest_wait))
        raise failure

    def _once(self, url: str, headers: Mapping[str, str]) -> tuple[int, bytes, Mapping[str, str]]:
        """One attempt; the answer must be complete within the timeout."""
        patience = self._patience.timeout
        deadline = time.monotonic() + patience
        response = self._pool.request(
            "GET",
            url,
            headers={**self._headers, **headers},
            timeout=urllib3.Timeout(connect=min(_CONNECT, patience), read=patience),
            retries=self._redirects,
            preload_content=False,
        )
        try:
            body = bytearray()
            for chunk in response.stream(_CHUNK):
                body += chunk
                watchdog.tick()
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{len(body)} bytes in {patience:.0f} s")
        except BaseException:
            response.close()
            raise
        response.release_conn()
        return response.status, bytes(body), response.headers

    def _backoff(self, left: int) -> float:
        return _FIRST_WAIT * float(2 ** (self._patience.attempts - 1 - left))


class HttpRangeFile(SizedRangeFile):
    """A file that is read by HTTP ranges: a `range_reader.RangeFile`."""

    def __init__(
        self, web: HttpClient, url: str, sign: Callable[[str], str] = str, size: int | None = None
    ) -> None:
        """sign: returns the URL with a signature valid now. size: as declared."""
        super().__init__(without_query(url), size)
        self._web = web
        self._url = url
        self._sign = sign

    def _part(self, start: int, stop: int) -> tuple[bytes, int]:
        return self._web.get_range(self._sign(self._url), start, stop)

    def download(self, path: Path) -> None:
        """All of it to `path`; errors as of `HttpClient.get_json`."""
        self._web.download(self._sign(self._url), path)


def without_query(url: str) -> str:
    """The URL without its query, which may hold a signature."""
    return url.partition("?")[0]


def _reason(error: Exception) -> str:
    """What failed, without the URL that urllib3 puts into its messages."""
    reason = getattr(error, "reason", None)
    return type(reason if isinstance(reason, Exception) else error).__name__


def _retry_after(headers: Mapping[str, str], otherwise: float) -> float:
    """Seconds to wait according to the server: a number, or a date."""
    value = headers.get("Retry-After", "").strip()
    if value.isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return otherwise
