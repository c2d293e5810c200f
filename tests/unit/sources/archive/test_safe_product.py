from pathlib import Path

import numpy as np
import pytest

from tests.unit.sources.archive.esa_product import (
    NAME,
    dn,
    esa_product,
    esa_product_of_level_1c,
    zipped,
)
from tulip_ops.core.errors import BadScene
from tulip_ops.raster.grid import Grid
from tulip_ops.sources.archive.safe_product import is_product, read_product
from tulip_ops.sources.archive.source import Archive
from tulip_ops.sources.read_cache import MemoryReadCache

GRID = Grid(32631, 680000.0, 5850000.0, 60, 48)


def test_metadata_say_which_images_and_what_their_numbers_are(tmp_path: Path) -> None:
    folder = esa_product(tmp_path).rename(tmp_path / "renamed.SAFE")
    product = read_product(folder)
    assert product.name == NAME
    words = [band.word for band in product.bands]
    assert words == ["B02", "B03", "B04", "B05", "B08", "B8A"]
    assert product.bands[0].href.endswith("B02_10m.jp2")
    assert {(band.scale, band.offset) for band in product.bands} == {(1e-4, -0.1)}
    assert set(product.left_out) == {"B01", "SCL", "TCI"}


def test_without_offsets_there_are_none(tmp_path: Path) -> None:
    product = read_product(esa_product(tmp_path, offset=False))
    assert {band.offset for band in product.bands} == {0.0}


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_a_product_becomes_a_scene_of_all_its_resolutions(tmp_path: Path, kind: str) -> None:
    product = esa_product(tmp_path)
    path = product if kind == "folder" else zipped(product)
    assert is_product(path)
    archive = Archive(tmp_path / "archive")
    [acquisition_id] = archive.add_files([path])
    assert str(acquisition_id) == "S2A_31UFU_20220501_0_L2A"
    acquisition = archive.find(acquisition_id)
    assert acquisition is not None
    assert f"{acquisition.sensed_at:%H:%M:%S}" == "10:50:31"
    values, bands = archive.read(acquisition, GRID, MemoryReadCache())
    assert bands == ("blue", "green", "red", "rededge1", "nir", "nir08")
    np.testing.assert_allclose(values[0], dn(1200, 10)[0] * 1e-4 - 0.1, atol=1e-6)
    assert np.isfinite(values).all()


def test_a_product_of_level_1c_becomes_a_scene_of_that_level(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    [acquisition_id] = archive.add_files([esa_product_of_level_1c(tmp_path)])
    assert str(acquisition_id) == "S2A_31UFU_20220501_0_L1C"
    [scene] = archive.scenes()
    assert list(scene.bands) == ["blue", "nir08"]
    assert {(band.scale, band.offset) for band in scene.bands.values()} == {(1e-4, -0.1)}


def test_what_is_no_product_is_refused_by_name(tmp_path: Path) -> None:
    old = tmp_path / "S2A_OPER_PRD_MSIL1C_x.SAFE"
    old.mkdir()
    with pytest.raises(BadScene, match=r"S2A_OPER.* holds no MTD_MSIL2A\.xml.*gdal_translate"):
        read_product(old)
    broken = tmp_path / "S2A.zip"
    broken.write_bytes(b"<html>")
    with pytest.raises(BadScene, match=r"S2A\.zip cannot be read as a product"):
        read_product(broken)
    partial = esa_product(tmp_path)
    next(partial.rglob("*B03_10m.jp2")).unlink()
    with pytest.raises(BadScene, match=r"lacks .*B03_10m\.jp2"):
        read_product(partial)
