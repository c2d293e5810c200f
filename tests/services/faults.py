"""A proxy in front of a real server that injects faults, and notes what was asked.

It stands for what lies between us and a provider: gateways, rate limits, broken lines.
"""

import http.client
import os
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

EVERY = bool(os.environ.get("TULIP_TEST_EVERY_FAULT"))
"""Whether every fault strikes everywhere, or only as often as there is other code to meet it."""
_PASSED_ON = {"range", "accept", "accept-encoding", "content-type", "authorization", "host"}


def placed(
    faults: Iterable[str], places: Mapping[str, Collection[str] | None]
) -> list[tuple[str, str]]:
    """Pairs of a fault and a place, for tests to be parametrized with.

    places: by the place the faults that strike there; None: all of them. Places whose requests go
    through the same code need all of them once, and the others one for each way on from there.
    """
    names = list(faults)
    assert all(set(some or names) <= set(names) for some in places.values())
    return [
        (name, place)
        for place, some in places.items()
        for name in names
        if EVERY or some is None or name in some
    ]


@dataclass
class Fault:
    """What happens to requests whose path and query contain `path`."""

    path: str = ""
    status: int | None = None
    """Answer with this status instead of asking the real server."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers of that answer."""
    wait: float = 0.0
    """Seconds of silence before the answer."""
    cut: int | None = None
    """Bytes of the body after which the connection is cut."""
    times: int | None = None
    """How often it strikes; None: always."""
    method: str | None = None
    unless: str | None = None
    """Requests whose path or query contain this are spared."""
    after: int = 0
    """Requests that are spared before it strikes."""
    spared: int = 0
    struck: int = 0

    def strikes(self, method: str, path: str) -> bool:
        wanted = self.path in path and self.method in (None, method)
        if not wanted or (self.unless is not None and self.unless in path):
            return False
        if self.spared < self.after:
            self.spared += 1
            return False
        return self.times is None or self.struck < self.times


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    """With its query."""
    range: str | None
    at: float
    """time.monotonic() when it came."""
    headers: Mapping[str, str]


class FaultyProxy:
    """Passes requests on to `upstream`, unless a fault strikes."""

    def __init__(self, upstream: str) -> None:
        self.upstream = urlsplit(upstream)
        self.url = ""
        self.faults: list[Fault] = []
        self.asked: list[Asked] = []
        self.closing = threading.Event()
        self._lock = threading.Lock()

    @contextmanager
    def injecting(self, *faults: Fault) -> Iterator[None]:
        """The faults strike until the block ends."""
        self.faults = list(faults)
        try:
            yield
        finally:
            self.faults = []

    def note(self, asked: Asked) -> Fault | None:
        """Remember a request; the fault that strikes it, if one does."""
        with self._lock:
            self.asked.append(asked)
            for fault in self.faults:
                if fault.strikes(asked.method, asked.path):
                    fault.struck += 1
                    return fault
        return None


@contextmanager
def proxying(upstream: str) -> Iterator[FaultyProxy]:
    proxy = FaultyProxy(upstream)
    server = _Server(("127.0.0.1", 0), _Handler)
    server.proxy = proxy
    proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.closing.set()
        server.shutdown()
        server.server_close()
        thread.join(10)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    proxy: FaultyProxy

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are part of the game."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        proxy = self.server.proxy
        told = dict(self.headers)
        asked = Asked(self.command, self.path, told.get("Range"), time.monotonic(), told)
        fault = proxy.note(asked)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if fault is not None and fault.wait:
            proxy.closing.wait(fault.wait)
        if fault is not None and fault.status is not None:
            self._answer(fault.status, dict(fault.headers), b"injected\n", None)
        else:
            status, headers, content = self._ask(proxy, body)
            self._answer(status, headers, content, fault.cut if fault else None)

    do_POST = do_HEAD = do_GET  # noqa: N815 - the base class calls them so

    def _ask(self, proxy: FaultyProxy, body: bytes) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(proxy.upstream.netloc, timeout=30)
        kept = {name: value for name, value in self.headers.items() if name.lower() in _PASSED_ON}
        try:
            connection.request(self.command, self.path, body or None, kept)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        headers = {
            name: value
            for name, value in answer.getheaders()
            if name.lower() not in ("connection", "transfer-encoding", "content-length")
        }
        if self.command == "HEAD":
            headers["Content-Length"] = answer.getheader("Content-Length", "0")
        return answer.status, headers, content

    def _answer(
        self, status: int, headers: dict[str, str], content: bytes, cut: int | None
    ) -> None:
        self.send_response(status)
        headers.setdefault("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[:cut])
        if cut is not None:
            self.close_connection = True

    def log_message(self, *args: object) -> None:
        """Say nothing."""
