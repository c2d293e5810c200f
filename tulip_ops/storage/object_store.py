"""Files in folders and in S3, by their address: the one door to boto3."""

from __future__ import annotations

import posixpath
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tulip_ops.core import watchdog
from tulip_ops.core.errors import (
    CredentialMissing,
    CredentialRefused,
    SourceUnavailable,
    TooManyRequests,
    TulipError,
    UnreadableRaster,
)
from tulip_ops.core.files import atomic_write
from tulip_ops.raster.range_file import SizedRangeFile

_S3 = "s3://"
_NOT_THERE = {"404", "NoSuchBucket", "NoSuchKey"}
_REFUSED = {
    "401", "403", "AccessDenied", "AllAccessDisabled", "ExpiredToken", "InvalidAccessKeyId",
    "InvalidToken", "SignatureDoesNotMatch",
}  # fmt: skip
_THROTTLED = {"429", "503", "SlowDown", "Throttling", "RequestLimitExceeded", "TooManyRequests"}
_OUTSIDE = {"416", "InvalidRange"}
_OVERTAKEN = {"409", "412", "ConditionalRequestConflict", "PreconditionFailed"}
_CREDENTIALS = (
    "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or the role of the machine"
)


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """Metadata of an S3 object."""

    size: int
    """Bytes."""
    sha256: str | None
    """The checksum given to `upload`; None for objects of others."""


