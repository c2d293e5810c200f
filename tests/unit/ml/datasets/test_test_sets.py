import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.unit.ml.inference.test_model_registry import put
from tulip_ops import simulate
from tulip_ops.core.errors import BadTrainingData
from tulip_ops.ml.datasets import test_sets
from tulip_ops.ml.datasets.scenes import TrainingScene
from tulip_ops.ml.inference import model_registry
from tulip_ops.ml.inference.model_registry import Card
from tulip_ops.storage.product_store import ProductStore


@pytest.fixture
def unet(tmp_path: Path) -> Card:
    return model_registry.read_card(put(tmp_path / "models", "unet-rgb", "1"))


def scenes(source: str, card: Card, folder: Path, count: int = 100) -> list[TrainingScene]:
    there = test_sets.scenes(
        source, card, count, work=folder, processes=1, store=ProductStore(str(folder / "store"))
    )
    return list(there)


def test_simulated_scenes_are_of_places_that_no_training_learns_from(
    unet: Card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(test_sets, "SIDE", 64)

    first, second = scenes("simulated", unet, tmp_path, 2)

    assert [first.name, second.name] == ["simulated-2010000", "simulated-2010001"]
    assert first.dn.shape == (64, 64, 3)
    assert list(tmp_path.glob(f"simulated-{simulate.VERSION}-64/2010000.npz"))


def test_planets_chips_are_drawn_the_same_each_time(real_data: Path, tmp_path: Path) -> None:
    card = model_registry.read_card(put(tmp_path / "models", "cloud-filter-rgb", "1"))
    source = f"planet:{real_data / 'planet_amazon'}"

    once, again = (scenes(source, card, tmp_path, 5) for _ in range(2))

    assert [scene.name for scene in once] == [scene.name for scene in again]
    assert len({scene.name for scene in once}) == 5
    assert all(scene.cloudy is not None for scene in once)


def test_a_folder_holds_images_and_masks(real_data: Path, unet: Card, tmp_path: Path) -> None:
    for name in ("images", "masks"):
        (tmp_path / "2016" / name).mkdir(parents=True)
    for path in (real_data / "noordoostpolder_2016").glob("*.tif"):
        kind = "masks" if "geopedia" in path.name else "images"
        shutil.copy(path, tmp_path / "2016" / kind)

    found = scenes(f"folder:{tmp_path / '2016'}", unet, tmp_path)

    assert len(found) == 7
    assert all(np.count_nonzero(scene.truth[..., 0] == 1) for scene in found)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("dreams", "'dreams' names no scenes"),
        ("planet:", "names no scenes"),
        ("dreams:here", "names no scenes"),
        ("parcels:register.gpkg", "lacks the year"),
        ("planet:nowhere", "nowhere"),
        ("folder:nowhere", "nowhere"),
    ],
)
def test_what_cannot_be_read_is_told(unet: Card, tmp_path: Path, source: str, said: str) -> None:
    with pytest.raises(BadTrainingData, match=said):
        scenes(source, unet, tmp_path)
