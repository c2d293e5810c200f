"""Files in folders and in S3, by their address. The only module that imports boto3."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tulip_ops.core import watchdog
from tulip_ops.core.errors import SourceUnavailable, TulipError
from tulip_ops.core.files import atomic_write
from tulip_ops.storage import s3_errors
from tulip_ops.storage.addresses import S3, is_s3, split_s3

THREADS = 16
"""Connections of one S3 client, for concurrent requests."""


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """Metadata of an S3 object."""

    size: int
    """Bytes."""
    sha256: str | None
    """The checksum given to `upload`; None if other software wrote the object."""


@dataclass(frozen=True)
class ObjectStore:
    """Reads and writes files by address: a path, or s3://bucket/key.

    Every method raises `unavailable` if S3 does not answer, `TooManyRequests` if it throttles
    even the last retry, `CredentialMissing`, and `CredentialRefused`.
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
        """Write a file atomically: readers see the old content or the new one."""
        if not is_s3(address):
            with _local(address) as path:
                path.write_bytes(data)
            return
        bucket, key = split_s3(address)
        with self._answering(address):
            self._client.put_object(Bucket=bucket, Key=key, Body=data)

    @contextmanager
    def writing(self, address: str, scratch: Path) -> Iterator[Path]:
        """A path to write a large file to; at the end it appears at `address`, complete.

        scratch: folder for a file to upload. Nothing appears if the block raises.
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
        bucket, key = split_s3(address)
        with self._answering(address):
            self._client.download_file(
                bucket, key, str(path), ExtraArgs=self._payer, Callback=_moved
            )

    def read_range(self, address: str, start: int, stop: int) -> tuple[bytes, int]:
        """Bytes of an S3 object from `start` to before `stop`, fewer at its end; and its size.

        `FileNotFoundError` without one.
        """
        bucket, key = split_s3(address)
        try:
            with self._answering(address):
                found = self._client.get_object(
                    Bucket=bucket, Key=key, Range=f"bytes={start}-{stop - 1}", **self._payer
                )
                return found["Body"].read(), int(found["ContentRange"].rpartition("/")[2])
        except s3_errors.OutsideObject:
            return b"", self.size(address)

    def list_folders(self, place: str) -> list[str]:
        """Names of the prefixes directly below a prefix of S3."""
        bucket, prefix = split_s3(place)
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
        bucket, prefix = split_s3(place)
        yield from (f"{S3}{bucket}/{found['Key']}" for found in self._listed(bucket, prefix))

    def etags(self, place: str) -> dict[str, str]:
        """ETags of all objects under a prefix of S3."""
        bucket, prefix = split_s3(place)
        return {
            f"{S3}{bucket}/{found['Key']}": found["ETag"].strip('"')
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
        bucket, key = split_s3(address)
        with self._answering(address):
            self._client.delete_object(Bucket=bucket, Key=key)

    def size(self, address: str) -> int:
        """Bytes of a file. `FileNotFoundError` without one."""
        if not is_s3(address):
            return Path(address).stat().st_size
        return self.head(address).size

    def head(self, address: str) -> ObjectInfo:
        """Size and checksum of an S3 object, without its bytes; `FileNotFoundError` without one."""
        bucket, key = split_s3(address)
        with self._answering(address):
            head = self._client.head_object(Bucket=bucket, Key=key, **self._payer)
            return ObjectInfo(int(head["ContentLength"]), head["Metadata"].get("sha256"))

    def upload(self, path: Path, address: str, sha256: str | None = None) -> None:
        """Put a file into S3 atomically, with its checksum as metadata if given."""
        bucket, key = split_s3(address)
        extra = {"Metadata": {"sha256": sha256}} if sha256 else None
        with self._answering(address):
            self._client.upload_file(str(path), bucket, key, ExtraArgs=extra, Callback=_moved)

    def read_tagged(self, address: str) -> tuple[bytes, str]:
        """An object of S3 and the ETag of this version; `FileNotFoundError`."""
        bucket, key = split_s3(address)
        with self._answering(address):
            found = self._client.get_object(Bucket=bucket, Key=key, **self._payer)
            return found["Body"].read(), found["ETag"]

    def replace_tagged(self, address: str, data: bytes, tag: str | None) -> bool:
        """Write an object if its ETag is still `tag`; returns whether it was.

        tag: from `read_tagged`; None: write only if the object does not exist yet.
        """
        bucket, key = split_s3(address)
        condition = {"IfNoneMatch": "*"} if tag is None else {"IfMatch": tag}
        try:
            with self._answering(address):
                self._client.put_object(Bucket=bucket, Key=key, Body=data, **condition)
        except s3_errors.Overtaken:
            return False
        return True

    def make_bucket(self, place: str) -> None:
        """Make the bucket of an s3:// place where it is missing; a folder needs none."""
        if not is_s3(place):
            return
        bucket, _ = split_s3(place)
        with self._answering(place):
            known = [each["Name"] for each in self._client.list_buckets()["Buckets"]]
            if bucket not in known:
                self._client.create_bucket(Bucket=bucket)

    def _listed(self, bucket: str, prefix: str) -> Iterator[Any]:
        with self._answering(f"{S3}{bucket}/{prefix}"):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=bucket, Prefix=prefix.rstrip("/") + "/"
            )
            for page in pages:
                yield from page.get("Contents", ())

    @cached_property
    def _client(self) -> Any:
        # importing boto3 takes half a second, and stores in folders do not need it
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
        """Translate errors of boto3, raised at the use of `address`."""
        from boto3.exceptions import Boto3Error  # noqa: PLC0415
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        try:
            yield
        except (BotoCoreError, Boto3Error, ClientError) as error:
            raise s3_errors.translate(
                error,
                address,
                service=self.s3_endpoint or "AWS",
                profile=self.profile,
                unavailable=self.unavailable,
            ) from error


@contextmanager
def _local(address: str) -> Iterator[Path]:
    """As `atomic_write`; creates missing folders, as S3 needs none."""
    path = Path(address)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as draft:
        yield draft


def _moved(_: int) -> None:
    """Called by boto3 for each part of a file that it transfers."""
    watchdog.tick()