@dataclass(frozen=True)
class ObjectStore:
    """Reads and writes files by address: a path, or s3://bucket/key.

    Every method raises `unavailable` if S3 does not answer, `TooManyRequests` if it throttles
    for longer than its client is patient, `CredentialMissing`, and `CredentialRefused`.
    """

    s3_endpoint: str | None = None
    """URL of an S3-compatible service; None: AWS."""
    unavailable: type[TulipError] = SourceUnavailable
    profile: str | None = None
    """AWS profile with the credentials; None: boto3's own chain."""
    requester_pays: bool = False
    """Whether to agree to pay for what is read."""

    def read(self, address: str) -> bytes:
        """All bytes of a file. `FileNotFoundError` without one."""
        if not is_s3(address):
            return Path(address).read_bytes()
        return self.read_tagged(address)[0]

    def write(self, address: str, data: bytes) -> None:
        """Write a file so that readers see the old one or the new one, whole."""
        if not is_s3(address):
            with _local(address) as path:
                path.write_bytes(data)
            return
        bucket, key = _split(address)
        with self._answering(address):
            self._client.put_object(Bucket=bucket, Key=key, Body=data)

    @contextmanager
    def writing(self, address: str, scratch: Path) -> Iterator[Path]:
        """A path to write a large file to; at the end it appears at `address`, whole.

        scratch: folder for a file on its way to S3. Nothing appears if the block fails.
        """
        if not is_s3(address):
            with _local(address) as path:
                yield path
            return
        path = scratch / Path(address).name
        yield path
        self.upload(path, address)

    def local_copy(self, address: str, scratch: Path) -> Path:
        """A local path of the file, downloaded to `scratch` if it is in S3. `FileNotFoundError`."""
        if not is_s3(address):
            path = Path(address)
            path.stat()
            return path
        path = scratch / Path(address).name
        self.download(address, path)
        return path

    def download(self, address: str, path: Path) -> None:
        """Copy an object of S3 into a file; `FileNotFoundError` without one."""
        bucket, key = _split(address)
        with self._answering(address):
            self._client.download_file(
                bucket, key, str(path), ExtraArgs=self._payer, Callback=_moved
            )

    def read_range(self, address: str, start: int, stop: int) -> tuple[bytes, int]:
        """Bytes of an S3 object from `start` to before `stop`, fewer at its end; and its size.

        `FileNotFoundError` without one.
        """
        bucket, key = _split(address)
        try:
            with self._answering(address):
                found = self._client.get_object(
                    Bucket=bucket, Key=key, Range=f"bytes={start}-{stop - 1}", **self._payer
                )
                return found["Body"].read(), int(found["ContentRange"].rpartition("/")[2])
        except _Outside:
            return b"", self.size(address)

    def list_folders(self, place: str) -> list[str]:
        """Names of the prefixes directly below a prefix of S3."""
        bucket, prefix = _split(place)
        with self._answering(place):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=bucket, Prefix=prefix.rstrip("/") + "/", Delimiter="/", **self._payer
            )
            found = [entry["Prefix"] for page in pages for entry in page.get("CommonPrefixes", ())]
        return [folder.rstrip("/").rpartition("/")[2] for folder in found]

    def list_files(self, place: str) -> Iterator[str]:
        """Addresses of all files in a folder or under a prefix, recursively."""
        if not is_s3(place):
            yield from (str(path) for path in Path(place).rglob("*") if path.is_file())
            return
        bucket, prefix = _split(place)
        yield from (f"{_S3}{bucket}/{found['Key']}" for found in self._listed(bucket, prefix))

    def etags(self, place: str) -> dict[str, str]:
        """ETags of all objects under a prefix of S3."""
        bucket, prefix = _split(place)
        return {
            f"{_S3}{bucket}/{found['Key']}": found["ETag"].strip('"')
            for found in self._listed(bucket, prefix)
        }

    def remove(self, place: str) -> None:
        """Remove a folder or prefix with all its files, if it is there."""
        if not is_s3(place):
            shutil.rmtree(place, ignore_errors=True)
            return
        for address in self.list_files(place):
            self.remove_file(address)

    def remove_file(self, address: str) -> None:
        """Remove one file, if it is there."""
        if not is_s3(address):
            Path(address).unlink(missing_ok=True)
            return
        bucket, key = _split(address)
        with self._answering(address):
            self._client.delete_object(Bucket=bucket, Key=key)

    def size(self, address: str) -> int:
        """Bytes of a file. `FileNotFoundError` without one."""
        if not is_s3(address):
            return Path(address).stat().st_size
        return self.head(address).size

    def head(self, address: str) -> ObjectInfo:
        """Size and checksum of an S3 object, without its bytes; `FileNotFoundError` without one."""
        bucket, key = _split(address)
        with self._answering(address):
            head = self._client.head_object(Bucket=bucket, Key=key, **self._payer)
            return ObjectInfo(int(head["ContentLength"]), head["Metadata"].get("sha256"))

    def upload(self, path: Path, address: str, sha256: str | None = None) -> None:
        """Put a file into S3, whole or not at all; its checksum travels with it if given."""
        bucket, key = _split(address)
        extra = {"Metadata": {"sha256": sha256}} if sha256 else None
        with self._answering(address):
            self._client.upload_file(str(path), bucket, key, ExtraArgs=extra, Callback=_moved)

    def read_tagged(self, address: str) -> tuple[bytes, str]:
        """An object of S3, and the tag of this version of it; `FileNotFoundError`."""
        bucket, key = _split(address)
        with self._answering(address):
            found = self._client.get_object(Bucket=bucket, Key=key, **self._payer)
            return found["Body"].read(), found["ETag"]

    def replace_tagged(self, address: str, data: bytes, tag: str | None) -> bool:
        """Write an object if it is still the version of `tag`; False if it is another one.

        tag: from `read_tagged`; None: only if there is none yet.
        """
        bucket, key = _split(address)
        condition = {"IfNoneMatch": "*"} if tag is None else {"IfMatch": tag}
        try:
            with self._answering(address):
                self._client.put_object(Bucket=bucket, Key=key, Body=data, **condition)
        except _Overtaken:
            return False
        return True

    def make_bucket(self, place: str) -> None:
        """Make the bucket of an s3:// place where it is missing; a folder needs none."""
        if not is_s3(place):
            return
        bucket, _ = _split(place)
        with self._answering(place):
            known = [each["Name"] for each in self._client.list_buckets()["Buckets"]]
            if bucket not in known:
                self._client.create_bucket(Bucket=bucket)

    def _listed(self, bucket: str, prefix: str) -> Iterator[Any]:
        with self._answering(f"{_S3}{bucket}/{prefix}"):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=bucket, Prefix=prefix.rstrip("/") + "/"
            )
            for page in pages:
                yield from page.get("Contents", ())

    @cached_property
    def _client(self) -> Any:
        # boto3 takes half a second to import, which folders need not pay
        import boto3  # noqa: PLC0415
        from botocore.config import Config  # noqa: PLC0415

        config = Config(
            connect_timeout=10,
            read_timeout=60,
            retries={"mode": "standard", "max_attempts": 3},
            max_pool_connections=THREADS,
        )
        address = f"credentials of {self.profile or 'boto3'}"
        with self._answering(address):
            session = boto3.Session(profile_name=self.profile)
            return session.client("s3", endpoint_url=self.s3_endpoint, config=config)

    @property
    def _payer(self) -> dict[str, str]:
        return {"RequestPayer": "requester"} if self.requester_pays else {}

    @contextmanager
    def _answering(self, address: str) -> Iterator[None]:
        """Turns the errors of boto3 into ours."""
        from boto3.exceptions import Boto3Error  # noqa: PLC0415
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        try:
            yield
        except (BotoCoreError, Boto3Error, ClientError) as error:
            raise self._told(address, error) from error

    def _told(self, address: str, error: Exception) -> Exception:
        service = self.s3_endpoint or "AWS"
        code, kind = _code(error), type(error).__name__
        for codes, expected in (
            (_NOT_THERE, FileNotFoundError),
            (_OUTSIDE, _Outside),
            (_OVERTAKEN, _Overtaken),
        ):
            if code in codes:
                return expected(address)
        if kind in {"NoCredentialsError", "PartialCredentialsError", "ProfileNotFound"}:
            wanted = f"the AWS profile {self.profile!r}" if self.profile else _CREDENTIALS
            return CredentialMissing(f"{address}: {service} wants credentials; set {wanted}")
        if code in _REFUSED:
            return CredentialRefused(
                f"{address}: {service} refuses the credentials ({code}); check {_CREDENTIALS},"
                " and that they may use this bucket"
            )
        if code in _THROTTLED:
            return TooManyRequests(f"{address}: {service} asks for fewer requests ({code})")
        return self.unavailable(
            f"{address}: {service} refuses or does not answer ({error}); check"
            " TULIP_S3_ENDPOINT and the AWS_ variables of your credentials"
        )


