from pathlib import Path

import numpy as np
import pytest

from tests.unit.geotiffs import GRID, geotiff, noise
from tulip_ops.core.errors import UnreadableRaster
from tulip_ops.raster.cog import read_reflectance
from tulip_ops.raster.cog_copies import BandSelection, copy_as_cog
from tulip_ops.raster.grid import Grid
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


def virtual(target: str) -> str:
    """A VRT of the size of GRID that shows another raster."""
    return (
        f'<VRTDataset rasterXSize="{GRID.width}" rasterYSize="{GRID.height}">'
        '<VRTRasterBand dataType="Byte" band="1"><SimpleSource>'
        f"<SourceFilename>{target}</SourceFilename><SourceBand>1</SourceBand>"
        "</SimpleSource></VRTRasterBand></VRTDataset>"
    )


@pytest.mark.parametrize("suffix", ["tif", "vrt", "png"])
def test_a_vrt_is_refused_under_any_name(tmp_path: Path, suffix: str) -> None:
    other = geotiff(tmp_path / "other.tif", noise(1, *GRID.shape).astype("uint8"))
    path = tmp_path / f"scene.{suffix}"
    path.write_text(virtual(other))
    for attempt in (lambda: inspect(str(path)), lambda: read_warped([(str(path), 1)], GRID)):
        with pytest.raises(UnreadableRaster, match="no GeoTIFF, JPEG 2000, PNG or JPEG"):
            attempt()


@pytest.mark.parametrize(
    "content",
    [
        "<GDAL_WMS><Service name='TMS'><ServerUrl>http://127.0.0.1/</ServerUrl></Service></GDAL_WMS>",
        "<WCS_GDAL><ServiceURL>http://127.0.0.1/</ServiceURL></WCS_GDAL>",
        "<GDALTileIndexDataset><IndexDataset>/etc/x.gpkg</IndexDataset></GDALTileIndexDataset>",
        '{"type": "gdal_streamed_alg", "command_line": "gdal raster pipeline ! read /etc/x.tif"}',
    ],
)
def test_a_text_that_names_other_files_or_hosts_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "scene.tif"
    path.write_text(content)
    with pytest.raises(UnreadableRaster, match="no GeoTIFF, JPEG 2000, PNG or JPEG"):
        inspect(str(path))


@pytest.mark.parametrize(
    "address", ["/vsicurl/http://127.0.0.1/x.tif", "WMS:http://127.0.0.1/", "GTIFF_DIR:1:x.tif"]
)
def test_an_address_of_gdal_is_no_path(address: str) -> None:
    with pytest.raises(UnreadableRaster, match="no regular file"):
        inspect(address)


def test_a_remote_vrt_is_refused(tmp_path: Path) -> None:
    other = geotiff(tmp_path / "other.tif", noise(1, *GRID.shape).astype("uint8"))
    content = virtual(other).encode()

    class Remote:
        name = "https://example.org/scene.tif"

        def read(self, start: int, stop: int) -> bytes:
            return content[start:stop]

        def size(self) -> int:
            return len(content)

    with pytest.raises(UnreadableRaster, match=r"example\.org/scene\.tif.*no GeoTIFF"):
        read_warped([(Remote(), 1)], GRID)


def test_a_sidecar_does_not_lend_its_pixels(tmp_path: Path) -> None:
    dark = geotiff(tmp_path / "dark.tif", np.full((1, *GRID.shape), 1, "uint8"))
    other = geotiff(tmp_path / "other.tif", np.full((1, *GRID.shape), 77, "uint8"))
    half = f'rasterXSize="{GRID.width // 2}" rasterYSize="{GRID.height // 2}"'
    overview = virtual(other).replace(
        f'rasterXSize="{GRID.width}" rasterYSize="{GRID.height}"', half
    )
    Path(f"{dark}.ovr").write_text(overview)
    coarse = Grid(GRID.epsg, GRID.left, GRID.top, GRID.width // 2, GRID.height // 2, 20.0)
    assert (read_warped([(dark, 1)], coarse) == 1).all()


def test_a_mask_in_a_file_of_its_own_is_refused_by_name(tmp_path: Path) -> None:
    scene = geotiff(tmp_path / "scene.tif", noise(1, *GRID.shape).astype("uint8"))
    Path(f"{scene}.msk").write_bytes(Path(scene).read_bytes())
    with pytest.raises(UnreadableRaster, match=r"mask in a file of its own.*scene\.tif\.msk"):
        inspect(scene)
