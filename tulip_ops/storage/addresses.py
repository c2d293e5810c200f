"""Addresses of files: a path, or s3://bucket/key."""

from __future__ import annotations

import posixpath

S3 = "s3://"


def is_s3(address: str) -> bool:
    return address.startswith(S3)


def join_address(place: str, *names: str) -> str:
    """The address of a file below a folder or prefix."""
    return "/".join((place.rstrip("/"), *names))


def resolve(href: str, base: str) -> str:
    """The address of a link in the document at `base`; absolute links stay as they are."""
    if "://" in href or href.startswith("/"):
        return href.removeprefix("file://")
    scheme, mark, path = base.rpartition("://")
    return scheme + mark + posixpath.normpath(posixpath.join(posixpath.dirname(path), href))


def split_s3(address: str) -> tuple[str, str]:
    """Bucket and key of an s3:// address."""
    bucket, _, key = address.removeprefix(S3).partition("/")
    return bucket, key
