"""The documented Python API, on a simulated acquisition and on a real PostGIS."""

import doctest
import re
import tomllib
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pytest

import tulip_ops
from tests.postgis import histories
from tests.postgis.conftest import Examples
from tulip_ops import simulate
from tulip_ops.core.errors import (
    AreaNotFound,
    BadAcquisitionId,
    BadInput,
    BandMissing,
    ModelNotFound,
    ProductDamaged,
    ProductMissing,
)
from tulip_ops.core.settings import Settings
from tulip_ops.core.storage_settings import DatabaseSettings, StorageSettings
from tulip_ops.core.types import BANDS, Acquisition
from tulip_ops.fields.delineation.detect import detect
from tulip_ops.postgis.connection import Connection
from tulip_ops.raster import cog
from tulip_ops.raster.grid import Grid
from tulip_ops.raster.probability import encode_probability
from tulip_ops.raster.projection import WGS84, project
from tulip_ops.storage import acquisition_products, detections_file, stac_items
from tulip_ops.storage.product_store import ProductStore
from tulip_ops.storage.products import CLOUD, DETECTIONS, REFLECTANCE, TULIP, Product

ID = "SIM_31UFU_20240420_0_L2A"
PAGE = Path("docs/reference/python-api.md")
SCENE = 3
"""Seed of a simulated scene with fields in flower."""

pytestmark = pytest.mark.filterwarnings(
    # Keras 3.15 hands TensorFlow's variables to NumPy in the old way
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)


