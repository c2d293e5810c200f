from pathlib import Path

import numpy as np
import pytest

from tulip_ops.sources.read_cache import MemoryReadCache, ReadCache, StoredReadCache
from tulip_ops.storage.object_store import ObjectStore

VALUES = np.array([[[0.1, np.nan], [-0.0, 6.4]]], dtype=np.float32)


@pytest.fixture(params=["memory", "folder"])
def parts(request: pytest.FixtureRequest, tmp_path: Path) -> ReadCache:
    return (
        MemoryReadCache()
        if request.param == "memory"
        else StoredReadCache(str(tmp_path), ObjectStore())
    )


def test_keeps_what_it_was_given_bit_for_bit(parts: ReadCache) -> None:
    parts.put("red 0/1", VALUES)
    parts.put("empty", VALUES[:0])
    kept, empty = parts.get("red 0/1"), parts.get("empty")
    assert kept is not None
    assert empty is not None
    assert kept.tobytes() == VALUES.tobytes()
    assert kept.dtype == np.float32
    assert empty.shape == (0, 2, 2)


def test_keeps_a_view_of_a_larger_array(parts: ReadCache) -> None:
    large = np.arange(64, dtype=np.float32).reshape(4, 4, 4)
    parts.put("part", large[1:3, ::2, 1:])
    np.testing.assert_array_equal(parts.get("part"), large[1:3, ::2, 1:])


def test_says_that_nothing_was_kept(parts: ReadCache) -> None:
    parts.put("red", VALUES)
    assert parts.get("green") is None


def test_the_newer_takes_the_place_of_the_older(parts: ReadCache) -> None:
    parts.put("red", VALUES)
    parts.put("red", VALUES * 2)
    np.testing.assert_array_equal(parts.get("red"), VALUES * 2)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:0],
        lambda data: data[:20],
        lambda data: data[:-40],
        lambda data: data[:-1],
        lambda data: data + b"!",
        lambda data: data[:130] + bytes([data[130] ^ 1]) + data[131:],
        lambda data: b"not an array " * len(data),
    ],
)
def test_a_damaged_part_is_no_part(tmp_path: Path, damage: object) -> None:
    parts = StoredReadCache(str(tmp_path), ObjectStore())
    parts.put("red", VALUES)
    (file,) = tmp_path.iterdir()
    assert callable(damage)
    file.write_bytes(damage(file.read_bytes()))
    assert parts.get("red") is None


def test_nothing_half_written_is_left(tmp_path: Path) -> None:
    parts = StoredReadCache(str(tmp_path), ObjectStore())
    with pytest.raises(ValueError, match="allow_pickle"):
        parts.put("red", np.array([object()]))  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
