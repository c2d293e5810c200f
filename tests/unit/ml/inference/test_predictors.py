"""The networks with random weights: shapes, seams, holes and refusals, not quality."""

import hashlib
from datetime import date
from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from tulip_ops.core.errors import BandMissing, ModelDamaged, ModelNotFound
from tulip_ops.ml.inference import cloud_filter, keras_backend, predictors, unet, window_layout
from tulip_ops.ml.inference.model_registry import (
    Calibration,
    Card,
    Normalization,
    ResNetArchitecture,
    Training,
    UNetArchitecture,
)

pytestmark = pytest.mark.filterwarnings(
    # Keras 3.15 hands TensorFlow's variables to NumPy in the old way
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)

RGB = ("red", "green", "blue")
BANDS = ("blue", "nir", "green", "red")


def unsettled(network: keras.Model) -> None:
    """Random weights whose output varies with its input, normalization statistics included."""
    random = np.random.default_rng(5)
    network.set_weights(
        [
            weights + random.normal(0, 0.05, weights.shape).astype(weights.dtype) ** 2 + 0.01
            if weights.ndim == 1
            else weights
            for weights in network.get_weights()
        ]
    )


def saved(folder: Path, network: keras.Model, half: keras.Model, fields: dict[str, object]) -> Card:
    unsettled(network)
    half.set_weights(network.get_weights())
    folder.mkdir(exist_ok=True)
    half.save_weights(folder / "model.weights.h5")
    digest = hashlib.sha256((folder / "model.weights.h5").read_bytes()).hexdigest()
    return Card.model_validate(
        {
            "name": "random",
            "version": "1",
            "created": date(2026, 11, 22),
            "bands": RGB,
            "normalization": Normalization(
                lowest=0.0, highest=0.4, mean=(0.15, 0.15, 0.15), std=(0.08, 0.08, 0.08)
            ),
            "threshold": 0.5,
            "sha256": digest,
            "training": Training(data="none", licence="none", settings={}),
            "metrics": {},
            "folder": folder,
            **fields,
        }
    )


@pytest.fixture(scope="module")
def unet_card(tmp_path_factory: pytest.TempPathFactory) -> Card:
    keras_backend.use_threads(1)
    return saved(
        tmp_path_factory.mktemp("unet"),
        unet.build(3, 4, 2),
        unet.build(3, 4, 2, dtype="float16"),
        {
            "kind": "unet",
            "chip": 64,
            "bloom_threshold": 0.5,
            "architecture": UNetArchitecture(base=4, levels=2),
        },
    )


@pytest.fixture(scope="module")
def cloud_card(tmp_path_factory: pytest.TempPathFactory) -> Card:
    keras_backend.use_threads(1)
    return saved(
        tmp_path_factory.mktemp("cloud"),
        cloud_filter.build(3),
        cloud_filter.build(3, dtype="float16"),
        {
            "kind": "cloud-filter",
            "chip": 32,
            "chip_threshold": 0.5,
            "architecture": ResNetArchitecture(),
        },
    )


def ground(height: int, width: int) -> NDArray[np.float32]:
    return np.random.default_rng(3).random((4, height, width), dtype=np.float32) * np.float32(0.4)


@pytest.mark.parametrize("shape", [(100, 150), (64, 64), (37, 5), (1, 1)])
def test_tiles_change_nothing(unet_card: Card, shape: tuple[int, int]) -> None:
    whole = unet_card.model_copy(update={"chip": 160})
    reflectance = ground(*shape)

    tiled = predictors.load_unet(unet_card, 1).tulip_probability(reflectance, BANDS)
    at_once = predictors.load_unet(whole, 1).tulip_probability(reflectance, BANDS)

    assert tiled.shape == (2, *shape)
    assert tiled.dtype == np.float32
    np.testing.assert_allclose(tiled, at_once, atol=1e-4)


def test_the_margin_is_no_larger_than_it_must_be() -> None:
    network = unet.build(3, 4, 2)
    unsettled(network)
    image = np.zeros((1, 96, 96, 3), dtype=np.float32)
    before = network(image).numpy()
    image[0, 48, 48] = 50
    touched = np.abs(network(image).numpy() - before).max(axis=(0, 3)).max(axis=0) > 0

    reach = 48 - int(np.argmax(touched))
    assert window_layout.margin(2) - 4 <= reach <= window_layout.margin(2)


