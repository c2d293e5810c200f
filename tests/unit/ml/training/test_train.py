"""Complete trainings in miniature: they run, resume after a kill, and describe their data."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tulip_ops import simulate
from tulip_ops.core.errors import BadSetting
from tulip_ops.ml.datasets.labels import SHARE
from tulip_ops.ml.datasets.scenes import TrainingScene
from tulip_ops.ml.datasets.training_sets import Options
from tulip_ops.ml.inference import keras_backend, model_registry
from tulip_ops.ml.inference.model_registry import Card, Normalization
from tulip_ops.ml.training import chip_sampling, train, trainer
from tulip_ops.ml.training.recipes import cloud_filter_recipe, unet_recipe
from tulip_ops.storage.product_store import ProductStore

pytestmark = pytest.mark.filterwarnings(
    # Keras 3.15 hands TensorFlow's variables to NumPy in the old way
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)

RGB = ("red", "green", "blue")


def red_fields(seed: int) -> TrainingScene:
    """Tulips are where it is red: learnt within seconds."""
    random = np.random.default_rng(seed)
    truth = np.zeros((64, 64, 4), dtype=np.uint8)
    dn = random.integers(1900, 2100, (64, 64, 3)).astype(np.uint16)
    row, column = random.integers(8, 32, 2)
    truth[row : row + 24, column : column + 24, :2] = (1, SHARE)
    dn[row : row + 24, column : column + 24, 0] += 1500
    return TrainingScene(str(seed), str(seed), 2020, dn, truth)


SCHEDULE = trainer.TrainingSchedule(
    bands=RGB,
    seed=1,
    data="red fields",
    stages=(trainer.Stage(16, 4, 1), trainer.Stage(32, 4, 2)),
    steps=4,
    rate=1e-2,
    precision="float32",
)
JOB = trainer.TrainingJob("unet-rgb", "1", unet_recipe(base=4, levels=2), SCHEDULE)
NORMALIZATION = Normalization(lowest=0, highest=0.4, mean=(0.15,) * 3, std=(0.08,) * 3)


def fitted(folder: Path, *, interrupted: bool = False) -> list[np.ndarray]:
    """Weights after training, which with `interrupted` dies after its first epoch."""
    keras_backend.use_threads(1)
    folder.mkdir(exist_ok=True)
    scenes = [red_fields(seed) for seed in range(4)]

    def run(job: trainer.TrainingJob) -> list[np.ndarray]:
        keras.utils.set_random_seed(1)
        network = job.build("float32")
        trainer.fit(job, network, scenes, scenes, NORMALIZATION, folder)
        return list(network.get_weights())

    if interrupted:
        draw = dying(JOB.recipe.draw, after=4 * 4 + 4 * 4 + 2)
        with pytest.raises(tf.errors.OpError, match="killed"):
            run(replace(JOB, recipe=replace(JOB.recipe, draw=draw)))
    return run(JOB)


def dying(
    draw: Callable[[Sequence[TrainingScene], np.random.Generator, int], chip_sampling.Chip],
    after: int,
) -> Callable[[Sequence[TrainingScene], np.random.Generator, int], chip_sampling.Chip]:
    """`draw`, until the process dies in its second epoch."""
    left = iter(range(after))

    def until_then(
        scenes: Sequence[TrainingScene], random: np.random.Generator, chip: int
    ) -> chip_sampling.Chip:
        if next(left, None) is None:
            raise RuntimeError("killed")
        return draw(scenes, random, chip)

    return until_then


def test_a_killed_training_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    at_once = fitted(tmp_path / "a")
    in_two = fitted(tmp_path / "b", interrupted=True)

    for one, other in zip(at_once, in_two, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
    log = (tmp_path / "b" / "log.csv").read_text().splitlines()
    assert log[0] == "part,epoch,chip,loss,validation_loss,seconds,on"
    assert [line.split(",")[1:3] for line in log[1:]] == [["1", "16"], ["2", "32"], ["3", "32"]]


def test_another_schedule_never_takes_up_a_foreign_checkpoint() -> None:
    other = replace(JOB, schedule=replace(SCHEDULE, seed=2))

    assert JOB.folder(Path("work")) == replace(JOB).folder(Path("work"))
    assert JOB.folder(Path("work")) != other.folder(Path("work"))


def folders(root: Path) -> train.Folders:
    return train.Folders(root / "models", root / "work", ProductStore(str(root / "store")))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Card:
    keras_backend.use_threads(1)
    return train.train(
        unet_recipe(epochs=2, steps=2, sizes=(32,), batch_pixels=4 * 32 * 32, base=4, levels=2),
        Options("unet", RGB, seed=3, simulated=4, size=96),
        folders(tmp_path_factory.mktemp("train")),
        version="0.1",
        threads=1,
    )


@pytest.mark.slow
def test_a_training_ends_in_a_whole_model(trained: Card) -> None:
    models = trained.folder.parent.parent

    assert [path.name for path in sorted(trained.folder.iterdir())] == [
        "CARD.md",
        "model.json",
        "model.weights.h5",
    ]
    assert model_registry.choose(models, "unet", "auto", RGB) == trained
    model_registry.verify(trained)
    assert trained.metrics["scenes"] <= 2
    assert 0 <= trained.metrics["tulip_iou"] <= 1
    assert trained.training.settings["seed"] == 3
    assert trained.training.settings["on"] == f"tensorflow {tf.__version__} on processors"
    assert simulate.VERSION in trained.training.data
    assert not list(models.glob("*/.*"))


@pytest.mark.slow
def test_the_card_says_that_all_of_it_is_simulated(trained: Card) -> None:
    text = (trained.folder / "CARD.md").read_text()

    assert "**Simulated, all of it" in text
    assert "never seen a real image" in text
    assert f"| tulip iou | {trained.metrics['tulip_iou']} |" in text
    assert json.loads((trained.folder / "model.json").read_text())["sha256"] == trained.sha256


@pytest.mark.slow
def test_a_version_is_never_overwritten(trained: Card, tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="choose another version"):
        train.train(
            unet_recipe(),
            Options("unet", RGB, simulated=4),
            train.Folders(trained.folder.parent.parent, tmp_path, ProductStore(str(tmp_path))),
            version="0.1",
        )


@pytest.mark.slow
def test_a_cloud_filter_is_trained_the_same_way(tmp_path: Path) -> None:
    keras_backend.use_threads(1)

    card = train.train(
        cloud_filter_recipe(epochs=1, steps=1, sizes=(64,), batch_pixels=2 * 64 * 64),
        Options("cloud-filter", RGB, simulated=24, size=96),
        folders(tmp_path),
        version="0.1",
        threads=1,
    )

    assert card.kind == "cloud-filter"
    assert 0 <= card.metrics["cell_accuracy"] <= 1
    assert card.metrics["cells_cloudy"] + card.metrics["cells_clear"] > 0
