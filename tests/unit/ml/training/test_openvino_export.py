"""Exports say what Keras says, or are refused."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unit.ml.inference.test_predictors import saved
from tulip_ops.core import concurrency
from tulip_ops.core.errors import BadSetting
from tulip_ops.ml.datasets import labels
from tulip_ops.ml.datasets.scenes import TrainingScene
from tulip_ops.ml.inference import (
    engine_selection,
    export_manifest,
    keras_backend,
    model_loading,
    openvino_backend,
    predictors,
    unet,
)
from tulip_ops.ml.inference.engine_selection import EngineRequest
from tulip_ops.ml.inference.model_registry import Card, UNetArchitecture
from tulip_ops.ml.training import openvino_export

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)
BANDS = ("blue", "nir", "green", "red")


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Card:
    keras_backend.use_threads(1)
    return saved(
        tmp_path_factory.mktemp("models") / "1",
        unet.build(3, 4, 2),
        unet.build(3, 4, 2, dtype="float16"),
        {
            "kind": "unet",
            "chip": 64,
            "bloom_threshold": 0.3,
            "architecture": UNetArchitecture(base=4, levels=2),
        },
    )


@pytest.fixture(scope="module")
def scenes() -> list[TrainingScene]:
    random = np.random.default_rng(4)
    known = np.zeros((64, 64, 4), dtype=np.uint8)
    known[:32, :, labels.TULIP] = 1
    dn = random.integers(1000, 5000, (64, 64, 3)).astype(np.uint16)
    return [TrainingScene("one", "one", 2025, dn, known)]


@pytest.fixture(scope="module")
def root(card: Card, scenes: list[TrainingScene], tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("exports")
    openvino_export.export(card, ("bf16", "fp32"), root, scenes, "a scene", [], 1)
    return root


def said(card: Card, engine: engine_selection.Engine) -> NDArray[np.float32]:
    reflectance = np.random.default_rng(3).random((4, 90, 70), dtype=np.float32) * np.float32(0.4)
    return predictors.load_unet(card, 1, engine).tulip_probability(reflectance, BANDS)


def stored_as(weights: Any) -> str:
    """Type of the numbers behind a node."""
    while weights.get_type_name() != "Constant":
        weights = weights.input_value(0).get_node()
    return str(weights.get_element_type().get_type_name())


def test_an_export_says_what_keras_says(card: Card, root: Path) -> None:
    reference = said(card, engine_selection.KERAS)

    single = engine_selection.choose_engine(card, EngineRequest("openvino", "fp32", root))
    np.testing.assert_allclose(said(card, single), reference, atol=1e-4)
    half = engine_selection.choose_engine(card, EngineRequest("auto", "auto", root))
    assert str(half) == "openvino bf16"
    np.testing.assert_allclose(said(card, half), reference, atol=0.03)


def test_an_export_keeps_what_it_was_worth(card: Card, root: Path) -> None:
    kept = export_manifest.read(card, root)

    assert kept is not None
    assert set(kept.keras) == set(kept.variants["fp32"].metrics) >= {"tulip_iou", "tulip_accuracy"}
    assert kept.variants["fp32"].metrics == pytest.approx(kept.keras, abs=1e-3)
    assert export_manifest.verify(kept.variants["fp32"], export_manifest.place(card, root)).exists()
    assert not list(root.rglob(".*"))


def test_what_loses_accuracy_is_refused_and_removed(
    card: Card, scenes: list[TrainingScene], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openvino_export, "GATE", -0.1)  # it would have to be better than Keras

    made = openvino_export.export(card, ("fp32",), tmp_path, scenes, "a scene", [], 1)

    assert not made.variants["fp32"].accepted
    assert not list(tmp_path.rglob("*.xml"))
    assert (
        str(engine_selection.choose_engine(card, EngineRequest("auto", exports=tmp_path)))
        == "keras fp32"
    )


@pytest.mark.parametrize(
    ("found", "good"),
    [
        ({"tulip_iou": 0.896, "tulip_accuracy": 0.95}, True),
        ({"tulip_iou": 0.894, "tulip_accuracy": 0.99}, False),
        ({"tulip_iou": 0.9}, False),
    ],
)
def test_the_gate(found: dict[str, float], good: bool) -> None:
    assert openvino_export.passes(found, {"tulip_iou": 0.9, "tulip_accuracy": 0.95}) is good


def test_eight_bits_begin_behind_the_convolution_that_reads_the_pixels(
    card: Card, root: Path
) -> None:
    import openvino

    whole = export_manifest.place(card, root) / "fp32.xml"
    samples = [np.random.default_rng(5).normal(size=(1, 3, 64, 64)).astype(np.float32)]

    made = openvino_backend.quantize(whole, samples)

    (first,) = openvino_backend.input_convolutions(openvino.Core().read_model(whole))
    weights = {
        node.get_friendly_name(): stored_as(node.input_value(1).get_node())
        for node in made.get_ops()
        if node.get_type_name() == "Convolution"
    }
    assert weights.pop(first) == "f32"
    assert set(weights.values()) == {"i8"}


def test_a_folder_that_cannot_be_written_is_named(
    card: Card, scenes: list[TrainingScene], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(BadSetting, match="TULIP_EXPORTS"):
        openvino_export.export(card, ("fp32",), tmp_path / "file", scenes, "a scene", [], 1)


def test_an_export_is_read_once_when_it_is_first_asked(
    card: Card, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []
    start = model_loading.start_export
    monkeypatch.setattr(
        model_loading, "start_export", lambda *asked: read.append(asked) or start(*asked)
    )
    engine = engine_selection.choose_engine(card, EngineRequest("openvino", "fp32", root))

    run = model_loading.start_model(card, 2, engine, at_once=2)

    assert not read
    window = np.zeros((1, 3, 32, 32), dtype=np.float32)
    assert len(list(concurrency.ordered_map(run, [window] * 6, 2))) == 6
    assert len(read) == 1


def test_windows_at_once_are_answered_as_one_by_one(card: Card, root: Path) -> None:
    path = export_manifest.place(card, root) / "fp32.xml"
    random = np.random.default_rng(6)
    windows = [
        random.normal(size=(1, 3, side, 32)).astype(np.float32)
        for side in (32, 48)
        for _ in range(40)
    ]

    alone = openvino_backend.compile_export(path, "fp32", 2)
    together = openvino_backend.compile_export(path, "fp32", 2, at_once=2)

    answers = concurrency.ordered_map(together, windows, 2)
    for window, answer in zip(windows, answers, strict=True):
        np.testing.assert_allclose(answer["logits"], alone(window)["logits"], atol=1e-5)


def test_running_an_export_needs_no_keras() -> None:
    import subprocess

    code = (
        "import sys; from tulip_ops.pipeline import run; "
        "from tulip_ops.ml.inference import openvino_backend;"
        "sys.exit(bool({'keras', 'tensorflow', 'nncf'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
