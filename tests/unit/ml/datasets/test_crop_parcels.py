"""Labels from the Dutch register of parcels, over simulated acquisitions."""

from datetime import date
from pathlib import Path

import geopandas
import numpy as np
import pytest
from shapely.geometry import box

from tulip_ops import simulate
from tulip_ops.core.errors import BadTrainingData
from tulip_ops.core.types import BANDS, AcquisitionId
from tulip_ops.ml.datasets import acquisitions, labels, training_sets
from tulip_ops.ml.datasets.crop_parcels import Image, read_parcels
from tulip_ops.ml.datasets.labels import UNKNOWN
from tulip_ops.ml.datasets.training_sets import Options
from tulip_ops.raster import cog
from tulip_ops.raster.grid import Grid
from tulip_ops.storage.product_store import ProductStore
from tulip_ops.storage.products import CLOUD, REFLECTANCE

RGB = ("red", "green", "blue")
TULIPS = (24, 43, 75, 90)
"""Rows of the register that are given the code of tulips here; it holds none by itself."""
SEASON = 2023
UTM = 32631


@pytest.fixture(scope="module")
def register(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """BRP 2023 as published, EPSG:28992, with some parcels' code changed to 1004."""
    parcels = geopandas.read_file(real_data / "brp_2023/brpgewaspercelen_definitief_2023.gpkg")
    parcels.loc[list(TULIPS), "gewascode"] = 1004
    path = tmp_path_factory.mktemp("brp") / "brp.gpkg"
    parcels.to_file(path, layer="brp_gewas", engine="pyogrio")
    return path


@pytest.fixture(scope="module")
def grids(register: Path) -> list[Grid]:
    """1.6 km around each of the four parcels."""
    parcels = geopandas.read_file(register).to_crs(UTM).loc[list(TULIPS)]
    corners = [
        (round(p.centroid.x, -1) - 800, round(p.centroid.y, -1) + 800) for p in parcels.geometry
    ]
    return [Grid(UTM, left, top, 160, 160) for left, top in corners]


@pytest.fixture(scope="module")
def images(grids: list[Grid], tmp_path_factory: pytest.TempPathFactory) -> list[Image]:
    """Simulated, clear, in April 2023; the last one has a cloud in its north."""
    folder = tmp_path_factory.mktemp("images")
    images = []
    for number, grid in enumerate(grids):
        clear = simulate.Sky(simulate.Weather.CLEAR)
        scene = simulate.training_scene(number, height=160, width=160, sky=clear)
        path = folder / f"polder-{number}_2023-04-2{number}.tif"
        cog.write_reflectance(path, scene.reflectance, grid, BANDS)
        images.append(Image(path.stem, date(2023, 4, 20 + number), path, None))
    cloud = np.zeros((1, 160, 160), dtype=np.float32)
    cloud[:, :40] = 0.9
    with cog.probability_writer(folder / "cloud.tif", grids[-1], ("cloud",)) as draft:
        draft.write(cloud, 0, 0)
    last = images.pop()
    return [*images, Image(last.name, last.day, last.reflectance, folder / "cloud.tif")]


def test_parcels_become_labels(register: Path, images: list[Image], grids: list[Grid]) -> None:
    unread = read_parcels(register, "gewascode", ["1004"], images, BANDS, season=SEASON)

    scenes = {scene.read().name.split("_")[0]: scene.read() for scene in unread}
    assert sorted(scenes) == ["polder-0", "polder-1", "polder-2", "polder-3"]
    parcels = geopandas.read_file(register).to_crs(UTM).geometry
    for number, row in enumerate(TULIPS):
        scene = scenes[f"polder-{number}"]
        measured, _, _ = cog.read_reflectance(images[number].reflectance)
        np.testing.assert_allclose(scene.reflectance(), measured, atol=2e-4)
        tulip = scene.truth[..., 0]
        ground = parcels[row].intersection(box(*grids[number].bounds)).area
        assert np.count_nonzero(tulip == 1) == pytest.approx(ground / 100, rel=0.05)
        assert (scene.truth[..., 1] == UNKNOWN).all()
        assert (scene.season, scene.measured) == (SEASON, BANDS)


def test_the_cloud_screen_says_what_counts(register: Path, images: list[Image]) -> None:
    unread = read_parcels(register, "gewascode", ["1004"], images, RGB, season=SEASON)
    scenes = {scene.name.split("_")[0]: scene.read() for scene in unread}

    assert (scenes["polder-0"].truth[..., 2] == UNKNOWN).all()
    hidden = scenes["polder-3"].truth[..., 2] == labels.SHARE
    assert hidden[:39].all()
    assert not hidden[41:].any()
    counted = labels.usable_pixels(scenes["polder-3"].dn, scenes["polder-3"].truth)
    np.testing.assert_array_equal(counted, ~hidden)


def test_borders_can_be_left_out(register: Path, images: list[Image]) -> None:
    def tulip(borders: bool) -> np.ndarray:
        unread = read_parcels(
            register, "gewascode", ["1004"], images[:1], RGB, season=SEASON, borders=borders
        )
        return unread[0].read().truth[..., 0]

    whole, inner = tulip(borders=True), tulip(borders=False)
    left_out = inner == UNKNOWN
    assert 0.03 < np.count_nonzero(left_out & (whole == 1)) / np.count_nonzero(whole) < 0.4
    assert np.count_nonzero(left_out & (whole == 0)) > 0
    np.testing.assert_array_equal(inner[~left_out], whole[~left_out])


def test_codes_may_be_text(register: Path, images: list[Image], tmp_path: Path) -> None:
    parcels = geopandas.read_file(register)
    parcels["crop"] = parcels.pop("gewascode").map(lambda code: f" {code}")
    parcels.to_crs(4326).to_file(tmp_path / "parcels.geojson", engine="pyogrio")

    unread = read_parcels(
        tmp_path / "parcels.geojson", "crop", ["1004"], images, RGB, season=SEASON
    )

    assert len(unread) == 4


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"column": "crop"}, r"no column crop; its columns are brp_gewas: category, gewas, gewasc"),
        ({"codes": ["1003"]}, r"no parcel over the acquisitions whose gewascode is 1003; there ar"),
        ({"season": 2022}, r"no acquisition of 2022 between 20 March and 10 June.*of: 2023"),
        ({"images": []}, r"no acquisition of 2023 .*\(there are acquisitions of: none\)"),
    ],
)
def test_what_lacks_is_told(
    register: Path, images: list[Image], changed: dict[str, object], told: str
) -> None:
    given = {"column": "gewascode", "codes": ["1004"], "season": SEASON, "images": images}
    given |= changed

    with pytest.raises(BadTrainingData, match=told):
        read_parcels(
            register,
            given["column"],
            given["codes"],
            given["images"],
            RGB,
            season=given["season"],
        )