THREADS = 16
"""Requests to S3 at once that one client has connections for."""


class _Overtaken(Exception):
    """Another writer was faster."""


class _Outside(Exception):
    """A range begins where the object has ended."""


class S3RangeFile(SizedRangeFile):
    """An S3 object that is read by byte ranges: a `range_reader.RangeFile`."""

    def __init__(self, places: ObjectStore, address: str, size: int | None = None) -> None:
        """size: as declared, in bytes."""
        super().__init__(address, size)
        self._places = places

    def _part(self, start: int, stop: int) -> tuple[bytes, int]:
        try:
            return self._places.read_range(self.name, start, stop)
        except FileNotFoundError as error:
            raise UnreadableRaster(f"{self.name} is not there") from error


def is_s3(address: str) -> bool:
    return address.startswith(_S3)


def join_address(place: str, *names: str) -> str:
    """The address of a file below a folder or prefix."""
    return "/".join((place.rstrip("/"), *names))


def resolve(href: str, base: str) -> str:
    """The address that `href` means in the document at `base`; absolute ones mean themselves."""
    if "://" in href or href.startswith("/"):
        return href.removeprefix("file://")
    scheme, mark, path = base.rpartition("://")
    return scheme + mark + posixpath.normpath(posixpath.join(posixpath.dirname(path), href))


@contextmanager
def _local(address: str) -> Iterator[Path]:
    """As `atomic_write`; missing folders are made, for S3 needs none."""
    path = Path(address)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as draft:
        yield draft


def _moved(_: int) -> None:
    """Called by boto3 for each part of a file on its way."""
    watchdog.tick()


def _code(error: BaseException | None) -> str:
    """The error code of S3's answer; transfers wrap it, so look behind them."""
    while error is not None:
        response = getattr(error, "response", None)
        if isinstance(response, dict):
            return str(response["Error"]["Code"])
        error = error.__cause__ or error.__context__
    return ""


def _split(address: str) -> tuple[str, str]:
    bucket, _, key = address.removeprefix(_S3).partition("/")
    return bucket, key