def test_probabilities_are_probabilities_and_bloom_is_tulip(unet_card: Card) -> None:
    tulip, bloom = predictors.load_unet(unet_card, 1).tulip_probability(ground(50, 70), BANDS)

    assert tulip.min() >= 0
    assert tulip.max() <= 1
    assert (bloom <= tulip).all()
    assert np.ptp(tulip) > 0.01


def test_the_order_of_bands_does_not_matter(unet_card: Card) -> None:
    network = predictors.load_unet(unet_card, 1)
    reflectance = ground(40, 40)

    one = network.tulip_probability(reflectance, BANDS)
    other = network.tulip_probability(reflectance[::-1], BANDS[::-1])

    np.testing.assert_array_equal(one, other)


def test_what_was_not_measured_stays_unknown(unet_card: Card, cloud_card: Card) -> None:
    reflectance = ground(48, 48)
    reflectance[:, :, 40:] = np.nan
    reflectance[3, 0, 0] = np.nan  # red alone
    reflectance[1, 5, 5] = np.nan  # near infrared, which neither network reads
    holes = np.isnan(reflectance[3])

    tulip = predictors.load_unet(unet_card, 1).tulip_probability(reflectance, BANDS)
    cloud = predictors.load_cloud_filter(cloud_card, 1).cloud_probability(reflectance, BANDS)

    assert (np.isnan(tulip) == holes).all()
    assert (np.isnan(cloud) == holes).all()


def test_chips_without_a_measurement_are_not_inferred(cloud_card: Card) -> None:
    reflectance = ground(32, 96)
    reflectance[:, :, :48] = np.nan

    probability, plan = predictors.load_cloud_filter(cloud_card, 1).chip_probability(
        reflectance, BANDS
    )

    assert plan.columns == (0, 32, 64)
    assert np.isnan(probability).tolist() == [True, False, False]


def test_nothing_measured_is_nothing_known(cloud_card: Card, unet_card: Card) -> None:
    reflectance = np.full((4, 20, 20), np.nan, dtype=np.float32)

    cloud = predictors.load_cloud_filter(cloud_card, 1).cloud_probability(reflectance, BANDS)
    tulip = predictors.load_unet(unet_card, 1).tulip_probability(reflectance, BANDS)

    assert np.isnan(cloud).all()
    assert np.isnan(tulip).all()


def test_the_cloud_filter_agrees_with_keras(cloud_card: Card) -> None:
    network = predictors.load_cloud_filter(cloud_card, 1)
    reflectance = ground(64, 32)
    twin = cloud_filter.build(3)
    twin.load_weights(cloud_card.weights)
    pixels = np.moveaxis(reflectance[[3, 2, 0]], 0, -1)[None]

    chip, plan = network.chip_probability(reflectance, BANDS)
    cloud = network.cloud_probability(reflectance, BANDS)

    lower = twin.predict(cloud_card.normalization.apply(pixels[:, 32:]), verbose=0)
    whole = twin.predict(cloud_card.normalization.apply(pixels), verbose=0)
    assert plan.rows == (0, 32)
    np.testing.assert_allclose(chip[1], lower["chip"][0], atol=1e-5)
    assert whole["cell"].shape == (1, 4, 2)
    np.testing.assert_allclose(cloud[8::16, 8::16], whole["cell"][0], atol=1e-5)
    assert (cloud[:16, :16] == cloud[0, 0]).all()


def test_what_is_said_is_calibrated(cloud_card: Card, unet_card: Card) -> None:
    reflectance = ground(32, 32)
    bent = Calibration(slope=2.0, intercept=1.0)
    calibrations = {"cell": bent, "chip": bent, "tulip": bent, "bloom": bent}

    for card, says in (
        (cloud_card, lambda c: predictors.load_cloud_filter(c, 1).cloud_probability),
        (
            cloud_card,
            lambda c: lambda *a: predictors.load_cloud_filter(c, 1).chip_probability(*a)[0],
        ),
        (unet_card, lambda c: lambda *a: predictors.load_unet(c, 1).tulip_probability(*a)[0]),
    ):
        plain = says(card)(reflectance, BANDS)
        other = card.model_copy(update={"calibration": calibrations})
        np.testing.assert_allclose(says(other)(reflectance, BANDS), bent.apply(plain), atol=1e-6)


