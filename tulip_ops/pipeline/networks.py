"""Where the predictors of `screen` and `segment` come from: loaded here, or computed elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tulip_ops.core.errors import ProductDamaged
from tulip_ops.core.processing_settings import ExecutionSettings
from tulip_ops.ml.inference import memory_budget, predictors
from tulip_ops.ml.inference.keras_backend import InferenceFn
from tulip_ops.ml.inference.predictors import CloudFilter, UNet
from tulip_ops.ml.inference.strip_cache import StripCache
from tulip_ops.pipeline.product_state import NetworkTask

PRECOMPUTED_WINDOW = 768
"""Pixels on a side of the U-Net's windows that other processes compute. Probabilities do not depend
on it, and a window of ten bands takes twelve megabytes on its way."""

WindowOutputs: TypeAlias = Mapping[str, NDArray[np.float32]]
"""Outputs of a network for one window, by name, as the network returns them."""


class Networks(Protocol):
    """What a network step asks for its predictor."""

    def cloud_filter(self, task: NetworkTask) -> CloudFilter:
        """The predictor of `screen`."""

    def unet(self, task: NetworkTask, shape: tuple[int, int]) -> tuple[UNet, int]:
        """The predictor of `segment` for a raster of (height, width), and its window size."""

    def cache(self, raster: str) -> StripCache | None:
        """Decoded strips of the raster with this checksum, shared by the steps of one process."""

    def release(self) -> None:
        """Drop the strips: no step will read them any more."""


class LocalNetworks:
    """Loads the engine that a task names into this process: `Networks`."""

    def __init__(self, settings: ExecutionSettings, strips: StripCache | None = None) -> None:
        """strips: filled by `screen` and emptied by `segment`, where one process runs both."""
        self._settings = settings
        self._strips = strips

    def cloud_filter(self, task: NetworkTask) -> CloudFilter:
        """As `Networks` says; a thread of its own for each window that is asked at a time."""
        threads = self._settings.threads
        return predictors.load_cloud_filter(task.card, threads, task.engine, at_once=threads)

    def unet(self, task: NetworkTask, shape: tuple[int, int]) -> tuple[UNet, int]:
        """As `Networks` says; windows as large as TULIP_MEMORY_GB allows."""
        memory_gb = self._settings.memory_gb
        size = memory_budget.window_size(task.card, task.engine, shape, memory_gb)
        return predictors.load_unet(task.card, self._settings.threads, task.engine), size

    def cache(self, raster: str) -> StripCache | None:
        """As `Networks` says."""
        return None if self._strips is None else self._strips.for_raster(raster)

    def release(self) -> None:
        """As `Networks` says."""
        if self._strips is not None:
            self._strips.clear()


class PrecomputedNetworks:
    """Replays outputs that other processes computed: `Networks`."""

    def __init__(
        self, outputs: Mapping[int, WindowOutputs], failure: Exception | None = None
    ) -> None:
        """outputs: by number of the window. failure: why there are none, raised in the step."""
        self._outputs = outputs
        self._failure = failure

    def cloud_filter(self, task: NetworkTask) -> CloudFilter:
        """As `Networks` says."""
        return CloudFilter(task.card, self._replay())

    def unet(self, task: NetworkTask, shape: tuple[int, int]) -> tuple[UNet, int]:  # noqa: ARG002
        """As `Networks` says; windows of PRECOMPUTED_WINDOW."""
        return UNet(task.card, self._replay()), PRECOMPUTED_WINDOW

    def cache(self, raster: str) -> StripCache | None:  # noqa: ARG002  # the pixels were read elsewhere
        """None."""
        return None

    def release(self) -> None:
        """Nothing is held."""

    def _replay(self) -> InferenceFn:
        if self._failure is not None:
            raise self._failure
        return replay(self._outputs)


def replay(outputs: Mapping[int, WindowOutputs]) -> InferenceFn:
    """A function that returns `outputs` in the order of their windows, whatever it is given.

    `ProductDamaged` where it is called more often than there are outputs.
    """
    left = iter(sorted(outputs))

    def run(_: NDArray[np.float32]) -> WindowOutputs:
        number = next(left, None)
        if number is None:
            raise ProductDamaged(
                "its pixels changed between the planning of the windows and the step that uses"
                " their outputs; repeat it"
            )
        return {name: values[np.newaxis] for name, values in outputs[number].items()}

    return run
