import keras
import numpy as np
import pytest

from tulip_ops.ml.training import losses

pytestmark = pytest.mark.filterwarnings(
    # Keras 3.15 hands TensorFlow's variables to NumPy in the old way
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)


def one_hot(classes: list[int]) -> np.ndarray:
    return np.eye(3, dtype=np.float32)[np.array([[classes]])]  # (1, 1, W, 3)


def value(tensor: keras.KerasTensor) -> float:
    return float(keras.ops.convert_to_numpy(tensor))


def test_a_perfect_answer_costs_nothing() -> None:
    truth = one_hot([0, 1, 2, 1])

    assert value(losses.soft_dice(truth, truth)) == pytest.approx(0, abs=1e-6)
    assert value(losses.cross_entropy(truth, truth)) == pytest.approx(0, abs=1e-6)


def test_soft_dice_is_its_formula() -> None:
    truth = one_hot([0, 0, 1])
    probability = np.array([[[[0.5, 0.5, 0], [1, 0, 0], [0.2, 0.7, 0.1]]]], dtype=np.float32)

    background = (2 * 1.5 + 1) / (2 + 1.7 + 1)
    tulip = (2 * 0.8 + 1) / (1 + 1.3 + 1)  # in flower or not
    flower = 1 / (0.1 + 1)
    expected = 1 - (background + tulip + flower) / 3
    assert value(losses.soft_dice(truth, probability)) == pytest.approx(expected, rel=1e-5)


def test_a_plain_mask_of_tulips_says_nothing_of_flowers() -> None:
    truth = one_hot([0, 1])
    truth[0, 0, 1] = (0, 1, 1)
    green = one_hot([0, 1])
    flowering = one_hot([0, 2])

    for loss in (losses.soft_dice, losses.cross_entropy):
        assert value(loss(truth, green)) == pytest.approx(0, abs=1e-6)
        assert value(loss(truth, flowering)) == pytest.approx(value(loss(truth, green)), abs=1e-6)


def test_clouds_that_nobody_knows_change_nothing() -> None:
    truth = np.array([1, 0, np.nan], dtype=np.float32)
    said = np.array([0.9, 0.2, 0.7], dtype=np.float32)

    expected = -(np.log(0.9) + np.log(0.8)) / 2
    assert value(losses.cloud_loss(truth, said)) == pytest.approx(expected, rel=1e-5)


def test_pixels_that_do_not_count_change_nothing() -> None:
    truth, certain = one_hot([0, 1, 2]), one_hot([1, 1, 2]) * np.float32(0.8) + np.float32(0.1)
    hidden = truth.copy()
    hidden[0, 0, 0] = 0
    other = certain.copy()
    other[0, 0, 0] = (0.9, 0.05, 0.05)

    assert value(losses.segmentation_loss(hidden, certain)) == pytest.approx(
        value(losses.segmentation_loss(hidden, other))
    )
    assert value(losses.segmentation_loss(truth, certain)) != pytest.approx(
        value(losses.segmentation_loss(truth, other))
    )
