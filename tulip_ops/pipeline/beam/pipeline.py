"""The steps of many acquisitions as one Beam pipeline.

    ids -> acquire -> ask the cloud filter -> screen -> ask the U-Net -> segment, vectorize, record

Elements hold an id, its progress and, for inference, windows of pixels. Everything else is
in the store, in PostGIS and in the environment of each worker, which reads the settings there, so
that no secret becomes a part of the pipeline. Each step is the attempt that `tulip <step> <id>`
makes, with the same rows; only inference runs elsewhere, several windows at a time.

Failures are elements too and end as dead letters: the pipeline has no tagged outputs
and nothing is left to the end of a bundle where a runner would lose it (Beam's DaskRunner mixes up
the one and drops the other).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import apache_beam as beam
from apache_beam.metrics import Metrics

from tulip_ops.core.types import AcquisitionId, NetworkStep, StepName
from tulip_ops.pipeline import run
from tulip_ops.pipeline.beam import dead_letters, window_requests
from tulip_ops.pipeline.beam.elements import NAMESPACE, Progress, WindowOutput, WorkerConfig
from tulip_ops.pipeline.beam.inference import infer_windows
from tulip_ops.pipeline.networks import Networks, PrecomputedNetworks
from tulip_ops.postgis.ledger import one_line

log = logging.getLogger(__name__)


def build(
    begin: beam.Pipeline, ids: Sequence[str], job: WorkerConfig
) -> beam.PCollection[Progress]:
    """Add the steps to a pipeline; returns the final `Progress` of each acquisition, once."""
    looks = (
        begin
        | "ids" >> beam.Create(list(ids), reshuffle=False)
        | "one by one" >> beam.Reshuffle()
        | "acquire" >> beam.ParDo(Acquire(job))
    )
    for finish in (Screen, Segment):
        step = finish.step
        looks = (
            (_keyed(looks, step), infer_windows(looks, step, job))
            | f"{step} both" >> beam.Flatten()
            | f"{step} by id" >> beam.GroupByKey()
            | step >> beam.ParDo(finish(job))
        )
    return looks | "post" >> beam.ParDo(Post(job))


def _keyed(looks: beam.PCollection[Progress], step: str) -> beam.PCollection[tuple[str, Progress]]:
    return looks | f"{step} looks" >> beam.Map(lambda look: (look.id, look))


class _Stage(beam.DoFn):  # type: ignore[misc]  # Beam's base classes are untyped
    """Runs a step of each acquisition; failures become dead letters."""

    def __init__(self, job: WorkerConfig) -> None:
        self.job = job

    def setup(self) -> None:
        self.settings = self.job.settings()

    def carried(self, look: Progress, step: StepName, networks: Networks | None = None) -> Progress:
        """After `step`, which is attempted as `tulip <step>` does it."""
        if look.state != "going":
            return look
        began = time.monotonic()
        try:
            outcome = run.attempt(
                step, AcquisitionId.parse(look.id), self.settings,
                run_id=self.job.run_id, networks=networks,
            )  # fmt: skip
        except Exception as error:  # noqa: BLE001  # one bad scene must not end the others
            return _failed(look, step, error)
        seconds = time.monotonic() - began
        Metrics.distribution(NAMESPACE, f"{step}_milliseconds").update(round(seconds * 1000))
        clear = outcome.figures.get("clear_fraction")
        if isinstance(clear, float):
            Metrics.distribution(NAMESPACE, "clear_percent").update(round(clear * 100))
        return replace(
            look,
            state="skipped" if outcome.state == "skipped" else "going",
            step=step,
            message=outcome.summary,
            figures={**look.figures, step: seconds},
        )

    def asking(self, look: Progress, step: NetworkStep) -> Progress:
        """The progress with the windows that the network of `step` must infer."""
        if look.state != "going":
            return look
        try:
            question = window_requests.window_request(
                step, AcquisitionId.parse(look.id), self.settings
            )
        except Exception as error:  # noqa: BLE001  # the attempt keeps it in the ledger
            return self.carried(look, step, PrecomputedNetworks({}, error))
        return replace(look, request=question)


class Acquire(_Stage):
    """An id to its progress after `acquire`, with the windows for the cloud filter."""

    def process(self, acquisition_id: str) -> Iterator[Progress]:
        """Acquire, and plan the cloud filter's windows."""
        yield self.asking(self.carried(Progress(acquisition_id), "acquire"), "screen")


class Finish(_Stage):
    """(id, progress and network outputs) to the progress after `step`."""

    step: NetworkStep

    def process(
        self, gathered: tuple[str, Iterable[Progress | WindowOutput]]
    ) -> Iterator[Progress]:
        """Take the step with the outputs of its network."""
        values = list(gathered[1])
        look = next(value for value in values if isinstance(value, Progress))
        given = [value for value in values if isinstance(value, WindowOutput)]
        yield self.finished(_counted(look, self.step, given), given)

    def finished(self, look: Progress, given: Sequence[WindowOutput]) -> Progress:
        networks = None if look.request is None else _networks(given)
        return self.carried(replace(look, request=None), self.step, networks)


class Screen(Finish):
    """Finishes `screen`, and plans the U-Net's windows."""

    step = "screen"

    def finished(self, look: Progress, given: Sequence[WindowOutput]) -> Progress:
        return self.asking(super().finished(look, given), "segment")


class Segment(Finish):
    """Finishes `segment`, and runs the two remaining steps."""

    step = "segment"

    def finished(self, look: Progress, given: Sequence[WindowOutput]) -> Progress:
        look = self.carried(super().finished(look, given), "vectorize")
        look = self.carried(look, "record")
        return replace(look, state="done") if look.state == "going" else look


class Post(_Stage):
    """Counts how acquisitions ended, and writes dead letters; yields its input."""

    def process(self, look: Progress) -> Iterator[Progress]:
        """Count, write, log."""
        Metrics.counter(NAMESPACE, look.state).inc()
        seconds = ", ".join(f"{name} {value:.1f}" for name, value in look.figures.items())
        if look.state == "failed":
            dead_letters.write_letter(
                self.settings.storage, self.job.run_id, look.id,
                acquisition=look.id, step=look.step, error=look.error, message=look.message,
            )  # fmt: skip
            log.warning("%s failed in %s: %s: %s", look.id, look.step, look.error, look.message)
        else:
            log.info("%s %s: %s (%s)", look.id, look.state, look.message, seconds)
        yield look


def _counted(look: Progress, step: str, given: Sequence[WindowOutput]) -> Progress:
    if not given:
        return look
    figures = {
        f"{step} windows": float(len(given)),
        f"{step} Mpx": sum(answer.pixels for answer in given) / 1e6,
        f"{step} network": sum(answer.seconds for answer in given),
    }
    return replace(look, figures={**look.figures, **figures})


def _networks(given: Sequence[WindowOutput]) -> Networks:
    """Replays the outputs in the step, or raises there the first inference error."""
    failure = next((one.error for one in given if one.error is not None), None)
    outputs = {one.number: one.outputs for one in given if one.outputs is not None}
    return PrecomputedNetworks(outputs, failure)


def _failed(look: Progress, step: str, error: Exception) -> Progress:
    return replace(
        look, state="failed", step=step, error=type(error).__name__, message=one_line(str(error)),
        request=None,
    )  # fmt: skip