@pytest.fixture(scope="module")
def reflectance() -> np.ndarray:
    return simulate.training_scene(SCENE, sky=simulate.Sky("clear")).reflectance


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, reflectance: np.ndarray) -> Path:
    """A store with the four products of the acquisition, made by the real networks."""
    folder = tmp_path_factory.mktemp("store")
    acquisition, area = Examples.acquisition(ID), Examples.area()
    west, _, _, north = project(area.geometry, WGS84, 32631).bounds
    grid = Grid(32631, west // 10 * 10, north // 10 * 10, 256, 256, 10.0)
    cloud = tulip_ops.run_network(reflectance, BANDS, "cloud-filter", Settings())
    tulip = tulip_ops.run_network(reflectance, BANDS, "unet", Settings())
    products = ProductStore(str(folder))
    products.start_item(acquisition.id, stac_items.product_item(acquisition, grid, BANDS))
    publish(products, acquisition, REFLECTANCE, lambda path: cog.write_reflectance(
        path, reflectance, grid, BANDS
    ))  # fmt: skip
    for product, values in ((CLOUD, cloud), (TULIP, tulip)):

        def write(path: Path, bands: Any = product.bands, values: Any = values) -> None:
            with cog.probability_writer(path, grid, bands) as writer:
                writer.write_encoded(encode_probability(values), 0, 0)

        publish(products, acquisition, product, write)
    found = detect(tulip, grid, [area], threshold=0.5, in_flower=0.5, minimum_area=2500)
    assert found
    publish(products, acquisition, DETECTIONS, lambda path: (
        detections_file.write_detections(path, found, acquisition_id=ID)
    ))  # fmt: skip
    return folder


def publish(products: ProductStore, acquisition: Acquisition, product: Product, write: Any) -> None:
    with products.writing(acquisition.id, product) as path:
        write(path)
        products.publish(acquisition.id, product, path, recipe="0")


@pytest.fixture
def history(database: Connection, examples: type[Examples]) -> None:
    """Two satellite fields and a simulated one, of which one did not bloom in 2025."""
    ids = ("S2B_31UFU_20240420_0_L2A", "S2B_31UFU_20250420_0_L2A", "SIM_31UFU_20240422_0_L2A")
    examples.admit(database, *ids)
    fields = histories.add_fields(database, [0, 1]) | histories.add_fields(
        database, [5], simulated=True
    )
    seasons = (
        (2024, {0: "bloomed", 1: "bloomed", 5: "bloomed"}),
        (2025, {0: "not_bloomed", 1: "bloomed"}),
    )
    for season, verdicts in seasons:
        histories.sum_up(database, season, {fields[place]: v for place, v in verdicts.items()})


@pytest.fixture
def settings(store: Path, logins: Any) -> Settings:
    return Settings(
        storage=StorageSettings(store=str(store)),
        database=DatabaseSettings(database_url=logins.reader),
    )


def test_every_example_of_the_page_runs(
    repository: Path, settings: Settings, history: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TULIP_STATE", settings.storage.store_place)  # no local.env of this checkout
    text = (repository / PAGE).read_text()
    assert text.count("```python") == len(re.findall(r"```python\n>>> ", text)) >= 8
    names = {"store": settings.storage.store, "database_url": settings.database.reader_url()}
    parser = doctest.DocTestParser()
    examples = parser.get_doctest(text, names, str(PAGE), str(PAGE), 0)
    told: list[str] = []
    result = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(examples, out=told.append)
    assert result.attempted > 20
    assert result.failed == 0, "".join(told)


def test_the_products_are_what_was_written(store: Path, reflectance: np.ndarray) -> None:
    products = tulip_ops.open_acquisition(ID, Settings(storage=StorageSettings(store=str(store))))
    assert str(products.id) == ID
    raster = products.reflectance()
    np.testing.assert_allclose(raster.values, reflectance, atol=1e-4)
    assert raster.bands == BANDS
    for name in ("reflectance", "cloud", "tulip", "detections"):
        assert products.path(name).is_relative_to(store)
        assert name in products.item()["assets"]
    tulip = products.tulip()
    assert isinstance(tulip, acquisition_products.Raster)
    assert tulip.values.shape == (2, *tulip.grid.shape)
    assert np.nanmax(tulip.values[0]) > 0.5


def test_detections_come_with_geometry_and_provenance(store: Path) -> None:
    products = tulip_ops.open_acquisition(ID, Settings(storage=StorageSettings(store=str(store))))
    frame = products.detections()
    assert isinstance(frame, geopandas.GeoDataFrame)
    written = detections_file.read_detections(products.path("detections"))
    assert list(frame.geometry) == [detection.geometry for detection in written]
    assert list(frame.bloom_fraction) == [detection.bloom_fraction for detection in written]
    assert set(frame.acquisition_id) == {ID}


def test_what_is_no_parquet_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "detections.parquet"
    path.write_bytes(b"no parquet")
    with pytest.raises(ProductDamaged, match="does not hold detections"):
        detections_file.read_frame(path)


def test_an_unknown_acquisition_is_said_at_once(tmp_path: Path) -> None:
    settings = Settings(storage=StorageSettings(store=str(tmp_path)))
    with pytest.raises(ProductMissing):
        tulip_ops.open_acquisition(ID, settings)
    with pytest.raises(BadAcquisitionId):
        tulip_ops.open_acquisition("tulips", settings)


def test_a_network_by_kind_by_name_and_by_version_is_the_same(reflectance: np.ndarray) -> None:
    first = tulip_ops.run_network(reflectance, BANDS, "cloud-filter", Settings())
    for model in ("cloud-filter-multispectral", "cloud-filter-multispectral/3"):
        again = tulip_ops.run_network(reflectance.tolist(), BANDS, model, Settings())
        np.testing.assert_array_equal(again, first)
    assert first.shape == (1, *reflectance.shape[1:])


def test_what_a_network_cannot_read_is_refused(reflectance: np.ndarray) -> None:
    with pytest.raises(BadInput, match=r"shape \(256, 256\)"):
        tulip_ops.run_network(reflectance[0], BANDS, settings=Settings())
    with pytest.raises(BadInput, match="holds uint16"):
        tulip_ops.run_network(reflectance.astype(np.uint16), BANDS, settings=Settings())
    with pytest.raises(ModelNotFound, match="no model 'vgg'"):
        tulip_ops.run_network(reflectance, BANDS, "vgg", Settings())
    with pytest.raises((ModelNotFound, BandMissing), match="red"):
        tulip_ops.run_network(reflectance[:2], BANDS[:2], settings=Settings())


def test_the_history_has_a_row_per_field_and_season(settings: Settings, history: None) -> None:
    frame = tulip_ops.read_history(settings)
    assert isinstance(frame, geopandas.GeoDataFrame)
    assert frame.crs.to_epsg() == 4326
    assert len(frame) == 5
    assert not frame.duplicated(["field_id", "season"]).any()
    assert set(frame.geom_type) == {"Polygon"}
    assert frame.dtypes[["field_id", "season"]].map(pd.api.types.is_integer_dtype).all()
    assert frame.simulated.dtype == pd.BooleanDtype()
    assert len(tulip_ops.read_history(settings, simulated=True)) == 1
    assert len(tulip_ops.read_history(settings, seasons=[2025])) == 2


def test_an_empty_history_has_its_columns(settings: Settings, history: None) -> None:
    frame = tulip_ops.read_history(settings, seasons=[1999])
    assert len(frame) == 0
    assert list(frame.columns) == list(tulip_ops.read_history(settings).columns)
    with pytest.raises(AreaNotFound):
        tulip_ops.read_history(settings, area="nowhere")


def test_the_version_is_that_of_the_project(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    assert tulip_ops.__version__ == project["version"]
