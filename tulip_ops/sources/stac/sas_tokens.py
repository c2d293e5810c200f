"""Shared access signatures, which Planetary Computer requires in a file's URL."""

from __future__ import annotations

import threading
import time
from datetime import datetime

from tulip_ops.core.errors import SourceUnavailable
from tulip_ops.sources.http_client import HttpClient, without_query

_EARLY = 120.0
"""Seconds before expiry at which a token is replaced: a read must not outlast it."""


class SasTokens:
    """Tokens by collection, each fetched once and reused until it expires. Thread-safe."""

    def __init__(self, web: HttpClient, token_url: str) -> None:
        """token_url: holds {collection}; answers `token` and `msft:expiry`."""
        self._web = web
        self._token_url = token_url
        self._tokens: dict[str, tuple[str, float]] = {}
        self._lock = threading.Lock()

    def sign(self, url: str, collection: str) -> str:
        """The URL with a token that is valid now; `CredentialRefused`, `SourceUnavailable`."""
        mark = "&" if "?" in url else "?"
        return f"{url}{mark}{self._token(collection)}"

    def _token(self, collection: str) -> str:
        with self._lock:
            token, end = self._tokens.get(collection, ("", 0.0))
            if end - _EARLY < time.time():
                token, end = self._fetch(self._token_url.replace("{collection}", collection))
                self._tokens[collection] = token, end
            return token

    def _fetch(self, url: str) -> tuple[str, float]:
        answer = self._web.get_json(url)
        try:
            return str(answer["token"]), datetime.fromisoformat(answer["msft:expiry"]).timestamp()
        except (LookupError, TypeError, ValueError) as error:
            raise SourceUnavailable(
                f"{without_query(url)} answered no token with its end; check token_url"
                " in TULIP_STAC_APIS"
            ) from error
