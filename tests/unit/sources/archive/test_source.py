import json
import logging
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pystac
import pytest
import rasterio
from rio_cogeo import cog_validate
from shapely.geometry import MultiPolygon, box

from tulip_ops.core.errors import (
    ArchiveNotFound,
    BadData,
    BadScene,
    BadSetting,
    OffsetContradiction,
    UnreadableRaster,
)
from tulip_ops.core.settings import Settings
from tulip_ops.core.source_settings import SourceSettings
from tulip_ops.core.storage_settings import StorageSettings
from tulip_ops.core.types import Acquisition, AcquisitionId, Area
from tulip_ops.raster.grid import Grid
from tulip_ops.raster.mgrs import tile_grid
from tulip_ops.raster.projection import project
from tulip_ops.sources.archive.source import Archive
from tulip_ops.sources.read_cache import MemoryReadCache
from tulip_ops.sources.registry import open_sources

POLDER = Area("polder", MultiPolygon([box(5.5, 52.6, 6.0, 52.9)]))
ELSEWHERE = Area("elsewhere", MultiPolygon([box(10, 45, 11, 46)]))
GRID = Grid(32631, 680000.0, 5850000.0, 40, 30)
SPRING = (date(2016, 4, 1), date(2016, 6, 1))
SIM = AcquisitionId.parse("SIM_31UFU_20260420_0_L2A")
SENSED_AT = datetime(2026, 4, 20, 10, 50, tzinfo=UTC)


def renderings(real_data: Path) -> list[Path]:
    return sorted((real_data / "noordoostpolder_2016").glob("*TRUE_COLOR.tif"))


def numbers(path: Path, dn: np.ndarray, *names: str) -> Path:
    """A GeoTIFF of uint16 (bands, 30, 40) on GRID."""
    profile = {"driver": "GTiff", "count": len(dn), "height": 30, "width": 40, "dtype": "uint16"}
    with rasterio.open(path, "w", **profile, crs="EPSG:32631", transform=GRID.transform) as target:
        target.write(dn.astype(np.uint16))
        target.descriptions = names
    return path


def random_dn(low: int = 1, high: int = 4000) -> np.ndarray:
    return np.random.default_rng(3).integers(low, high, (4, 30, 40))


def fields(folder: Path, count: int) -> list[Path]:
    """GeoTIFFs that can become scenes, each of another day of April 2016."""
    return [
        numbers(
            folder / f"S2A_2016-04-{day:02d}.tif",
            random_dn() + day,
            "red",
            "green",
            "blue",
            "nir",
        )
        for day in range(1, count + 1)
    ]


def whole(acquisition: Acquisition) -> Grid:
    tile = tile_grid(acquisition.id.tile)
    return tile.window(project(acquisition.footprint, 4326, tile.epsg).bounds)


