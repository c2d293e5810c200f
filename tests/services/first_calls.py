"""Two simultaneous first calls of a native library, in a process of their own.

    python -m tests.services.first_calls LIBRARY FOLDER

Each function imports what it calls: nothing else may have been used in the process before.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tulip_ops.core import concurrency


def together(work: Callable[[int], Any]) -> None:
    """Call `work` from two threads that change places as often as Python can."""
    sys.setswitchinterval(1e-6)
    assert len(list(concurrency.ordered_map(work, range(2), 2))) == 2


def openvino(folder: Path) -> None:
    import openvino as ov
    from openvino import opset8

    from tulip_ops.ml.inference import openvino_backend

    pixels = opset8.parameter([1, 3, 256, 256], np.float32)
    result = opset8.relu(pixels)
    model = ov.Model([result], [pixels])
    model.outputs[0].get_tensor().set_names({"output"})
    path = folder / "network.xml"
    openvino_backend.save(model, path)
    run = openvino_backend.compile_export(path, "fp32", 2, 2)
    together(lambda _: run(np.ones((1, 3, 256, 256), np.float32)))


def rasterio(folder: Path) -> None:
    from tulip_ops.raster import dataset

    def read(_: int) -> Any:
        with dataset.open_raster(str(folder / "pixels.tif")) as source:
            return source.read()

    together(read)


def header(folder: Path) -> None:
    from tulip_ops.raster.header import inspect

    together(lambda _: inspect(str(folder / "pixels.tif")))


def pyproj(_: Path) -> None:
    from shapely import box

    from tulip_ops.raster import projection

    together(lambda _: projection.project(box(3, 52, 3.1, 52.1), 4326, 32631))


def pyarrow(folder: Path) -> None:
    from tulip_ops.storage import detections_file

    together(lambda i: detections_file.write_detections(folder / f"{i}.parquet", []))


def keras(_: Path) -> None:
    from tulip_ops.ml.inference import model_registry, predictors

    card = model_registry.find(Path("models"), "unet-rgb/3")

    def predict(_: int) -> Any:
        network = predictors.load_unet(card, 1)
        return network(np.full((1, 3, 64, 64), 0.1, np.float32))

    together(predict)


LIBRARIES = {call.__name__: call for call in (openvino, rasterio, header, pyproj, pyarrow, keras)}

if __name__ == "__main__":
    LIBRARIES[sys.argv[1]](Path(sys.argv[2]))
