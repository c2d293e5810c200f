import hashlib
from pathlib import Path

import pytest

from tulip_ops.core.errors import ChecksumMismatch, UnreadableRaster
from tulip_ops.sources.integrity import check_bytes, check_size
from tulip_ops.sources.stac_bands import DeclaredFile

DATA = b"pixels"


@pytest.mark.parametrize(
    ("prefix", "algorithm"),
    [("1220", "sha256"), ("1114", "sha1"), ("1340", "sha512"), ("d50110", "md5")],
)
def test_checksums_of_all_usual_kinds_are_verified(
    tmp_path: Path, prefix: str, algorithm: str
) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(DATA)
    digest = hashlib.new(algorithm, DATA, usedforsecurity=False).hexdigest()
    check_bytes(path, DeclaredFile(checksum=prefix + digest))
    path.write_bytes(b"other!")
    with pytest.raises(ChecksumMismatch, match=rf"a\.tif has the {algorithm} .* says {digest}"):
        check_bytes(path, DeclaredFile(checksum=prefix + digest))


@pytest.mark.parametrize("checksum", [None, "1620" + "00" * 32])
def test_what_is_not_declared_or_not_known_is_not_verified(
    tmp_path: Path, checksum: str | None
) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(DATA)
    check_bytes(path, DeclaredFile(checksum=checksum))


def test_sizes_are_compared_where_they_are_declared() -> None:
    check_size(6, DeclaredFile(size=6), "a.tif")
    check_size(6, DeclaredFile(), "a.tif")
    with pytest.raises(ChecksumMismatch, match=r"a\.tif has 5 bytes where its STAC item says 6"):
        check_size(5, DeclaredFile(size=6), "a.tif")


@pytest.mark.parametrize("size", [None, 0, 6])
def test_an_empty_file_is_no_raster(size: int | None) -> None:
    with pytest.raises(UnreadableRaster, match=r"a\.tif is empty"):
        check_size(0, DeclaredFile(size=size), "a.tif")
