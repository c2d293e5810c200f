"""Weights to begin with: what is taken over, and what is refused."""

from pathlib import Path

import keras
import numpy as np
import pytest

from tulip_ops.core.errors import BadWeights
from tulip_ops.core.types import BANDS
from tulip_ops.ml.inference import cloud_filter, keras_backend, unet
from tulip_ops.ml.inference.model_registry import Card
from tulip_ops.ml.training import pretrained

pytestmark = pytest.mark.filterwarnings(
    # Keras 3.15 hands TensorFlow's variables to NumPy in the old way
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)

RGB = ("red", "green", "blue")


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a ResNet50 as somebody else would have saved them."""
    keras_backend.use_threads(1)
    path = tmp_path_factory.mktemp("pretrained") / "resnet50_notop.weights.h5"
    keras.utils.set_random_seed(1)
    keras.applications.ResNet50(include_top=False, weights=None).save_weights(path)
    return path


def card(bands: tuple[str, ...]) -> Card:
    """Of a model that begins another one; only its bands and its name matter here."""
    return Card.model_construct(name="unet-rgb", version="2", sha256="0" * 64, bands=bands)


@pytest.mark.slow
def test_a_cloud_filter_begins_with_photographs(photographs: Path) -> None:
    network = cloud_filter.build(len(BANDS))
    before = network.get_layer("chip_logit").get_weights()

    pretrained.load_backbone(network, "resnet50", photographs, BANDS)

    given = keras.applications.ResNet50(include_top=False, weights=photographs)
    own = network.get_layer(cloud_filter.BACKBONE)
    deep = "conv5_block3_3_conv"
    np.testing.assert_array_equal(
        own.get_layer(deep).get_weights()[0], given.get_layer(deep).get_weights()[0]
    )
    first, theirs = (side.get_layer("conv1_conv").get_weights()[0] for side in (own, given))
    scale = first[:, :, BANDS.index("red")] / theirs[:, :, 2]  # photographs are blue, green, red
    np.testing.assert_allclose(scale, scale.mean(), rtol=1e-4)
    np.testing.assert_allclose(
        first[:, :, BANDS.index("nir")], scale.mean() * theirs.mean(axis=2), rtol=1e-3, atol=1e-6
    )
    for kept, now in zip(before, network.get_layer("chip_logit").get_weights(), strict=True):
        np.testing.assert_array_equal(kept, now)


def test_weights_of_another_depth_are_refused(photographs: Path, tmp_path: Path) -> None:
    network = cloud_filter.build(3)
    (tmp_path / "junk.weights.h5").write_bytes(b"junk")

    with pytest.raises(BadWeights, match="does not hold the weights of a resnet50"):
        pretrained.load_backbone(network, "resnet50", tmp_path / "junk.weights.h5", RGB)


def test_a_network_with_more_bands_says_at_first_what_the_other_one_would() -> None:
    keras_backend.use_threads(1)
    keras.utils.set_random_seed(2)
    few, many = unet.build(3, 4, 2), unet.build(len(BANDS), 4, 2)
    pixels = np.random.default_rng(1).random((1, 32, 32, len(BANDS)), dtype=np.float32)

    pretrained.start_from(many, few, card(RGB), BANDS)

    red_green_blue = pixels[..., [BANDS.index(band) for band in RGB]]
    np.testing.assert_allclose(many(pixels), few(red_green_blue), atol=1e-5)


def test_another_architecture_is_refused() -> None:
    with pytest.raises(BadWeights, match="unet-rgb/2 has another architecture"):
        pretrained.start_from(unet.build(3, 8, 2), unet.build(3, 4, 2), card(RGB), RGB)
