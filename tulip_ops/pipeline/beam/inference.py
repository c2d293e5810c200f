"""Windows of acquisitions through Beam's RunInference."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import apache_beam as beam
import numpy as np
from apache_beam.metrics import Metrics
from apache_beam.ml.inference.base import ModelHandler, RunInference
from numpy.typing import NDArray

from tulip_ops.core import concurrency, watchdog
from tulip_ops.core.types import AcquisitionId, NetworkStep
from tulip_ops.pipeline.beam import window_requests
from tulip_ops.pipeline.beam.elements import (
    NAMESPACE,
    Progress,
    WindowOutput,
    WindowPixels,
    WorkerConfig,
    portable,
)
from tulip_ops.pipeline.networks import WindowOutputs
from tulip_ops.storage.product_store import open_store

LARGEST_BATCH = 16
"""Windows that are held at once; a window of ten bands takes some five megabytes."""


def infer_windows(
    looks: beam.PCollection[Progress], step: NetworkStep, job: WorkerConfig
) -> beam.PCollection[tuple[str, WindowOutput]]:
    windows = (
        looks
        | f"{step} windows" >> beam.ParDo(Windows())
        | f"{step} spread" >> beam.Reshuffle()
        | f"{step} read" >> beam.ParDo(Read(job))
    )
    handler: Any = KerasHandler(step, job)
    if job.fixed_batch:
        windows = windows | f"{step} alone" >> beam.Map(lambda window: [window])
        handler = handler.with_no_batching()
    return windows | f"{step} infer" >> RunInference(handler)


class Windows(beam.DoFn):  # type: ignore[misc]  # as above
    """Progress to its requested windows: (id, model, number), spread over the workers."""

    def process(self, look: Progress) -> Iterator[tuple[str, str, int]]:
        """One for each window."""
        if look.state == "going" and look.request is not None:
            for number in look.request.numbers:
                yield look.id, look.request.model, number


class Read(beam.DoFn):  # type: ignore[misc]  # as above
    """(id, model, number) to the pixels of that window."""

    def __init__(self, job: WorkerConfig) -> None:
        self.job = job

    def setup(self) -> None:
        concurrency.use_libraries()  # Beam's threads are not started by `flows`
        settings = self.job.settings()
        self.patience = settings.execution.no_progress_seconds
        store = open_store(settings.storage)
        self.reader = window_requests.Reader(store, settings.networks.models)

    def process(self, asked: tuple[str, str, int]) -> Iterator[WindowPixels]:
        """Read; a read error fails its acquisition where the outputs are grouped."""
        acquisition_id, model, number = asked
        task = f"reading of window {number} of {acquisition_id}"
        try:
            with watchdog.watch(task, self.patience):
                pixels = self.reader.window(AcquisitionId.parse(acquisition_id), model, number)
        except Exception as error:  # noqa: BLE001  # see the docstring
            yield WindowPixels(acquisition_id, number, model, None, portable(error))
        else:
            yield WindowPixels(acquisition_id, number, model, pixels)


class Networks:
    """The networks of one step: a process loads each once, and its threads share it.

    The process caches them, not this object, since some runners load and discard a handler's model
    with every bundle.
    """

    _loaded: ClassVar[
        dict[tuple[NetworkStep, str, Path, WorkerConfig], window_requests.Network]
    ] = {}
    _lock: ClassVar = threading.Lock()

    def __init__(self, step: NetworkStep, job: WorkerConfig) -> None:
        self._step, self._job = step, job
        self._settings = job.settings()

    def __call__(self, model: str, pixels: NDArray[Any]) -> WindowOutputs:
        """Outputs of the model for one window; the model is loaded on first use."""
        key = (self._step, model, self._settings.networks.models, self._job)
        with self._lock:
            if key not in self._loaded:
                self._loaded[key] = window_requests.Network(
                    self._step, model, self._settings.networks, self._settings.execution.threads
                )
        return self._loaded[key](pixels)

    @property
    def patience(self) -> float:
        """Seconds without progress after which a worker ends."""
        return self._settings.execution.no_progress_seconds


class KerasHandler(ModelHandler[WindowPixels, tuple[str, WindowOutput], Networks]):  # type: ignore[misc]
    """Runs our networks in Beam's RunInference.

    A process loads each network once, and its threads share it. Every window is one call, also
    within a batch: a call costs half a millisecond, and how processors round depends on the size
    of a batch, of which products must not depend.
    """

    def __init__(self, step: NetworkStep, job: WorkerConfig) -> None:
        super().__init__(min_batch_size=1, max_batch_size=LARGEST_BATCH)
        self.step, self.job = step, job

    def load_model(self) -> Networks:
        """No weights yet: the first window names the model."""
        return Networks(self.step, self.job)

    def run_inference(
        self,
        batch: Sequence[WindowPixels],
        model: Networks,
        inference_args: dict[str, Any] | None = None,  # noqa: ARG002  # Beam's own name
    ) -> Iterable[tuple[str, WindowOutput]]:
        """(id, output) for each window; a failure is an output too."""
        return [(window.id, self._answer(window, model)) for window in batch]

    def _answer(self, window: WindowPixels, model: Networks) -> WindowOutput:
        began = time.monotonic()
        if window.pixels is None:
            return WindowOutput(window.number, None, window.error, 0, 0.0)
        count = int(np.prod(window.pixels.shape[1:]))
        try:
            with watchdog.watch(f"{self.step} of {window.id}", model.patience):
                outputs = model(window.model, window.pixels)
        except Exception as error:  # noqa: BLE001  # fails its acquisition where it is grouped
            return WindowOutput(window.number, None, portable(error), count, 0.0)
        Metrics.counter(NAMESPACE, f"{self.step}_windows").inc()
        Metrics.counter(NAMESPACE, f"{self.step}_pixels").inc(count)
        return WindowOutput(window.number, outputs, None, count, time.monotonic() - began)

    def get_num_bytes(self, batch: Sequence[WindowPixels]) -> int:
        """Of the pixels."""
        return sum(0 if window.pixels is None else window.pixels.nbytes for window in batch)

    def get_metrics_namespace(self) -> str:
        """Of what RunInference counts by itself."""
        return f"{NAMESPACE}_{self.step}"
