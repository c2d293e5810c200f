import keras
import numpy as np
import pytest
import tensorflow as tf

from tulip_ops.core.errors import BadSetting
from tulip_ops.ml.inference import keras_backend

PAIRS = [(np.full((2, 3), n, np.float32), np.full(2, -n, np.float32)) for n in range(3)]


def test_a_stream_of_tensorflow_has_a_length_and_the_batches_in_order() -> None:
    stream = keras_backend.stream(lambda: iter(PAIRS), (2, 3), (2,), 3)

    assert isinstance(stream, tf.data.Dataset)
    assert int(stream.cardinality()) == 3
    for (seen, said), (pixels, target) in zip(stream, PAIRS, strict=True):
        np.testing.assert_array_equal(seen, pixels)
        np.testing.assert_array_equal(said, target)


def test_a_stream_can_have_several_targets_by_name() -> None:
    pairs = [(pixels, {"cell": pixels, "chip": target}) for pixels, target in PAIRS]
    stream = keras_backend.stream(lambda: iter(pairs), (2, 3), {"cell": (2, 3), "chip": (2,)}, 3)

    assert [set(said) for _, said in stream] == [{"cell", "chip"}] * 3


def test_other_backends_take_the_batches_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")

    assert list(keras_backend.stream(lambda: iter(PAIRS), (2, 3), (2,), 3)) == PAIRS
    assert keras_backend.training_compiles()


def test_a_card_can_say_what_computed() -> None:
    assert keras_backend.describe() == f"tensorflow {tf.__version__} on processors"
    assert not keras_backend.training_compiles()


def test_a_backend_that_nobody_tried_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")

    with pytest.raises(BadSetting, match="KERAS_BACKEND=torch is none of tensorflow, jax"):
        keras_backend.compile_network(keras.Sequential())
