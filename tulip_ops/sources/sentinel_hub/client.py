"""Sentinel Hub client: tokens, bounded retries, budget. The only importer of requests."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import requests
import urllib3

from tulip_ops.core import watchdog
from tulip_ops.core.errors import (
    BadSetting,
    BudgetExceeded,
    CredentialMissing,
    CredentialRefused,
    SourceUnavailable,
    TooManyRequests,
)
from tulip_ops.core.types import AcquisitionId
from tulip_ops.postgis.budgets import Budget, Request

_CONNECT = 15.0
"""Seconds to wait for a connection."""
_CHUNK = 1 << 18
_QUOTA_USED_UP = "INSUFFICIENT_PROCESSING_UNITS"
_SPENT = "x-processingunits-spent"
_REFUSED = {400, 401, 403}
"""Status codes of an OAuth service for an unknown client."""


@dataclass(frozen=True, slots=True)
class Access:
    """URLs, credentials, timeouts and retries of Sentinel Hub."""

    url: str
    token_url: str
    client_id: str | None = field(repr=False)
    client_secret: str | None = field(repr=False)
    instance_id: str | None = field(default=None, repr=False)
    timeout: float = 300.0
    """Seconds within which an answer must be complete."""
    attempts: int = 4
    """How often a request is sent before it fails."""
    longest_wait: float = 120.0
    """Longest Retry-After that is respected, seconds."""
    pause: float = 1.0
    """Seconds before the first retry without a Retry-After; three times that before the next,
    and so on."""

    def hide(self, text: str) -> str:
        """`text` without secrets."""
        for secret in (self.client_secret, self.client_id, self.instance_id):
            text = text.replace(secret, "***") if secret else text
        return text


@dataclass(frozen=True, slots=True)
class Charge:
    """How a request is booked."""

    units: float
    request: Request
    acquisition_id: AcquisitionId | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """A complete HTTP response."""

    status: int
    headers: Mapping[str, str]
    """Case-insensitive names."""
    content: bytes
    seconds: float


class Client:
    """Sends requests to one deployment. Threads may share it."""

    def __init__(self, access: Access, budget: Budget) -> None:
        self.access = access
        self._budget = budget
        self._token: str | None = None
        self._renew_at = 0.0
        self._lock = Lock()

    def send(
        self,
        method: str,
        url: str,
        charge: Charge,
        *,
        signed: bool,
        headers: Mapping[str, str],
        body: Mapping[str, Any] | None,
    ) -> Response:
        """Send a request until it is answered, and book what it costs; signed: with a token.

        Each attempt is booked before and corrected after; if the answer is truncated or too late,
        it is unknown whether it was charged, and the estimate stays. An expired token is renewed
        immediately. `CredentialMissing`, `CredentialRefused`, `BudgetExceeded`, `BadSetting`, and
        after the retries `SourceUnavailable` or `TooManyRequests`.
        """

        def once() -> Response:
            token = self.token() if signed else None
            own = {"Authorization": f"Bearer {token}"} if token else {}
            booking = self._budget.book(charge.units, charge.request, charge.acquisition_id)
            answer = self._exchange(method, url, headers={**headers, **own}, json=body)
            done = answer.status < 300
            self._budget.settle(booking, _spent(answer, charge.units) if done else 0.0)
            if answer.status == 401 and token:
                self._forget(token)
            return answer

        def once_with_a_good_token() -> Response:
            answer = once()
            return once() if signed and answer.status == 401 else answer

        return self._patiently(once_with_a_good_token, self._refusal, 1e-3)

    def token(self) -> str:
        """A token valid for a while, shared by all threads until it expires."""
        with self._lock:
            if self._token is None or time.monotonic() >= self._renew_at:
                self._token, seconds = self._new_token()
                self._renew_at = time.monotonic() + max(seconds / 2, seconds - 60)
            return self._token

    def _forget(self, token: str) -> None:
        with self._lock:
            if self._token == token:
                self._token = None

    def _new_token(self) -> tuple[str, float]:
        access = self.access
        if not (access.client_id and access.client_secret):
            missing = "ID" if not access.client_id else "SECRET"
            raise CredentialMissing(
                f"Sentinel Hub ({access.url}) needs an OAuth client: TULIP_SH_CLIENT_{missing} is"
                " not set; make one in the deployment's dashboard, see docs/how-to/sentinel-hub.md"
            )
        form = {
            "grant_type": "client_credentials",
            "client_id": access.client_id,
            "client_secret": access.client_secret,
        }

        def once() -> Response:
            return self._exchange("POST", access.token_url, data=form)

        # unlike Sentinel Hub itself, its identity service counts Retry-After in seconds
        answer = self._patiently(once, self._token_refusal, 1.0)
        try:
            document = json.loads(answer.content)
            return str(document["access_token"]), float(document["expires_in"])
        except (LookupError, TypeError, ValueError) as error:
            raise SourceUnavailable(
                f"{access.token_url} gave no token that can be read ({type(error).__name__});"
                " check TULIP_SH_TOKEN_URL"
            ) from error

    def _patiently(
        self,
        once: Callable[[], Response],
        refusal: Callable[[Response], Exception | None],
        retry_after_unit: float,
    ) -> Response:
        """The first good answer of `once`; refusal: the error for an answer that will not change.

        Ends within `attempts` answers and as many waits, each bounded.
        """
        access = self.access
        for attempt in range(1, access.attempts + 1):
            wait = access.pause * 3 ** (attempt - 1)
            try:
                answer = once()
            except SourceUnavailable as error:
                trouble = error
            else:
                if answer.status < 300:
                    return answer
                final = refusal(answer)
                if final is not None:
                    raise final
                trouble = self._trouble(answer, attempt)
                wait = _retry_after(answer, retry_after_unit, default=wait)
            if attempt == access.attempts or wait > access.longest_wait:
                raise trouble
            watchdog.tick()  # a bounded wait
            time.sleep(wait)
        raise AssertionError("attempts is at least 1")

    def _exchange(self, method: str, url: str, **content: Any) -> Response:
        """Send once; the complete answer, or `SourceUnavailable` within twice the timeout."""
        started = time.monotonic()
        timeout = self.access.timeout
        data = bytearray()
        try:
            with requests.request(
                method, url, timeout=(min(_CONNECT, timeout), timeout), stream=True, **content
            ) as response:
                # read1 returns available bytes: read would wait for a full block of a slow answer
                while chunk := response.raw.read1(_CHUNK, decode_content=True):
                    data += chunk
                    watchdog.tick()
                    if time.monotonic() - started > timeout:
                        raise SourceUnavailable(
                            f"{_place(url)} sent {len(data)} bytes in {timeout:g} s and was not"
                            " done; repeat later, or raise TULIP_SH_TIMEOUT"
                        )
                seconds = time.monotonic() - started
                return Response(response.status_code, response.headers, bytes(data), seconds)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            reason = " ".join(self.access.hide(str(error)).split())[:300]
            raise SourceUnavailable(
                f"{_place(url)} does not answer, or not completely ({type(error).__name__}:"
                f" {reason}); repeat later, or check the network and TULIP_SH_URL"
            ) from None  # the library's error may show the instance id

    def _trouble(self, answer: Response, attempt: int) -> SourceUnavailable:
        failure = f"answered {answer.status}, {attempt} times in a row ({self._excerpt(answer)})"
        if answer.status == 429:
            asked = answer.headers.get("Retry-After")
            return TooManyRequests(
                f"Sentinel Hub ({self.access.url}) {failure}; it asks to wait"
                f" {f'{asked} ms' if asked else 'without saying how long'}: repeat later, or raise"
                " TULIP_SH_LONGEST_WAIT"
            )
        return SourceUnavailable(f"Sentinel Hub ({self.access.url}) {failure}; repeat later")

    def _refusal(self, answer: Response) -> Exception | None:
        """The error for a permanent failure; None if a retry may help."""
        where = f"Sentinel Hub ({self.access.url})"
        text = self._excerpt(answer)
        if answer.status in {408, 429} or answer.status >= 500:
            return None
        if answer.status == 403 and _QUOTA_USED_UP in text:
            return BudgetExceeded(
                f"{where} says that the account's own quota is used up ({text}); wait for the next"
                " month, or extend the account"
            )
        if answer.status in {401, 403}:
            return CredentialRefused(
                f"{where} refuses ({answer.status}: {text}); check TULIP_SH_CLIENT_ID,"
                " TULIP_SH_CLIENT_SECRET and that they belong to TULIP_SH_DEPLOYMENT; for WMS,"
                " TULIP_SH_INSTANCE_ID"
            )
        return BadSetting(
            f"{where} cannot carry out the request ({answer.status}: {text}); check TULIP_SH_URL,"
            " and for WMS TULIP_SH_INSTANCE_ID and TULIP_SH_LAYER"
        )

    def _token_refusal(self, answer: Response) -> Exception | None:
        if answer.status not in _REFUSED:
            return self._refusal(answer)
        return CredentialRefused(
            f"{self.access.token_url} refuses the OAuth client ({answer.status}:"
            f" {self._excerpt(answer)}); check TULIP_SH_CLIENT_ID, TULIP_SH_CLIENT_SECRET and that"
            " they belong to TULIP_SH_DEPLOYMENT"
        )

    def _excerpt(self, answer: Response) -> str:
        """The beginning of a refusal's text, on one line and without secrets."""
        text = answer.content[:2000].decode("utf-8", errors="replace")
        return " ".join(self.access.hide(text).split())[:300] or "without a word"


def _spent(answer: Response, estimate: float) -> float:
    try:
        return max(0.0, float(answer.headers[_SPENT]))
    except (KeyError, ValueError):
        return estimate


def _retry_after(answer: Response, unit: float, *, default: float) -> float:
    """Seconds to wait according to the answer."""
    try:
        return max(0.0, float(answer.headers["Retry-After"]) * unit)
    except (KeyError, ValueError):
        return default


def _place(url: str) -> str:
    """Scheme and host: paths may hold an instance id."""
    return "/".join(url.split("/", 3)[:3])
