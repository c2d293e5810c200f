"""Files in folders and in S3, by their address: the one door to boto3."""

from __future__ import annotations

import os
import posixpath
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tulip_ops.errors import SourceUnavailable

_S3 = "s3://"
_NOT_THERE = {"404", "NoSuchBucket", "NoSuchKey"}


@dataclass(frozen=True)
class Places:
    """Reads and writes addresses: paths, or s3://bucket/key."""

    s3_endpoint: str | None = None
    """URL of an S3-compatible service; None: AWS."""

    def read(self, address: str) -> bytes:
        """All bytes of a file. `FileNotFoundError` without one, `SourceUnavailable`."""
        if not address.startswith(_S3):
            return Path(address).read_bytes()
        bucket, key = _split(address)
        with _answering(address, self.s3_endpoint):
            data: bytes = self._client.get_object(Bucket=bucket, Key=key)["Body"].read()
            return data

    def write(self, address: str, data: bytes) -> None:
        """Write a file so that readers see the old one or the new one, whole."""
        if not address.startswith(_S3):
            with _beside(Path(address)) as path:
                path.write_bytes(data)
            return
        bucket, key = _split(address)
        with _answering(address, self.s3_endpoint):
            self._client.put_object(Bucket=bucket, Key=key, Body=data)

    @contextmanager
    def writing(self, address: str, scratch: Path) -> Iterator[Path]:
        """A path to write a large file to; at the end it appears at `address`, whole.

        scratch: folder for a file on its way to S3. Nothing appears if the block fails.
        """
        if not address.startswith(_S3):
            with _beside(Path(address)) as path:
                yield path
            return
        path = scratch / Path(address).name
        yield path
        bucket, key = _split(address)
        with _answering(address, self.s3_endpoint):
            self._client.upload_file(str(path), bucket, key)

    def fetched(self, address: str, scratch: Path) -> Path:
        """The file itself, or a copy of it in `scratch` if it is not in a folder.

        `FileNotFoundError` without one, `SourceUnavailable`.
        """
        if not address.startswith(_S3):
            path = Path(address)
            path.stat()
            return path
        bucket, key = _split(address)
        path = scratch / Path(address).name
        with _answering(address, self.s3_endpoint):
            self._client.download_file(bucket, key, str(path))
        return path

    @staticmethod
    def raster_href(address: str) -> str:
        """What rasters.py opens."""
        if address.startswith(_S3):
            return "/vsis3/" + address.removeprefix(_S3)
        return address

    @cached_property
    def _client(self) -> Any:
        # boto3 takes half a second to import, which folders need not pay
        import boto3  # noqa: PLC0415
        from botocore.config import Config  # noqa: PLC0415

        config = Config(
            connect_timeout=10, read_timeout=60, retries={"mode": "standard", "max_attempts": 3}
        )
        return boto3.client("s3", endpoint_url=self.s3_endpoint, config=config)


def join(place: str, *names: str) -> str:
    """The address of a file below a folder or prefix."""
    return "/".join((place.rstrip("/"), *names))


def resolve(href: str, base: str) -> str:
    """The address that `href` means in the document at `base`; absolute ones mean themselves."""
    if "://" in href or href.startswith("/"):
        return href.removeprefix("file://")
    scheme, mark, path = base.rpartition("://")
    return scheme + mark + posixpath.normpath(posixpath.join(posixpath.dirname(path), href))


def _split(address: str) -> tuple[str, str]:
    bucket, _, key = address.removeprefix(_S3).partition("/")
    return bucket, key


@contextmanager
def _answering(address: str, endpoint: str | None) -> Iterator[None]:
    from boto3.exceptions import Boto3Error  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        yield
    except (BotoCoreError, Boto3Error, ClientError) as error:
        code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
        if code in _NOT_THERE:
            raise FileNotFoundError(address) from error
        raise SourceUnavailable(
            f"{address}: {endpoint or 'AWS'} refuses or does not answer ({error}); check"
            " TULIP_S3_ENDPOINT and the AWS_ variables of your credentials"
        ) from error


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A path in the same folder that becomes `path` at the end, and vanishes on error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{secrets.token_hex(4)}.{path.name}")
    try:
        yield draft
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
