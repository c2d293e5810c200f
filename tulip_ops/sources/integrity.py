"""Whether a file is the one that its STAC item describes: its size and its checksum."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tulip_ops.core.errors import ChecksumMismatch, UnreadableRaster
from tulip_ops.core.files import SHA256_MULTIHASH
from tulip_ops.sources.stac_bands import DeclaredFile

_ALGORITHMS = {"1114": "sha1", SHA256_MULTIHASH: "sha256", "1340": "sha512", "d50110": "md5"}
"""By the prefix of their multihashes: kind and length of the digest."""

_CHUNK = 1 << 20


def check_size(size: int, declared: DeclaredFile, name: str) -> None:
    """Bytes of a file; `UnreadableRaster` if it is empty, `ChecksumMismatch` if not as declared.

    name: of the file, for the message.
    """
    if size == 0:
        raise UnreadableRaster(f"{name} is empty; fetch or make it again")
    if declared.size is not None and size != declared.size:
        raise ChecksumMismatch(
            f"{name} has {size} bytes where its STAC item says {declared.size}: it is truncated or"
            " another file; fetch it again"
        )


def check_bytes(path: Path, declared: DeclaredFile) -> None:
    """Verify a file; `ChecksumMismatch`. Checksums of kinds that hashlib lacks are ignored."""
    for prefix, algorithm in _ALGORITHMS.items():
        if declared.checksum is None or not declared.checksum.startswith(prefix):
            continue
        digest = hashlib.new(algorithm, usedforsecurity=False)
        with path.open("rb") as file:
            while data := file.read(_CHUNK):
                digest.update(data)
        found = digest.hexdigest()
        if prefix + found != declared.checksum:
            raise ChecksumMismatch(
                f"{path} has the {algorithm} {found} where its STAC item says"
                f" {declared.checksum.removeprefix(prefix)}: it is damaged or another file; fetch"
                " it again"
            )
