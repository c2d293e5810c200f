"""What GDAL asks of a file that is read by ranges."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.windows import Window

from tests.services import providers
from tulip_ops.core.errors import SourceUnavailable, UnreadableRaster
from tulip_ops.raster import range_reader, reader
from tulip_ops.raster.range_reader import CachedRangeFile


class Local:
    """A file of this machine, read by ranges, that notes what it was asked."""

    def __init__(self, path: Path) -> None:
        self.name = f"https://provider.test/{path.name}"
        self.data = path.read_bytes()
        self.asked: list[tuple[int, int]] = []
        self.breaks_at: int | None = None

    def read(self, start: int, stop: int) -> bytes:
        self.asked.append((start, stop))
        if len(self.asked) == self.breaks_at:
            raise SourceUnavailable("it went away")
        return self.data[start:stop]

    def size(self) -> int:
        return len(self.data)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("ranges") / "red.tif"
    stored = np.random.default_rng(1).integers(1, 10000, (1024, 1024)).astype(np.uint16)
    providers.write_cog(made, stored, providers.ground(128).grid, 10, block=256)
    return made


def test_a_window_is_read_as_from_a_path(path: Path) -> None:
    file, window = Local(path), Window(300, 300, 200, 100)
    with rasterio.open(path) as source, range_reader.open_dataset(file) as remote:
        np.testing.assert_array_equal(source.read(1, window=window), remote.read(1, window=window))
        assert remote.crs == source.crs
    blocks = 128 * 1024  # what one block of random numbers takes, uncompressed
    assert len(file.asked) == 2
    assert sum(stop - start for start, stop in file.asked) < blocks + 16384 + 1024


def test_what_the_file_raises_wins(path: Path) -> None:
    for place in (1, 2):
        file = Local(path)
        file.breaks_at = place
        with (
            pytest.raises(SourceUnavailable, match="it went away"),
            range_reader.open_dataset(file) as remote,
        ):
            remote.read(1, window=Window(300, 300, 200, 100))
        assert len(file.asked) == place  # nothing more is asked of it


@pytest.mark.parametrize("length", [0, 100, 3000, 200_000])
def test_a_truncated_file_is_no_raster(path: Path, length: int) -> None:
    file = Local(path)
    file.data = file.data[:length]
    with pytest.raises(UnreadableRaster, match=r"red\.tif"):
        reader.read_warped([(file, 1)], providers.ground(128).grid)


def test_neighbouring_strips_share_what_was_read(path: Path) -> None:
    file = Local(path)
    remembered = CachedRangeFile(file)
    for row in (0, 200, 400):
        with range_reader.open_dataset(remembered) as remote:
            remote.read(1, window=Window(0, row, 1024, 200))
    assert len(file.asked) == len(set(file.asked))
    assert remembered.size() == file.size()


def test_memory_is_bounded(path: Path) -> None:
    file = Local(path)
    remembered = CachedRangeFile(file, most_bytes=1000)
    for start in range(0, 5000, 100):
        assert remembered.read(start, start + 100) == file.data[start : start + 100]
    before = len(file.asked)
    remembered.read(4900, 5000)
    assert len(file.asked) == before
    remembered.read(0, 100)
    assert len(file.asked) == before + 1
