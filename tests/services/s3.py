"""An S3 server (moto) that notes what it was asked."""

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

BUCKET = "scenes"


@dataclass
class S3:
    url: str
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    """Method, path with query, and Range of each request."""
    refuse: Callable[[str, str], int | None] | None = None
    """From method and path to the status to answer instead; None: let moto answer."""

    def client(self) -> Any:
        return boto3.client("s3", endpoint_url=self.url)

    def names(self, prefix: str = "") -> list[str]:
        pages = (
            self.client().get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        )
        return [found["Key"] for page in pages for found in page.get("Contents", ())]


class _Silent(WSGIRequestHandler):
    def log(self, *what: Any) -> None:
        """Say nothing."""


@contextmanager
def serving() -> Iterator[S3]:
    """Serve an empty bucket, with credentials in the environment, until the block ends.

    One request at a time: S3 compares and writes in one go, moto in two.
    """
    moto = DomainDispatcherApplication(create_backend_app)
    server = S3("")
    one_at_a_time = threading.Lock()

    def application(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        query = environ.get("QUERY_STRING", "")
        with one_at_a_time:
            server.asked.append((method, f"{path}?{query}", environ.get("HTTP_RANGE")))
            status = server.refuse(method, path) if server.refuse else None
            if status is not None:
                environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
                start(f"{status} Refused", [("Content-Length", "0")])
                return [b""]
            return list(moto(environ, start))

    http = make_server("127.0.0.1", 0, application, threaded=True, request_handler=_Silent)
    server.url = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        server.client().create_bucket(Bucket=BUCKET)
        server.asked.clear()
        try:
            yield server
        finally:
            http.shutdown()
            http.server_close()
            thread.join(10)
