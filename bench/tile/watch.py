"""What the steps of bench/tile/run.py are watched at: networks, and the work beside them."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tulip_ops.ml.inference import model_loading, predictors
from tulip_ops.raster import cog, cog_writer
from tulip_ops.storage import folder_backend


class Watched:
    """What the steps take from now on; one for a process."""

    def __init__(self) -> None:
        self.windows: list[tuple[int, ...]] = []
        """Shape of every call of a network."""
        self.start_seconds = 0.0
        """Importing libraries, reading weights, and compiling for each new shape."""
        self.beside: Counter[str] = Counter()
        """Processor seconds of the work beside the networks, by what it is."""
        self._calls: list[tuple[float, float]] = []
        self._not_computing = 0.0
        self._watches_compiling = False
        self._lock = threading.Lock()
        predictors.load_cloud_filter = self._watching(predictors.load_cloud_filter)
        predictors.load_unet = self._watching(predictors.load_unet)
        model_loading.start_export = self._starting(model_loading.start_export)
        self._count("reading", cog.CogReader, "read_window")
        self._count("normalizing", predictors.CloudFilter, "normalized")
        self._count("normalizing", predictors.UNet, "normalized")
        self._count("calibrating", predictors.UNet, "probability")
        self._count("writing", cog_writer.CogWriter, "write_encoded")
        self._count("checksums", folder_backend, "is_verified")

    def begin(self) -> None:
        """Forget what was."""
        self.windows.clear()
        self._calls.clear()
        self.beside.clear()
        self.start_seconds = self._not_computing = 0.0

    @property
    def network_seconds(self) -> float:
        """In which at least one window was being computed, without what was compiled for it."""
        total, until = 0.0, 0.0
        for began, ended in sorted(self._calls):
            total += max(0.0, ended - max(began, until))
            until = max(until, ended)
        return total - self._not_computing

    def _watching(self, load: Callable[..., Any]) -> Callable[..., Any]:
        def loaded(*arguments: Any, **named: Any) -> Any:
            started = time.perf_counter()
            network = load(*arguments, **named)
            self.start_seconds += time.perf_counter() - started
            run = network.run

            def timed(pixels: NDArray[np.float32]) -> Any:
                began = time.perf_counter()
                outputs = run(pixels)
                with self._lock:
                    self.windows.append(pixels.shape)
                    self._calls.append((began, time.perf_counter()))
                return outputs

            network.run = timed
            return network

        return loaded

    def _starting(self, start: Callable[..., Any]) -> Callable[..., Any]:
        """An export is imported and read at the first call of its network."""

        def started(*arguments: Any) -> Any:
            graph = self._compiling(start)(*arguments)
            openvino = sys.modules["openvino"]
            if not self._watches_compiling:
                openvino.Core.compile_model = self._compiling(openvino.Core.compile_model)
                self._watches_compiling = True
            return graph

        return started

    def _compiling(self, work: Callable[..., Any]) -> Callable[..., Any]:
        """Work that is done within a call of a network, and is none of its computing."""

        def worked(*arguments: Any, **named: Any) -> Any:
            began = time.perf_counter()
            made = work(*arguments, **named)
            took = time.perf_counter() - began
            self.start_seconds += took
            self._not_computing += took
            return made

        return worked

    def _count(self, what: str, owner: Any, name: str) -> None:
        """Add the processor seconds of a function or method to those of `what`."""
        work = getattr(owner, name)

        def counted(*arguments: Any, **named: Any) -> Any:
            started = time.thread_time()
            try:
                return work(*arguments, **named)
            finally:
                with self._lock:
                    self.beside[what] += time.thread_time() - started

        setattr(owner, name, counted)


def peak_gb() -> float:
    """Of this process alone; what getrusage says begins with that of its parent."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e9
