from pathlib import Path

import pytest

from tulip_ops.storage.object_store import ObjectStore


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
