"""A small U-Net that learns red fields within seconds, and a cloud filter with random weights."""

import hashlib
import json
import shutil
from datetime import date
from pathlib import Path

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from tulip_ops.cli.main import main
from tulip_ops.ml.datasets import labels
from tulip_ops.ml.datasets.scenes import TrainingScene
from tulip_ops.ml.evaluation import evaluate
from tulip_ops.ml.inference import cloud_filter, keras_backend, model_registry, predictors, unet
from tulip_ops.ml.inference.model_registry import (
    Calibration,
    Card,
    Normalization,
    ResNetArchitecture,
    Training,
    UNetArchitecture,
)
from tulip_ops.ml.training import losses, model_card
from tulip_ops.reports import evaluation_report

pytestmark = pytest.mark.filterwarnings(
    # Keras 3.15 hands TensorFlow's variables to NumPy in the old way
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)

RGB = ("red", "green", "blue")
NORMALIZATION = Normalization(lowest=0, highest=0.4, mean=(0.15,) * 3, std=(0.08,) * 3)


def red_field(seed: int, *, flower: int = labels.SHARE) -> TrainingScene:
    """64 x 64 px; tulips are where it is red."""
    random = np.random.default_rng(seed)
    known = np.zeros((64, 64, 4), dtype=np.uint8)
    dn = random.integers(1900, 2100, (64, 64, 3)).astype(np.uint16)
    row, column = random.integers(8, 32, 2)
    known[row : row + 24, column : column + 24, :2] = (1, flower)
    dn[row : row + 24, column : column + 24, 0] += 1500
    return TrainingScene(f"red-{seed}", f"place-{seed}", 2020, dn, known)


def kept(models: Path, half: keras.Model, **fields: object) -> Card:
    folder = models / "small" / "1"
    folder.mkdir(parents=True)
    half.save_weights(folder / "model.weights.h5")
    return Card.model_validate(
        {
            "name": "small",
            "version": "1",
            "created": date(2026, 11, 22),
            "bands": RGB,
            "normalization": NORMALIZATION,
            "threshold": 0.5,
            "sha256": hashlib.sha256((folder / "model.weights.h5").read_bytes()).hexdigest(),
            "training": Training(data="red fields", licence="none", settings={}),
            "metrics": {},
            "folder": folder,
            **fields,
        }
    )


@pytest.fixture(scope="module")
def tulips(tmp_path_factory: pytest.TempPathFactory) -> Card:
    """A U-Net that finds red fields, uncalibrated."""
    keras_backend.use_threads(1)
    keras.utils.set_random_seed(1)
    network = unet.build(3, 4, 2)
    network.compile(keras.optimizers.Adam(1e-2), losses.segmentation_loss, jit_compile=False)
    scenes = [red_field(seed) for seed in range(16)]
    pixels = np.stack([np.moveaxis(scene.reflectance(), 0, -1) for scene in scenes])
    target = np.stack(
        [
            labels.unet_target(image, scene.truth)
            for image, scene in zip(pixels, scenes, strict=True)
        ]
    )
    network.fit(NORMALIZATION.apply(pixels), target, batch_size=4, epochs=8, verbose=0)
    half = unet.build(3, 4, 2, dtype="float16")
    half.set_weights(network.get_weights())
    return kept(
        tmp_path_factory.mktemp("unet"),
        half,
        kind="unet",
        chip=64,
        bloom_threshold=0.5,
        architecture=UNetArchitecture(base=4, levels=2),
    )


@pytest.fixture(scope="module")
def clouds(tmp_path_factory: pytest.TempPathFactory) -> Card:
    keras_backend.use_threads(1)
    keras.utils.set_random_seed(1)
    return kept(
        tmp_path_factory.mktemp("clouds"),
        cloud_filter.build(3, dtype="float16"),
        kind="cloud-filter",
        chip=32,
        chip_threshold=0.5,
        architecture=ResNetArchitecture(),
    )


def test_figures_of_a_unet_over_red_fields(tulips: Card) -> None:
    scenes = [red_field(seed) for seed in range(100, 108)]
    scenes.append(red_field(108, flower=0))

    found = evaluate.figures(evaluate.evaluate(tulips, scenes, 1))

    assert found["scenes"] == 9
    assert found["scenes_in_bloom"] == 8
    assert found["pixels"] == 9 * 64 * 64
    assert found["pixels_tulip"] == 9 * 24 * 24
    assert found["pixels_in_flower"] == 8 * 24 * 24
    iou = found["tulip_iou"]
    assert not isinstance(iou, int)
    assert iou.value > 0.8
    assert iou.low is not None
    assert iou.high is not None
    assert iou.low <= iou.value <= iou.high
    in_bloom = found["bloom_iou_in_bloom"]
    assert not isinstance(in_bloom, int)
    assert in_bloom.value > 0.8


def test_unknown_pixels_do_not_count(tulips: Card) -> None:
    scene = red_field(100)
    scene.truth[:, :32, labels.TULIP] = labels.UNKNOWN
    scene.truth[:32, 32:, labels.OPACITY] = labels.SHARE
    scene.truth[32:, 32:, labels.FLOWER] = labels.UNKNOWN

    found = evaluate.figures(evaluate.evaluate(tulips, [scene], 1))

    assert found["pixels"] == 32 * 32
    assert found["pixels_in_flower"] == 0
    assert found["scenes_in_bloom"] == 0
    assert "tulip_iou_in_bloom" not in found


