"""One reading of a raster for two who go through it, within the memory that they have."""

from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from tulip_ops.ml.inference import strip_cache
from tulip_ops.ml.inference.strip_cache import StripCache
from tulip_ops.raster import cog
from tulip_ops.raster.cog import CogReader
from tulip_ops.raster.grid import Grid

BANDS = ("blue", "green", "red")
ROWS = 48
STRIP = ROWS * 40 * len(BANDS) * 2
"""Bytes of a strip in all bands."""
LAST = 10 * 40 * len(BANDS) * 2


@pytest.fixture
def raster(tmp_path: Path) -> Path:
    """Three strips, the last of ten rows."""
    path, height = tmp_path / "reflectance.tif", 2 * ROWS + 10
    random = np.random.default_rng(1)
    reflectance = random.random((len(BANDS), height, 40), dtype=np.float32)
    cog.write_reflectance(path, reflectance, Grid(32631, 6e5, 5.8e6, 40, height), BANDS)
    return path


def twice(raster: Path, kept: StripCache | None, before: float, after: float) -> list[int]:
    """Two readings as `screen` and `segment` do; the rows at which each real one began."""
    begun: list[int] = []
    window = CogReader.read_window

    def counted(source: CogReader, rows: tuple[int, int], *others: object) -> object:
        begun.append(rows[0])
        return window(source, rows, *others)  # type: ignore[arg-type]

    with (
        mock.patch.object(strip_cache, "STRIP_ROWS", ROWS),
        cog.open_cog(raster) as source,
    ):
        whole = source.read_rows(0, source.grid.height)
        with mock.patch.object(CogReader, "read_window", counted):
            for places, leave, room in (([2], True, before), ([1, 0], False, after)):
                if kept is not None:
                    kept.set_limit(room)
                read = list(strip_cache.read_strips(source, places, kept, fill_cache=leave))
                assert np.array_equal(np.concatenate(read, axis=1), whole[places])
    return begun


@pytest.mark.parametrize(
    ("before", "after", "again"),
    [
        (3 * STRIP, 3 * STRIP, []),
        (STRIP + LAST, 3 * STRIP, [ROWS]),
        (3 * STRIP, STRIP, [ROWS, 2 * ROWS]),
        (0, 3 * STRIP, [0, ROWS, 2 * ROWS]),
    ],
)
def test_what_fits_is_read_once(
    raster: Path, before: float, after: float, again: list[int]
) -> None:
    kept = StripCache(1.0)

    begun = twice(raster, kept, before, after)

    assert begun == [0, ROWS, 2 * ROWS, *again]
    assert kept.nbytes == 0


def test_without_a_keeper_everybody_reads(raster: Path) -> None:
    assert twice(raster, None, 0, 0) == [0, ROWS, 2 * ROWS] * 2


def test_strips_of_another_raster_are_not_taken() -> None:
    kept = StripCache(1.0).for_raster("one")
    kept.set_limit(1e6)
    kept.put(0, np.ones((1, 4, 4), dtype=np.uint16))

    assert kept.for_raster("one").nbytes == 32
    assert kept.for_raster("other").pop(0) is None