def test_logits_become_the_calibrated_softmax(unet_card: Card) -> None:
    bent = {"tulip": Calibration(slope=1.3, intercept=-0.4), "bloom": Calibration(slope=0.8)}
    network = predictors.load_unet(unet_card.model_copy(update={"calibration": bent}), 1)
    random = np.random.default_rng(11)
    logits = random.normal(scale=6, size=(40, 50, 3)).astype(np.float32)
    logits[0, 0] = 90, -90, -90
    logits[0, 1] = -90, -90, 90

    tulip, bloom = network.probability(logits)

    classes = np.exp(logits.astype(np.float64) - logits.max(-1, keepdims=True))
    classes /= classes.sum(-1, keepdims=True)
    said = bent["tulip"].apply(classes[..., 1] + classes[..., 2])
    np.testing.assert_allclose(tulip, said, atol=2e-6)
    flowering = bent["bloom"].apply(classes[..., 2])
    np.testing.assert_allclose(bloom, np.minimum(flowering, said), atol=2e-6)
    assert (bloom <= tulip).all()
    whole = network.calibrated({"logits": logits[np.newaxis]})
    np.testing.assert_array_equal(whole, [[tulip, bloom]])


def test_windows_of_a_large_raster_agree_where_they_meet(
    cloud_card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    reflectance = ground(96, 160)
    network = predictors.load_cloud_filter(cloud_card.model_copy(update={"chip": 96}), 1)
    monkeypatch.setattr(window_layout, "OVERLAP", 32)

    cloud = network.cloud_probability(reflectance, BANDS)

    assert cloud.shape == (96, 160)
    np.testing.assert_array_equal(
        cloud[:, 0], network.cloud_probability(reflectance[:, :, :96], BANDS)[:, 0]
    )


def test_half_precision_on_disk_is_the_rounded_single_precision(tmp_path: Path) -> None:
    network, half = unet.build(3, 4, 2), unet.build(3, 4, 2, dtype="float16")
    half.set_weights(network.get_weights())
    half.save_weights(tmp_path / "half.weights.h5")
    again = unet.build(3, 4, 2)
    again.load_weights(tmp_path / "half.weights.h5")

    for loaded, original in zip(again.get_weights(), network.get_weights(), strict=True):
        assert loaded.dtype == np.float32
        np.testing.assert_array_equal(loaded, original.astype(np.float16).astype(np.float32))
    assert (tmp_path / "half.weights.h5").stat().st_size < 3 * network.count_params() + 100_000


def test_a_missing_band_is_named(unet_card: Card) -> None:
    with pytest.raises(BandMissing, match="lacks red"):
        predictors.load_unet(unet_card, 1).tulip_probability(ground(8, 8)[:3], BANDS[:3])


def test_another_kind_of_model_is_refused(unet_card: Card, cloud_card: Card) -> None:
    with pytest.raises(ModelNotFound, match="not a cloud filter"):
        predictors.load_cloud_filter(unet_card, 1)
    with pytest.raises(ModelNotFound, match="not a U-Net"):
        predictors.load_unet(cloud_card, 1)


@pytest.mark.filterwarnings("ignore:Skipping nested container:UserWarning")
def test_weights_of_another_architecture_are_refused(unet_card: Card) -> None:
    wider = unet_card.model_copy(update={"architecture": UNetArchitecture(base=8, levels=2)})

    with pytest.raises(ModelDamaged, match="does not fit"):
        predictors.load_unet(wider, 1)


def test_damaged_weights_are_never_loaded(unet_card: Card) -> None:
    with pytest.raises(ModelDamaged, match="sha256"):
        predictors.load_unet(unet_card.model_copy(update={"sha256": "0" * 64}), 1)


def test_a_process_keeps_its_first_number_of_threads(
    unet_card: Card, caplog: pytest.LogCaptureFixture
) -> None:
    first = predictors.load_unet(unet_card, 1)
    second = predictors.load_unet(unet_card, 7)

    assert "already runs" in caplog.text
    reflectance = ground(20, 20)
    np.testing.assert_array_equal(
        first.tulip_probability(reflectance, BANDS), second.tulip_probability(reflectance, BANDS)
    )


def test_statistics_too_large_for_half_precision_are_kept(tmp_path: Path) -> None:
    half, again = unet.build(3, 4, 2, dtype="float16"), unet.build(3, 4, 2)
    weights = [np.full(array.shape, 200_000.0) for array in half.get_weights()]
    half.set_weights(
        [
            array if variable.path.endswith("moving_variance") else array * 0
            for array, variable in zip(weights, half.weights, strict=True)
        ]
    )
    half.save_weights(tmp_path / "half.weights.h5")
    again.load_weights(tmp_path / "half.weights.h5")

    assert max(array.max() for array in again.get_weights()) == 200_000
