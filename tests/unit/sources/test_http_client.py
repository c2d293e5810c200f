"""Patience with servers, against a real one that misbehaves."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.services.faults import Fault, FaultyProxy, proxying
from tulip_ops.core.errors import (
    ChecksumMismatch,
    CredentialRefused,
    SourceUnavailable,
    TooManyRequests,
    UnreadableRaster,
)
from tulip_ops.sources.http_client import (
    HttpClient,
    HttpRangeFile,
    RateLimiter,
    RetryPolicy,
    without_query,
)

HASTY = RetryPolicy(attempts=2, timeout=1.0, longest_wait=0.1)


class _Quiet(SimpleHTTPRequestHandler):
    """Whole files only: it knows no ranges."""

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[FaultyProxy]:
    (tmp_path / "told.json").write_text('{"answer": 42}')
    (tmp_path / "long.bin").write_bytes(bytes(range(256)) * 400)
    (tmp_path / "empty.bin").write_bytes(b"")
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), lambda *args: _Quiet(*args, directory=str(tmp_path))
    )
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    with proxying(f"http://127.0.0.1:{server.server_address[1]}") as made:
        yield made
    server.shutdown()
    server.server_close()
    thread.join()


def test_documents_are_read(proxy: FaultyProxy) -> None:
    web = HttpClient("KEY", HASTY, headers={"X-Key": "SECRET"})
    assert web.get_json(f"{proxy.url}/told.json") == {"answer": 42}
    assert proxy.asked[-1].headers["X-Key"] == "SECRET"


@pytest.mark.parametrize("told", ["1", "date"])
def test_a_server_is_given_the_time_that_it_asks_for(proxy: FaultyProxy, told: str) -> None:
    if told == "date":
        told = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    web = HttpClient("KEY", RetryPolicy(attempts=2, timeout=5, longest_wait=5))
    with proxy.injecting(Fault(status=429, headers={"Retry-After": told}, times=1)):
        web.get_json(f"{proxy.url}/told.json")
    first, second = (asked.at for asked in proxy.asked)
    assert second - first > 0.8


def test_but_no_longer_than_we_have_patience(proxy: FaultyProxy) -> None:
    began = time.monotonic()
    with (
        proxy.injecting(Fault(status=429, headers={"Retry-After": "3600"})),
        pytest.raises(TooManyRequests, match=r"answered 429 to the last of 2 requests"),
    ):
        HttpClient("KEY", HASTY).get_json(f"{proxy.url}/told.json")
    assert time.monotonic() - began < 5
    assert len(proxy.asked) == 2


def test_what_is_no_passing_failure_is_not_repeated(proxy: FaultyProxy) -> None:
    for status, error in ((400, SourceUnavailable), (403, CredentialRefused)):
        before = len(proxy.asked)
        with proxy.injecting(Fault(status=status)), pytest.raises(error):
            HttpClient("KEY", HASTY).get_json(f"{proxy.url}/told.json")
        assert len(proxy.asked) == before + 1


def test_messages_name_the_setting_and_no_signature(proxy: FaultyProxy) -> None:
    with (
        proxy.injecting(Fault(status=403)),
        pytest.raises(CredentialRefused, match="check KEY") as failure,
    ):
        HttpClient("KEY", HASTY).get_json(f"{proxy.url}/told.json?sig=SECRET")
    assert "SECRET" not in str(failure.value)
    with pytest.raises(SourceUnavailable) as failure:
        HttpClient("KEY", HASTY).get_json("http://127.0.0.1:9/x?sig=SECRET")
    assert "SECRET" not in str(failure.value)
    assert without_query("https://host/file?sig=SECRET") == "https://host/file"


def test_what_is_no_json_is_said(proxy: FaultyProxy) -> None:
    with pytest.raises(SourceUnavailable, match="no JSON"):
        HttpClient("KEY", HASTY).get_json(f"{proxy.url}/long.bin")


def test_a_server_without_ranges_is_said(proxy: FaultyProxy) -> None:
    web = HttpClient("KEY", HASTY)
    with pytest.raises(SourceUnavailable, match="ranges"):
        web.get_range(f"{proxy.url}/long.bin", 10, 20)
    # what fits into the wanted range is welcome all the same
    assert web.get_range(f"{proxy.url}/told.json", 0, 16384) == (b'{"answer": 42}', 14)


def test_files_are_held_to_their_size(proxy: FaultyProxy) -> None:
    web = HttpClient("KEY", HASTY)
    file = HttpRangeFile(web, f"{proxy.url}/told.json", size=14)
    assert file.read(0, 100) == b'{"answer": 42}'
    assert file.size() == 14
    with pytest.raises(ChecksumMismatch, match="14 bytes where 15"):
        HttpRangeFile(web, f"{proxy.url}/told.json", size=15).read(0, 100)
    with pytest.raises(UnreadableRaster, match="empty"):
        HttpRangeFile(web, f"{proxy.url}/empty.bin", size=15).read(0, 100)
    with pytest.raises(UnreadableRaster, match="not there"):
        HttpRangeFile(web, f"{proxy.url}/nothing.bin").read(0, 100)


def test_files_are_downloaded_whole(proxy: FaultyProxy, tmp_path: Path) -> None:
    HttpRangeFile(HttpClient("KEY", HASTY), f"{proxy.url}/long.bin").download(tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == (tmp_path / "long.bin").read_bytes()


def test_a_throttle_spreads_requests_of_many_threads() -> None:
    throttle = RateLimiter(50)
    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        for turn in [pool.submit(throttle.wait) for _ in range(16)]:
            turn.result()
    assert time.monotonic() - began >= 15 / 50
