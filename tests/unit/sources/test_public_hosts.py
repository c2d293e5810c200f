"""What an item or a redirect leads to is on the internet, not in the network of this machine."""

import logging
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from tulip_ops.core.errors import BadScene
from tulip_ops.sources import public_hosts
from tulip_ops.sources.http_client import HttpClient, RetryPolicy

HASTY = RetryPolicy(attempts=2, timeout=2.0, longest_wait=0.1)


class Server:
    """Answers every request, or leads it elsewhere; remembers the headers."""

    def __init__(self, address: str) -> None:
        self.asked: list[dict[str, str]] = []
        self.elsewhere: str | None = None
        server = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *args: object) -> None:
                """Say nothing."""

            def do_GET(self) -> None:
                server.asked.append(dict(self.headers))
                self.send_response(302 if server.elsewhere else 200)
                if server.elsewhere:
                    self.send_header("Location", server.elsewhere)
                self.send_header("Content-Length", "2" if not server.elsewhere else "0")
                self.end_headers()
                if not server.elsewhere:
                    self.wfile.write(b"{}")

        self.http = ThreadingHTTPServer((address, 0), Handler)
        self.url = f"http://{address}:{self.http.server_address[1]}"
        Thread(target=self.http.serve_forever, daemon=True).start()


@pytest.fixture
def servers() -> Iterator[tuple[Server, Server]]:
    both = Server("127.0.0.1"), Server("127.0.0.2")
    yield both
    for one in both:
        one.http.shutdown()
        one.http.server_close()


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("10.0.0.1", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),  # noqa: S104 - an address, bound by nothing
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:127.0.0.1", False),
    ],
)
def test_addresses_of_the_internet_are_public(address: str, public: bool) -> None:
    assert public_hosts.is_public(address) == public


def test_nothing_is_sent_to_a_private_address(servers: tuple[Server, Server]) -> None:
    server, _ = servers
    with pytest.raises(BadScene, match=r"127\.0\.0\.1, which is no public address"):
        HttpClient("KEY", HASTY, public_only=True).get_json(f"{server.url}/x?sig=SECRET")
    assert server.asked == []
    assert HttpClient("KEY", HASTY).get_json(server.url) == {}


def test_a_redirect_to_a_private_address_is_refused(
    servers: tuple[Server, Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    public, private = servers
    public.elsewhere = f"{private.url}/latest/meta-data"
    monkeypatch.setattr(public_hosts, "is_public", lambda address: address == "127.0.0.1")
    with pytest.raises(BadScene, match=r"127\.0\.0\.2, which is no public address"):
        HttpClient("KEY", HASTY, public_only=True).get_json(public.url)
    assert len(public.asked) == 1
    assert private.asked == []


def test_a_credential_does_not_follow_to_another_host(servers: tuple[Server, Server]) -> None:
    own, other = servers
    own.elsewhere = other.url
    HttpClient("KEY", HASTY, headers={"X-Key": "SECRET"}).get_json(own.url)
    assert own.asked[0]["X-Key"] == "SECRET"
    assert "X-Key" not in other.asked[0]


def test_no_log_shows_a_signature(
    servers: tuple[Server, Server], caplog: pytest.LogCaptureFixture
) -> None:
    server, _ = servers
    with caplog.at_level(logging.DEBUG):
        HttpClient("KEY", HASTY).get_json(f"{server.url}/x?X-Amz-Signature=SECRET")
    assert "SECRET" not in caplog.text
