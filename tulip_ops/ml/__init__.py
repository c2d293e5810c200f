"""The cloud filter and the U-Net: inference, data sets, evaluation, training.

`pipeline`, `reports`, `services` and `cli` import this package. It alone imports Keras, TensorFlow,
JAX, OpenVINO and NNCF.

TensorFlow reads two variables once, while it is being imported, and offers no other way: they
are set here, before any module of this package can import it, and never read by us. A few lines
that TensorFlow 2.21 writes before it reads its own variable remain. OpenVINO and NNCF report what
they are used for to their makers where openvino_telemetry can be imported: here it cannot.
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # errors alone
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
