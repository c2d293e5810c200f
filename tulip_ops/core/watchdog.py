"""Ends the process of a step that makes no progress, so that Airflow or a person can try again.

A native library that waits for ever cannot be interrupted from Python: the process must end. Work
in progress calls `tick`: after an inferred window, bytes read, a block of rows.
"""

from __future__ import annotations

import faulthandler
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tulip_ops.core.errors import NoProgress

_STDERR = 2
"""The file descriptor: `sys.stderr` may be replaced, or its lock held by a thread that hangs."""
_FAILED = 1
"""Exit code of a failure that a retry may solve."""
_REPORTING = 30.0
"""Seconds that `report` may take before the process is ended without it."""


@dataclass(slots=True)
class _Process:
    """What all watches of this process share."""

    last_tick: float = 0.0
    watches: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


_process = _Process()


def tick() -> None:
    """Record that the process made progress, from any thread; costs a microsecond."""
    _process.last_tick = time.monotonic()


@contextmanager
def watch(
    task: str, seconds: float, report: Callable[[NoProgress], None] | None = None
) -> Iterator[None]:
    """End the process with exit code 1 when nothing ticked for `seconds` inside the block.

    The stacks of all threads and a last line `NoProgress: <task> ...` go to stderr. report: called
    before, to note the failure elsewhere; bounded in time. Progress is that of the whole process:
    where several tasks share it, one that hangs is noticed when no other goes on.

    A watching thread does this. Where it cannot run, because a library hangs while it holds
    Python's lock, a timer of `faulthandler`, which needs no lock, writes the stacks and ends the
    process a little later.
    """
    over = threading.Event()
    tick()
    with _process.lock:
        _process.watches += 1
    watcher = threading.Thread(
        target=_watch, args=(task, seconds, report, over), name=f"watchdog of {task}", daemon=True
    )
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
        with _process.lock:
            _process.watches -= 1
            if _process.watches == 0:
                faulthandler.cancel_dump_traceback_later()


def _watch(
    task: str,
    seconds: float,
    report: Callable[[NoProgress], None] | None,
    over: threading.Event,
) -> None:
    interval = min(5.0, seconds / 10)
    while True:
        _end_without_python(seconds + 2 * interval)
        if over.wait(interval):
            return
        if time.monotonic() - _process.last_tick > seconds:
            _end(task, seconds, report)


def _end_without_python(seconds: float) -> None:
    """Unless called again within `seconds`: stacks and exit code 1, without Python's lock."""
    faulthandler.dump_traceback_later(seconds, exit=True, file=_STDERR)


def _end(task: str, seconds: float, report: Callable[[NoProgress], None] | None) -> None:
    failure = NoProgress(
        f"{task} made no progress for {seconds:g} seconds (TULIP_NO_PROGRESS_SECONDS): no window"
        " was answered and no byte was read. The stacks above say where each thread waits; the"
        " process ends, and the same command may be repeated"
    )
    faulthandler.dump_traceback(file=_STDERR, all_threads=True)
    note = ""
    if report is not None:
        _end_without_python(_REPORTING)
        try:
            report(failure)
        except Exception as error:  # noqa: BLE001  # the process ends either way, and says so
            note = f"it could not be noted elsewhere ({type(error).__name__}: {error})\n"
    os.write(_STDERR, f"{note}{type(failure).__name__}: {failure}\n".encode())
    os._exit(_FAILED)