def test_a_settled_unet_says_what_comes_true(tulips: Card) -> None:
    skewed = tulips.model_copy(update={"calibration": {"tulip": Calibration(slope=0.2)}})

    card = evaluate.calibrate(skewed, [red_field(seed) for seed in range(200, 206)], 1)
    card = evaluate.measure(card, [red_field(seed) for seed in range(300, 306)], 1)

    assert set(card.calibration) == {"tulip", "bloom"}
    assert card.metrics["tulip_calibration_error"] < 0.03
    assert card.metrics["tulip_iou"] > 0.8
    low, high = card.intervals["tulip_iou"]
    assert low <= card.metrics["tulip_iou"] <= high
    text = model_card.text(card)
    assert f"| tulip iou | {card.metrics['tulip_iou']} | {low} to {high} |" in text
    assert f"tulip {card.threshold:g}, bloom {card.bloom_threshold:g}" in text
    assert "Platt: tulip" in text


def test_a_settled_cloud_filter_has_thresholds_for_cells_and_chips(clouds: Card) -> None:
    scenes = [half_cloudy(seed) for seed in range(3)]

    card = evaluate.calibrate(clouds, scenes, 1)
    found = evaluate.figures(evaluate.evaluate(card, scenes, 1))

    assert set(card.calibration) == {"chip", "cell"}
    assert 0 < card.threshold < 1
    assert card.chip_threshold is not None
    assert [found[f"chips_{kind}"] for kind in ("cloudy", "clear", "left_out")] == [6, 3, 3]
    assert [found[f"cells_{kind}"] for kind in ("cloudy", "clear", "left_out")] == [24, 15, 9]


def half_cloudy(seed: int) -> TrainingScene:
    """Four chips of 32 px: the upper two cloudy, the third clear, the last in between."""
    dn = np.random.default_rng(seed).integers(1500, 3000, (64, 64, 3)).astype(np.uint16)
    known = np.zeros((64, 64, 4), dtype=np.uint8)
    known[:32, :, labels.OPACITY] = labels.SHARE
    for row, column in ((32, 32), (32, 48), (48, 32)):
        known[row, column : column + 5, labels.DEPTH] = labels.SHARE
    dn[:32] += 4000
    return TrainingScene(f"clouds-{seed}", f"place-{seed}", 2020, dn, known)


def test_a_verdict_over_a_whole_image_is_held_against_its_cloudiest_chip(clouds: Card) -> None:
    cloudy = half_cloudy(0)
    known = np.full_like(cloudy.truth, labels.UNKNOWN)
    scenes = [
        TrainingScene("a", "a", 2020, cloudy.dn, known, cloudy=True),
        TrainingScene("b", "b", 2020, cloudy.dn, known, cloudy=False),
    ]

    evaluation = evaluate.evaluate(clouds, scenes, 1)
    found = evaluate.figures(evaluation)

    assert found["chips_cloudy"] == 1
    assert found["chips_clear"] == 1
    assert found["cells_left_out"] == 2 * 16
    said, _ = predictors.load_cloud_filter(clouds, 1).chip_probability(cloudy.reflectance(), RGB)
    scores = {case.name: case.score for case in evaluation.cases}
    assert scores == pytest.approx({"a": said.max(), "b": 1 - said.max()})


def test_the_command_reads_a_folder_and_keeps_the_figures(
    tulips: Card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "models" / "small" / "1"
    shutil.copytree(tulips.folder, folder)
    model_registry.write(tulips.model_copy(update={"folder": folder}), "")
    for name in ("images", "masks"):
        (tmp_path / "fields" / name).mkdir(parents=True)
    for seed in (100, 101):
        scene = red_field(seed)
        rendered = np.clip(scene.reflectance() * 2.5 * 255, 0, 255).astype(np.uint8)
        image = Image.fromarray(np.moveaxis(rendered, 0, -1))
        image.save(tmp_path / "fields" / "images" / f"{seed}.png")
        mask = Image.fromarray(scene.truth[..., labels.TULIP] * np.uint8(255))
        mask.save(tmp_path / "fields" / "masks" / f"{seed}.png")
    monkeypatch.setenv("TULIP_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("TULIP_STATE", str(tmp_path / "state"))
    words = ["--data", f"folder:{tmp_path / 'fields'}", "--out", str(tmp_path / "report")]

    done = CliRunner().invoke(
        main, ["evaluate", "small/1", *words, "--record", "My fields", "--json"]
    )

    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["figures"]["scenes"] == 2
    assert said["figures"]["tulip_iou"] > 0.8
    assert (tmp_path / "report" / "index.html").exists()
    recorded = model_registry.read_card(folder).elsewhere["My fields"]
    assert recorded["tulip_iou"] == said["figures"]["tulip_iou"]
    card = (folder / "CARD.md").read_text()
    assert "## My fields" in card
    assert f"| tulip iou | {recorded['tulip_iou']} |" in card


def test_a_report_is_a_page_with_its_pictures(tulips: Card, tmp_path: Path) -> None:
    scenes = [red_field(seed) for seed in range(100, 102)]
    evaluation = evaluate.evaluate(tulips, scenes, 1)

    found = evaluation_report.write(evaluation, "red <fields>", tmp_path / "report")

    page = (tmp_path / "report" / "index.html").read_text()
    assert "red &lt;fields&gt;" in page
    assert evaluation_report.format_figure(found["tulip_iou"]) in page
    shown = [line.split('src="')[1].split('"')[0] for line in page.splitlines() if "src=" in line]
    assert "confusion.png" in shown
    assert "worst.png" in shown
    for name in shown:
        assert (tmp_path / "report" / name).read_bytes().startswith(b"\x89PNG")
    written = json.loads((tmp_path / "report" / "metrics.json").read_text())
    assert written["model"] == "small/1"
    assert written["figures"]["scenes"] == 2
    assert set(written["figures"]["tulip_iou"]) == {"value", "low", "high"}
    assert list(written["scores"]) == [case.name for case in evaluation.cases]
