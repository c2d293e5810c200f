from pathlib import Path

import numpy as np
import pytest

from tests.unit.geotiffs import GRID
from tulip_ops.core.errors import TulipError
from tulip_ops.raster import cog_writer
from tulip_ops.raster.encoding import Encoding

PLAIN = Encoding("uint8", None, 1.0, 0.0, "nearest", np.asarray)
ONE_BAND = np.zeros((1, *GRID.shape), np.uint8)


@pytest.mark.parametrize("rows", [slice(0, 20), slice(0, 0)])
def test_strips_that_are_not_the_grid_are_refused(tmp_path: Path, rows: slice) -> None:
    with pytest.raises(ValueError, match="rows are not 30"):
        cog_writer.write_cog(tmp_path / "a.tif", [ONE_BAND[:, rows]], GRID, ("red",), PLAIN)
    assert list(tmp_path.iterdir()) == []


def test_arrays_must_fit_their_grid(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not"):
        cog_writer.write_cog(tmp_path / "a.tif", [np.zeros((2, 30, 40))], GRID, ("red",), PLAIN)


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "a.tif"
    with pytest.raises(TulipError, match=r"nowhere.*cannot be written"):
        cog_writer.write_cog(path, [ONE_BAND], GRID, ("red",), PLAIN)
