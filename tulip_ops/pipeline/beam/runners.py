"""Beam runners of a pipeline and their options."""

from __future__ import annotations

import logging
import re
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import apache_beam as beam
import psutil
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.runner import PipelineRunner, PipelineState, create_runner

from tulip_ops.core.errors import OptionRefused, PipelineFailed
from tulip_ops.pipeline.beam.elements import NAMESPACE, WorkerConfig
from tulip_ops.pipeline.beam.pipeline import build
from tulip_ops.pipeline.beam.runner_names import DASK, DIRECT, RUNNERS
from tulip_ops.pipeline.beam.runner_options import require_allowed

log = logging.getLogger(__name__)

_PARTITIONS = 4
"""Of Dask's bags for each worker: one that is done takes another."""
_DASK_ADDRESSES = ("--dask_client_address", "--dask_scheduler_file")
_WORKER = "sdk_worker_main"
_WORKERS_LOG = "apache_beam.runners.portability.local_job_service"
"""What takes the logs of the direct runner's processes."""
_ENTRY = re.compile(r'message: "(?P<words>.*?)"\s+log_location: "(?P<file>.*?)"')
_AGAIN = "what was carried until then stays, and the same command carries the rest"


def run(
    ids: Sequence[str],
    *,
    run_id: str,
    runner: str,
    workers: int,
    threads: int,
    flags: Sequence[str] = (),
    own_flags: Sequence[str] = (),
) -> dict[str, float]:
    """Run all steps of the acquisitions, and wait until they end.

    run_id: what the ledger calls it. workers: processes on this machine, of DirectRunner and of
    DaskRunner without an address; other runners have flags of their own. threads: of each worker,
    for networks and codecs. flags: Beam's own options, of those that are allowed to
    anybody; `OptionRefused`. own_flags: such of the settings, any.
    Returns the metrics by name, empty where the runner has none. `PipelineFailed` if the runner
    gave up or lost a worker; results until then remain.
    """
    _require_known(runner)
    require_allowed(flags)
    if not ids:
        return {}
    options = [*own_flags, *flags]
    job = WorkerConfig(run_id=run_id, threads=threads, fixed_batch=runner == DASK)
    log.info("%d acquisitions on %s, %d workers", len(ids), runner, workers)
    with _workers(runner, workers, len(ids), options) as more, _losses() as lost, _plain_logs():
        try:
            carrier = beam.Pipeline(
                runner=_carrier(runner), options=PipelineOptions([*options, *more])
            )
            build(carrier, ids, job)
            result = carrier.run()
            state = result.wait_until_finish()
        except KeyboardInterrupt:
            if not lost:
                raise
            raise PipelineFailed(f"{runner} lost a worker ({lost[0]}); {_AGAIN}") from None
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            raise PipelineFailed(f"{runner} gave up: {reason}; {_AGAIN}") from error
    if state != PipelineState.DONE:
        raise PipelineFailed(f"{runner} ended as {state}; {_AGAIN}")
    return _metrics(result)


def _require_known(runner: str) -> None:
    """Beam would import any class whose name it is given."""
    if runner not in RUNNERS:
        raise OptionRefused(f"{runner!r} is no runner of Beam; use one of {', '.join(RUNNERS)}")


def _carrier(name: str) -> PipelineRunner:
    """The runner of that name.

    Beam's own DirectRunner would first try to download Prism and then ignore the number of
    workers; its fallback runner is used directly.
    """
    if name == DIRECT:
        return create_runner("FnApiRunner")
    if name == DASK:
        from apache_beam.runners.dask.dask_runner import DaskRunner  # noqa: PLC0415  # if asked

        return DaskRunner()
    return create_runner(name)


@contextmanager
def _workers(runner: str, workers: int, count: int, flags: Sequence[str]) -> Iterator[list[str]]:
    """The runner's options for its workers; Dask workers live as long as this context."""
    if runner == DIRECT and workers > 1:
        yield ["--direct_running_mode=multi_processing", f"--direct_num_workers={workers}"]
    elif runner == DASK:
        partitions = [] if _has(flags, "--dask_npartitions", "--dask_partition_size") else [
            f"--dask_npartitions={max(1, min(count, _PARTITIONS * workers))}"
        ]  # fmt: skip
        if _has(flags, *_DASK_ADDRESSES):
            yield partitions
            return
        from distributed import Client, LocalCluster  # noqa: PLC0415  # if asked

        with (
            LocalCluster(
                n_workers=workers, threads_per_worker=1, dashboard_address=None,
                silence_logs=logging.WARNING,
            ) as cluster,
        ):  # fmt: skip
            try:
                yield [f"--dask_client_address={cluster.scheduler_address}", *partitions]
            finally:
                for client in list(Client._instances):  # Beam leaves its own open
                    client.close()
    else:
        yield []


def _has(flags: Sequence[str], *names: str) -> bool:
    return any(flag.split("=", 1)[0] in names for flag in flags)


@contextmanager
def _losses() -> Iterator[list[str]]:
    """Interrupts the main thread when a worker process of the direct runner dies.

    The runner would wait for it for ever: the only sign is the end of the thread that
    watches it. Whatever ends the block, no worker survives it.
    """
    lost: list[str] = []
    before = threading.excepthook

    def noted(failure: threading.ExceptHookArgs) -> None:
        if failure.thread is None or failure.thread.name != "run_worker":
            before(failure)
            return
        if not lost:
            lost.append(str(failure.exc_value))
            main = threading.main_thread().ident
            if main is not None:
                signal.pthread_kill(main, signal.SIGINT)  # wakes it from whatever it waits for

    threading.excepthook = noted
    try:
        yield lost
    except BaseException:
        lost.append("ending the others")
        for child in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                if _WORKER in " ".join(child.cmdline()):
                    child.kill()
        raise
    finally:
        threading.excepthook = before


@contextmanager
def _plain_logs() -> Iterator[None]:
    """Logs our modules' records of other processes as if local; of Beam only warnings."""

    def told(record: logging.LogRecord) -> bool:
        entry = _ENTRY.search(record.getMessage())
        if entry is None:
            return record.levelno >= logging.WARNING
        record.msg, record.args = entry["words"], None
        return "/tulip_ops/" in entry["file"] or record.levelno >= logging.WARNING

    taken = logging.getLogger(_WORKERS_LOG)
    before = taken.level
    taken.setLevel(min(logging.INFO, logging.getLogger().level or logging.INFO))
    taken.addFilter(told)
    try:
        yield
    finally:
        taken.removeFilter(told)
        taken.setLevel(before)


def _metrics(result: Any) -> dict[str, float]:
    """Our metrics, by name: counters, and sum, mean and maximum of distributions."""
    try:
        found = result.metrics().query()
    except NotImplementedError:  # Dask's
        return {}
    told: dict[str, float] = {}
    for counter in found["counters"]:
        if counter.key.metric.namespace == NAMESPACE:
            name = counter.key.metric.name
            told[name] = told.get(name, 0) + counter.result
    for one in found["distributions"]:
        if one.key.metric.namespace == NAMESPACE and one.result.count:
            name = one.key.metric.name
            told |= {f"{name}_mean": one.result.mean, f"{name}_most": one.result.max}
            if not name.endswith("percent"):
                told[f"{name}_sum"] = one.result.sum
    return told
