"""Conversion, quantization and inference with OpenVINO; the only importer of openvino and nncf."""

from __future__ import annotations

import queue
import threading
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import Layout, opset8
from openvino.preprocess import PrePostProcessor

from tulip_ops.core.errors import ExportDamaged
from tulip_ops.ml.inference.export_manifest import Precision
from tulip_ops.ml.inference.keras_backend import InferenceFn, NetworkOutputs

if TYPE_CHECKING:
    import keras

_HINTS: dict[Precision, str] = {"fp32": "f32", "bf16": "bf16", "int8": "bf16"}
"""What is computed with where a network is not quantized; a processor without bfloat16 takes
single precision for it."""


def release() -> str:
    """Of OpenVINO, such as 2026.2.1."""
    return str(ov.__version__).split("-", maxsplit=1)[0]


def convert(network: keras.Model) -> ov.Model:
    """Convert a network with named outputs to OpenVINO: (N, bands, height, width) to these."""
    import tensorflow as tf
    from openvino.frontend.tensorflow import utils

    # It finds the version by `exec("del tensorflow")`, which fails since Python 3.13 (PEP 667).
    utils.get_environment_setup = lambda _: {"tensorflow": tf.__version__}
    signature = tf.TensorSpec((None, None, None, network.input_shape[-1]), tf.float32)
    graph = tf.function(lambda pixels: network(pixels, training=False), input_signature=[signature])
    model = ov.convert_model(graph.get_concrete_function())
    names = network.output
    for output in model.outputs:
        (name,) = output.get_names() & set(names)
        output.get_tensor().set_names({name})
    layout = PrePostProcessor(model)
    layout.input().tensor().set_layout(Layout("NCHW"))
    layout.input().model().set_layout(Layout("NHWC"))
    return layout.build()


def save(model: ov.Model, path: Path) -> None:
    """Write <name>.xml and <name>.bin, in single precision.

    Half of it, in which the weights were stored, is not enough: normalizations are folded in.
    """
    ov.save_model(model, path, compress_to_fp16=False)


def quantize(path: Path, samples: Iterable[NDArray[np.float32]]) -> ov.Model:
    """The network of a file in eight bits, calibrated on `samples`.

    After training, by NNCF: weights and what flows between layers, a scale for each channel of
    the former and each layer of the latter, whose bias is then corrected. The convolutions that
    read the pixels stay as they are: eight bits over all that reflectance can be are too few to
    tell thin haze (of the cloud filter's cells 0.956 are right so, else 0.970, as of Keras).
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NNCF warns of optional packages
        import nncf

        nncf.set_log_level(30)
        several = list(samples)
        model = ov.Core().read_model(path)
        return nncf.quantize(
            model,
            nncf.Dataset(several),
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(several),
            ignored_scope=nncf.IgnoredScope(names=input_convolutions(model)),
        )


def input_convolutions(model: ov.Model) -> list[str]:
    """Names of the first convolutions behind the input."""
    found, waiting = [], list(model.get_parameters())
    while waiting:
        for output in waiting.pop().outputs():
            for following in output.get_target_inputs():
                node = following.get_node()
                if node.get_type_name() == "Convolution":
                    found.append(node.get_friendly_name())
                else:
                    waiting.append(node)
    return sorted(set(found))


_binding = threading.Lock()
_used: list[bool] = []


def _use_binding() -> None:
    """Make the binding's first call, once in a process and in one thread.

    In it the binding looks up NumPy's functions, once (pybind11's `npy_api::get`), and gives up
    Python's lock meanwhile. Of two threads that make it at the same time one waits for the other's
    look-up while holding the lock, and the other for the lock, a deadlock: 10 of 40
    processes hung.
    """
    with _binding:
        if _used:
            return
        number = opset8.parameter([1], np.float32)
        network = ov.Core().compile_model(ov.Model([opset8.relu(number)], [number]), "CPU")
        request = network.create_infer_request()
        request.infer({0: np.zeros(1, dtype=np.float32)}, share_inputs=False)
        np.array(request.get_output_tensor().data)
        _used.append(True)


def compile_export(path: Path, precision: Precision, threads: int, at_once: int = 1) -> InferenceFn:
    """The network of a file, ready to run on the processor. `ExportDamaged`.

    It is compiled once for each shape of input, at the first call with it. at_once: how many
    threads may call it at a time; they share the `threads` that compute.
    """
    _use_binding()
    core = ov.Core()
    try:
        model = core.read_model(path)
    except RuntimeError as error:
        raise ExportDamaged(f"{path} is not a network for OpenVINO ({error})") from error
    options = {
        "NUM_STREAMS": at_once,
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": _HINTS[precision],
    }
    free: dict[tuple[int, ...], queue.SimpleQueue[Any]] = {}
    lock = threading.Lock()

    def requests(shape: tuple[int, ...]) -> queue.SimpleQueue[Any]:
        with lock:
            if shape not in free:
                model.reshape(list(shape))
                network = core.compile_model(model, "CPU", options)
                free[shape] = queue.SimpleQueue()
                for _ in range(at_once):
                    free[shape].put(network.create_infer_request())
            return free[shape]

    def run(pixels: NDArray[np.float32]) -> NetworkOutputs:
        of_this_shape = requests(pixels.shape)
        asked = of_this_shape.get()
        try:
            # copied: to share the array is no faster (within the noise of 0.6 to 2 s for 24
            # windows of either network), and a request would hold it until its next call
            asked.infer({0: pixels}, share_inputs=False)
            return {
                output.get_any_name(): np.array(asked.get_tensor(output).data, dtype=np.float32)
                for output in asked.model_outputs
            }
        finally:
            of_this_shape.put(asked)

    return run
