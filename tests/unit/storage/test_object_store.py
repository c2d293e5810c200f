from pathlib import Path

import pytest

from tulip_ops.storage.object_store import ObjectStore, join_address, resolve


@pytest.mark.parametrize(
    ("href", "base", "address"),
    [
        ("./a/b.json", "/archive/catalog.json", "/archive/a/b.json"),
        ("../x.tif", "/archive/a/b.json", "/archive/x.tif"),
        ("x.tif", "s3://bucket/prefix/a/b.json", "s3://bucket/prefix/a/x.tif"),
        ("../x.tif", "s3://bucket/prefix/a/b.json", "s3://bucket/prefix/x.tif"),
        ("x.tif", "https://host/a/b.json", "https://host/a/x.tif"),
        ("/data/x.tif", "/archive/a/b.json", "/data/x.tif"),
        ("file:///data/x.tif", "/archive/a/b.json", "/data/x.tif"),
        ("s3://other/x.tif", "/archive/a/b.json", "s3://other/x.tif"),
    ],
)
def test_links_mean_what_they_mean_in_their_document(href: str, base: str, address: str) -> None:
    assert resolve(href, base) == address


def test_addresses_are_joined() -> None:
    assert join_address("s3://bucket/a/", "b", "c") == "s3://bucket/a/b/c"


def test_files_of_a_folder_are_written_whole_or_not(tmp_path: Path) -> None:
    places, address = ObjectStore(), str(tmp_path / "deep" / "a.json")
    with pytest.raises(FileNotFoundError):
        places.read(address)
    places.write(address, b"one")
    places.write(address, b"two")
    assert places.read(address) == b"two"
    with pytest.raises(OSError, match="disk full"):
        fail(places, address)
    assert places.read(address) == b"two"
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["a.json"]


def fail(places: ObjectStore, address: str) -> None:
    with places.writing(address, Path()) as path:
        path.write_bytes(b"half")
        raise OSError("disk full")