def test_a_register_that_is_none(images: list[Image], tmp_path: Path) -> None:
    (tmp_path / "brp.gpkg").write_text("nothing")

    with pytest.raises(BadTrainingData, match="cannot be read as a vector file"):
        read_parcels(tmp_path / "brp.gpkg", "gewascode", ["1004"], images, RGB, season=SEASON)


@pytest.fixture
def store(images: list[Image], grids: list[Grid], tmp_path: Path) -> ProductStore:
    """What `tulip screen` leaves behind, with simulated pixels."""
    store = ProductStore(str(tmp_path / "store"))
    for number, (image, grid) in enumerate(zip(images, grids, strict=True)):
        acquisition_id = AcquisitionId.parse(f"SIM_31UFU_2023042{number}_0_L2A")
        clear = {"tulip:clear_fraction": (0.05, 0.9, 0.8, 0.7)[number]}
        store.start_item(acquisition_id, {"properties": {}, "assets": {}})
        reflectance, bands, _ = cog.read_reflectance(image.reflectance)
        with store.writing(acquisition_id, REFLECTANCE) as path:
            cog.write_reflectance(path, reflectance, grid, bands)
            store.publish(acquisition_id, REFLECTANCE, path, recipe="r")
        with store.writing(acquisition_id, CLOUD) as path:
            cloud = np.full((1, *grid.shape), 0.01, dtype=np.float32)
            with cog.probability_writer(path, grid, ("cloud",)) as draft:
                draft.write(cloud, 0, 0)
            store.publish(acquisition_id, CLOUD, path, recipe="r", properties=clear)
    return store


def test_screened_acquisitions_of_the_store_serve(
    store: ProductStore, register: Path, tmp_path: Path
) -> None:
    assert [str(found) for found in store.acquisitions()] == [
        f"SIM_31UFU_2023042{number}_0_L2A" for number in range(4)
    ]
    assert acquisitions.in_store(store, 2022, 0.1) == []
    assert len(acquisitions.in_store(store, SEASON, 0.0)) == 4

    options = Options("unet", RGB, parcels=register, season=SEASON)
    sets = training_sets.gather(options, work=tmp_path, processes=1, store=store)

    found = [scene for part in (sets.learn, sets.choose, sets.measure) for scene in part]
    assert len({scene.place for scene in found}) == 3  # the first acquisition is too cloudy
    assert sets.described == "1 scenes with registered parcels"
    for scene in found:
        assert labels.usable_pixels(scene.dn, scene.truth).all()


def test_a_folder_of_geotiffs_serves(register: Path, images: list[Image], tmp_path: Path) -> None:
    for image in images:
        (tmp_path / image.reflectance.name).symlink_to(image.reflectance)

    found = acquisitions.in_folder(tmp_path)

    assert [image.day.day for image in found] == [20, 21, 22, 23]
    assert len(read_parcels(register, "gewascode", ["1004"], found, RGB, season=SEASON)) == 4


@pytest.mark.parametrize("name", ["polder", "polder_2023-13-40"])
def test_a_geotiff_that_does_not_name_its_day(
    images: list[Image], tmp_path: Path, name: str
) -> None:
    (tmp_path / f"{name}.tif").symlink_to(images[0].reflectance)

    with pytest.raises(BadTrainingData, match=rf"{name}\.tif does not name its day; rename it"):
        acquisitions.in_folder(tmp_path)