def snapshot(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_real_renderings_become_an_archive(real_data: Path, tmp_path: Path) -> None:
    files = renderings(real_data)
    assert len(files) == 7
    archive = Archive(tmp_path)
    ids = archive.add_files(files[::-1])
    assert sorted(map(str, ids)) == [
        "S2A_31UFU_20160421_0_L2A",
        "S2A_31UFU_20160501_0_L2A",
        "S2A_31UFU_20160501_1_L2A",
        "S2A_31UFU_20160508_0_L2A",
        "S2A_31UFU_20160508_1_L2A",
        "S2A_31UFU_20160511_0_L2A",
        "S2A_31UFU_20160511_1_L2A",
    ]
    before = snapshot(tmp_path)
    assert archive.add_files(files) == ids
    assert Archive(tmp_path).add_files(files[2:4]) == ids[2:4]
    assert snapshot(tmp_path) == before

    offered = list(archive.search([ELSEWHERE, POLDER], *SPRING))
    assert [a.id for a in offered] == sorted(ids)
    assert archive.problems == []
    for path, acquisition_id in zip(sorted(files, key=lambda path: path.name), ids, strict=True):
        item = pystac.Item.from_file(tmp_path / str(acquisition_id) / f"{acquisition_id}.json")
        pystac.Item.from_dict({**item.to_dict(), "stac_extensions": []}).validate()
        cog = tmp_path / str(acquisition_id) / "reflectance.tif"
        assert cog_validate(cog, strict=True) == (True, [], [])
        with rasterio.open(path) as source, rasterio.open(cog) as copy:
            np.testing.assert_array_equal(copy.read(), source.read())
            assert (copy.crs, copy.transform) == (source.crs, source.transform)


def test_a_rendering_reads_as_reflectance_on_the_tiles_grid(
    real_data: Path, tmp_path: Path
) -> None:
    path = renderings(real_data)[3]
    archive = Archive(tmp_path)
    [acquisition_id] = archive.add_files([path])
    acquisition = archive.find(acquisition_id)
    assert acquisition is not None
    assert acquisition.sensed_at == datetime(2016, 4, 21, 10, 50, 29, tzinfo=UTC)
    grid = whole(acquisition)
    reflectance, bands = archive.read(acquisition, grid, MemoryReadCache())
    assert bands == ("blue", "green", "red") == acquisition.bands
    assert reflectance.shape == (3, *grid.shape)
    assert reflectance.dtype == np.float32
    with rasterio.open(path) as source:
        expected = source.read().mean(axis=(1, 2))[::-1] / 255 / 2.5
    np.testing.assert_allclose(np.nanmean(reflectance, axis=(1, 2)), expected, rtol=0.003)


def test_masks_are_refused_and_what_was_added_before_stays(real_data: Path, tmp_path: Path) -> None:
    truth = next((real_data / "noordoostpolder_2016").glob("*geopedia*"))
    renamed = tmp_path / "zz_2016-05-01_geopedia.tif"
    renamed.write_bytes(truth.read_bytes())
    archive = Archive(tmp_path / "archive")
    with pytest.raises(BadScene, match=r"zz_.*_geopedia\.tif holds 1 band of uint8.*mask"):
        archive.add_files([*renderings(real_data)[:1], renamed])
    assert len(list(archive.scenes())) == 1


def test_numbers_become_reflectance_in_the_order_of_bands(tmp_path: Path) -> None:
    dn = random_dn()
    dn[:, :3] = 0
    path = numbers(tmp_path / "S2B_2020-04-20.tif", dn, "B08", "B04", "B03", "B02")
    archive = Archive(tmp_path / "archive")
    [acquisition_id] = archive.add_files([path])
    acquisition = archive.find(acquisition_id)
    assert acquisition is not None
    reflectance, bands = archive.read(acquisition, GRID, MemoryReadCache())
    assert bands == ("blue", "green", "red", "nir")
    expected = np.where(dn == 0, np.nan, dn * 1e-4)[::-1]
    np.testing.assert_allclose(reflectance, expected, atol=1e-6)


def test_a_declared_offset_that_the_pixels_contradict_is_refused(tmp_path: Path) -> None:
    names = ("red", "green", "blue", "nir")
    bare = numbers(tmp_path / "S2A_2022-04-20.tif", random_dn(200, 900), *names)
    added = numbers(tmp_path / "S2A_2022-04-25.tif", random_dn(1200, 1900), *names)
    archive = Archive(tmp_path / "archive")
    wrong, right = map(archive.find, archive.add_files([bare, added], offset=-0.1))
    assert wrong is not None
    assert right is not None
    assert np.nanmin(archive.read(right, GRID, MemoryReadCache())[0]) > 0.01
    with pytest.raises(OffsetContradiction, match=r"S2A_31UFU_20220420_0_L2A .* below 800"):
        archive.read(wrong, GRID, MemoryReadCache())


def test_search_keeps_to_areas_and_days(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    ids = archive.add_files(fields(tmp_path, 4))
    assert [a.id for a in archive.search([POLDER], date(2016, 4, 2), date(2016, 4, 3))] == ids[1:3]
    assert list(archive.search([ELSEWHERE], *SPRING)) == []
    assert list(archive.search([], *SPRING)) == []
    assert archive.find(SIM) is None


def test_one_bad_item_does_not_hide_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    archive = Archive(tmp_path / "archive")
    ids = archive.add_files(fields(tmp_path, 4))
    items = [tmp_path / "archive" / str(i) / f"{i}.json" for i in ids]
    items[0].write_text("{")
    items[1].unlink()
    document = json.loads(items[2].read_text())
    del document["properties"]["datetime"]
    items[2].write_text(json.dumps(document))
    with caplog.at_level(logging.WARNING):
        assert [a.id for a in archive.search([POLDER], *SPRING)] == ids[3:]
    assert len(archive.problems) == 3
    for problem, path in zip(sorted(archive.problems), sorted(map(str, items[:3])), strict=True):
        assert path in problem
        assert problem in caplog.text
    assert "1 scenes, 0 of them simulated, 3 items unusable" in archive.describe()


def test_nested_catalogs_are_followed_once(tmp_path: Path) -> None:
    inner = Archive(tmp_path / "2016")
    ids = inner.add_files(fields(tmp_path, 2))
    link = {"rel": "child", "href": "./2016/catalog.json"}
    gone = {"rel": "child", "href": "./2017/catalog.json"}
    root = {"type": "Catalog", "links": [link, link, gone]}
    (tmp_path / "catalog.json").write_text(json.dumps(root))
    nested = tmp_path / "2016" / "catalog.json"
    document = json.loads(nested.read_text())
    document["links"].append({"rel": "child", "href": "../catalog.json"})
    nested.write_text(json.dumps(document))
    archive = Archive(tmp_path)
    assert [a.id for a in archive.search([POLDER], *SPRING)] == ids
    assert len(archive.problems) == 1
    assert "2017" in archive.problems[0]


def test_a_place_without_a_catalog_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ArchiveNotFound, match="tulip archive add"):
        list(Archive(tmp_path).search([POLDER], *SPRING))
    (tmp_path / "catalog.json").write_text("[]")
    with pytest.raises(ArchiveNotFound, match="no JSON object"):
        Archive(tmp_path).find(SIM)
    with pytest.raises(ArchiveNotFound, match="no JSON object"):
        Archive(tmp_path).add_files([])


def test_a_truncated_file_is_not_added(tmp_path: Path) -> None:
    path = fields(tmp_path, 1)[0]
    path.write_bytes(path.read_bytes()[:-3000])
    archive = Archive(tmp_path / "archive")
    with pytest.raises(UnreadableRaster, match="S2A_2016-04-01"):
        archive.add_files([path])
    with pytest.raises(BadScene, match="No such file"):
        archive.add_files([tmp_path / "nowhere.tif"])
    assert not (tmp_path / "archive" / "catalog.json").exists()


def test_files_that_are_no_scenes_are_told_of_and_hinder_no_other(tmp_path: Path) -> None:
    cut, *good = fields(tmp_path, 3)
    cut.write_bytes(cut.read_bytes()[:-3000])
    undated = good[0].with_name("S2A_undated.tif")
    undated.write_bytes(good[0].read_bytes() + b" ")
    refused: dict[Path, BadData] = {}
    archive = Archive(tmp_path / "archive")
    ids = archive.add_files([cut, *good, undated], refuse=refused.__setitem__)
    assert [scene.id for scene in archive.scenes()] == ids
    assert {path: type(error) for path, error in refused.items()} == {
        cut: UnreadableRaster, undated: BadScene,
    }  # fmt: skip
    assert archive.add_files(good, refuse=refused.__setitem__) == ids


def test_simulated_scenes_come_back_as_they_were_made(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    reflectance = np.random.default_rng(1).uniform(0.01, 0.5, (2, *GRID.shape)).astype(np.float32)
    reflectance[:, 3, 4] = np.nan
    truth = np.random.default_rng(2).integers(0, 5, (1, *GRID.shape)).astype(np.uint8)
    for _ in range(2):  # again changes nothing
        archive.add_scene(
            SIM, SENSED_AT, reflectance, ("red", "nir"), GRID, properties={"tulip:seed": 1}
        )
        archive.add_truth(SIM, "truth", truth, GRID, ("class",))
    acquisition = archive.find(SIM)
    assert acquisition is not None
    assert acquisition.sensed_at == SENSED_AT
    values, bands = archive.read(acquisition, GRID, MemoryReadCache())
    assert bands == ("red", "nir")
    np.testing.assert_allclose(values, reflectance, atol=0.51e-4)
    item = json.loads((tmp_path / str(SIM) / f"{SIM}.json").read_text())
    assert item["properties"]["tulip:simulated"] is True
    assert item["properties"]["tulip:seed"] == 1
    assert item["assets"]["truth"]["roles"] == ["truth"]
    with rasterio.open(tmp_path / str(SIM) / "truth.tif") as source:
        np.testing.assert_array_equal(source.read(), truth)
    assert len(list(archive.scenes())) == 1
    assert "1 scenes, 1 of them simulated" in archive.describe()


@pytest.mark.parametrize(("baseline", "offset"), [("02.14", 0), ("05.11", -0.1)])
def test_both_radiometric_baselines_hold_the_same_reflectance(
    tmp_path: Path, baseline: str, offset: float
) -> None:
    archive = Archive(tmp_path)
    reflectance = np.random.default_rng(1).uniform(0.01, 0.5, (1, *GRID.shape)).astype(np.float32)

    archive.add_scene(SIM, SENSED_AT, reflectance, ("red",), GRID, baseline=baseline)

    acquisition = archive.find(SIM)
    assert acquisition is not None
    assert acquisition.baseline == baseline
    values, _ = archive.read(acquisition, GRID, MemoryReadCache())
    np.testing.assert_allclose(values, reflectance, atol=0.51e-4)
    with rasterio.open(tmp_path / str(SIM) / "reflectance.tif") as source:
        assert source.offsets == (offset,)


def test_another_scene_of_the_same_id_has_another_fingerprint(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    prints = []
    for value in (0.1, 0.1, 0.2):
        reflectance = np.full((1, *GRID.shape), value, np.float32)
        archive.add_scene(SIM, SENSED_AT, reflectance, ("red",), GRID)
        acquisition = archive.find(SIM)
        assert acquisition is not None
        prints.append(archive.fingerprint(acquisition))
    assert prints[0] == prints[1] != prints[2]


def test_truth_needs_its_scene(tmp_path: Path) -> None:
    with pytest.raises(BadScene, match="missing"):
        Archive(tmp_path).add_truth(SIM, "truth", np.zeros((1, 30, 40), np.uint8), GRID, ("x",))


def test_settings_name_the_sources(tmp_path: Path) -> None:
    sources = open_sources(Settings(storage=StorageSettings(archive=str(tmp_path))))
    assert list(sources) == ["archive"]
    with pytest.raises(BadSetting, match="moon"):
        open_sources(Settings(sources=SourceSettings(order=("moon",))))
