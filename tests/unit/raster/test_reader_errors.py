from pathlib import Path

import pytest

from tests.unit.geotiffs import GRID
from tulip_ops.core.errors import UnreadableRaster
from tulip_ops.raster.cog import read_reflectance
from tulip_ops.raster.cog_copies import BandSelection, copy_as_cog
from tulip_ops.raster.header import inspect
from tulip_ops.raster.reader import read_warped


@pytest.mark.parametrize("content", [b"", b"II*\0nothing", b"<html>not found</html>", None])
def test_what_is_no_raster_is_said(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "scene.tif"
    if content is not None:
        path.write_bytes(content)
    for attempt in (
        lambda: read_warped([(str(path), 1)], GRID),
        lambda: inspect(str(path)),
        lambda: read_reflectance(path),
        lambda: copy_as_cog(
            path, tmp_path / "cog.tif", BandSelection((1,), ("red",), (1.0,), (0.0,), None)
        ),
    ):
        with pytest.raises(UnreadableRaster, match=r"scene\.tif cannot be read as a raster"):
            attempt()
