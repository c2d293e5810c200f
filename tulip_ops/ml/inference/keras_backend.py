"""The Keras backend: TensorFlow, the reference, or JAX where KERAS_BACKEND is jax.

Of what runs networks this alone imports TensorFlow, and only where it is the backend: on a machine
with JAX and without TensorFlow the same networks give the same outputs. Nothing is imported before
it is used, for an export needs neither Keras nor TensorFlow.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tulip_ops.core.errors import BadSetting

if TYPE_CHECKING:
    import keras

log = logging.getLogger(__name__)

NetworkOutputs = Mapping[str, NDArray[np.float32]]
"""Outputs of a network by their names."""
InferenceFn = Callable[[NDArray[np.float32]], NetworkOutputs]
"""(N, bands, height, width), normalized, to the network's outputs; those of a pixel or a cell
are channels-last, as the network has them."""

Stream: TypeAlias = Iterable[Any]
"""Batches of (input, target), as Keras takes them."""
Shape: TypeAlias = tuple[int, ...]


def compile_network(network: keras.Model) -> InferenceFn:
    """A network with named outputs, compiled to one graph.

    A call costs half a millisecond, one of `Model.predict` fifty.
    """
    import keras

    makers = {"tensorflow": _with_tensorflow, "jax": _with_jax}
    name = keras.backend.backend()
    if name not in makers:
        raise BadSetting(f"KERAS_BACKEND={name} is none of {', '.join(makers)}; choose one of them")
    run = makers[name](network)

    def answers(pixels: NDArray[np.float32]) -> NetworkOutputs:
        return {
            name: np.asarray(
                values if isinstance(values, np.ndarray) else keras.ops.convert_to_numpy(values),
                dtype=np.float32,
            )
            for name, values in run(pixels).items()
        }

    return answers


def use_threads(threads: int) -> None:
    """Bind TensorFlow to `threads` threads; other backends decide for themselves.

    TensorFlow takes this once per process: where it already runs, its threads stay as they are,
    and a warning is logged if they are others.
    """
    import keras

    if keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        log.warning("TensorFlow already runs in this process, not with %d threads", threads)


def has_gpu() -> bool:
    """Whether the backend computes on a graphics processor."""
    import keras

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return bool(tf.config.list_physical_devices("GPU"))
    if keras.backend.backend() == "jax":
        import jax

        return bool(jax.default_backend() == "gpu")
    return False


def training_compiles() -> bool:
    """Whether XLA compiles the steps of a training; on processors TensorFlow is slower with it."""
    import keras

    return bool(keras.backend.backend() == "jax")


def stream(
    generate: Callable[[], Iterator[Any]],
    pixels: Shape,
    target: Shape | Mapping[str, Shape],
    steps: int,
) -> Stream:
    """The `steps` pairs of float32 arrays of these shapes that `generate` yields.

    With TensorFlow (tf.data) they are drawn while the network works on earlier ones. JAX needs no
    help: it answers before the device is done.
    """
    import keras

    if keras.backend.backend() != "tensorflow":
        return generate()
    import tensorflow as tf

    def spec(shape: Shape) -> tf.TensorSpec:
        return tf.TensorSpec(shape, tf.float32)

    target_spec = (
        {name: spec(shape) for name, shape in target.items()}
        if isinstance(target, Mapping)
        else spec(target)
    )
    drawn = tf.data.Dataset.from_generator(generate, output_signature=(spec(pixels), target_spec))
    batches: Stream = drawn.apply(tf.data.experimental.assert_cardinality(steps)).prefetch(4)
    return batches


def describe() -> str:
    """The backend with its version and device, such as `jax 0.11.2 on NVIDIA H100`."""
    import keras

    if keras.backend.backend() == "jax":
        import jax

        return f"jax {jax.__version__} on {jax.devices()[0].device_kind}"
    import tensorflow as tf

    cards = tf.config.list_physical_devices("GPU")
    name = tf.config.experimental.get_device_details(cards[0]).get("device_name") if cards else None
    return f"tensorflow {tf.__version__} on {name or 'processors'}"


def _with_tensorflow(network: keras.Model) -> Callable[[NDArray[np.float32]], Mapping[str, Any]]:
    import tensorflow as tf

    signature = tf.TensorSpec((None, network.input_shape[-1], None, None), tf.float32)
    graph = tf.function(
        lambda pixels: network(tf.transpose(pixels, (0, 2, 3, 1)), training=False),
        input_signature=[signature],
        jit_compile=has_gpu(),  # XLA is slower for convolutions on processors
    )
    return lambda pixels: tf.nest.map_structure(
        lambda output: output.numpy(), graph(tf.constant(pixels))
    )


def _with_jax(network: keras.Model) -> Callable[[NDArray[np.float32]], Mapping[str, Any]]:
    import jax
    import keras

    @jax.jit  # type: ignore[untyped-decorator]  # once for each shape of input
    def graph(learned: Any, fixed: Any, pixels: Any) -> Any:
        last = keras.ops.transpose(pixels, (0, 2, 3, 1))
        outputs, _ = network.stateless_call(learned, fixed, last, training=False)
        return outputs

    learned = [variable.value for variable in network.trainable_variables]
    fixed = [variable.value for variable in network.non_trainable_variables]
    return lambda pixels: graph(learned, fixed, pixels)
