"""Threads: reading ahead, parallel maps in order, and a background writer.

All queues are bounded. No error is lost: it is raised where the result is taken. Each finished
item counts as progress for the watchdog.

Native libraries initialize in their first call, and not all of them allow two concurrent first
calls: OpenVINO's binding deadlocks in a quarter of all processes. Modules that wrap such a library
register its first use with `before_threads`, and every function here that starts a thread makes
those calls first. tests/services/test_first_calls.py tests this for each library.

| library | first use | where |
|---|---|---|
| GDAL and PROJ, through rasterio | drivers registered, PROJ's database opened | raster/dataset |
| PROJ, through pyproj | a transformer made | raster/projection |
| Arrow, through pyarrow | a table written to Parquet | storage |
| OpenVINO | a tiny network run, when an engine is made | ml/inference/openvino_backend |
| TensorFlow and Keras | one network loaded at a time | ml/inference/model_loading |
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from typing import Generic, TypeVar, cast

from tulip_ops.core import watchdog

T = TypeVar("T")
Made = TypeVar("Made")
Use = TypeVar("Use", bound=Callable[[], None])
_END = object()
_PATIENCE = 0.1
"""Seconds between checks of a waiting producer whether its consumer has stopped."""


_first_uses: list[Callable[[], None]] = []
_using = threading.RLock()


def before_threads(use: Use) -> Use:
    """Register the first use of a native library, to be made before any thread starts.

    use: makes it, in milliseconds; called once, and again at the next start if it fails.
    """
    with _using:
        _first_uses.append(use)
    return use


def use_libraries() -> None:
    """Make the first uses that are not made yet; waits if another thread makes them."""
    with _using:
        while _first_uses:
            _first_uses[-1]()
            _first_uses.pop()


@contextmanager
def prefetch(items: Iterable[T], depth: int) -> Iterator[Iterator[T]]:
    """The same items in order, produced by a background thread that runs up to `depth` ahead.

    An error of `items` is raised after the items before it. At the end the thread stops, and
    `items`, if it is a generator, is closed.
    """
    use_libraries()
    line = _Line[T](items, depth)
    thread = threading.Thread(target=line.work, daemon=True)
    thread.start()
    try:
        yield line.taken()
    finally:
        line.over.set()
        thread.join()


class _Line(Generic[T]):
    """Queue from a producer thread to its consumer."""

    def __init__(self, items: Iterable[T], depth: int) -> None:
        self.over = threading.Event()
        self._items = iter(items)
        self._made: queue.Queue[object] = queue.Queue(depth)
        self._errors: list[BaseException] = []

    def work(self) -> None:
        """Produce the items until there are no more or the consumer stops."""
        try:
            while not self.over.is_set():
                try:
                    item: object = next(self._items)
                except StopIteration:
                    break
                self._hand(item)
                del item  # only the consumer refers to it
        except BaseException as error:  # noqa: BLE001  # raised in the consumer
            self._errors.append(error)
        finally:
            if isinstance(self._items, Generator):
                self._items.close()
            self._hand(_END)

    def taken(self) -> Iterator[T]:
        """The items, as they are produced."""
        while (item := self._made.get()) is not _END:
            watchdog.tick()
            yield cast("T", item)
            del item
        if self._errors:
            raise self._errors[0]

    def _hand(self, item: object) -> None:
        while not self.over.is_set():
            try:
                return self._made.put(item, timeout=_PATIENCE)
            except queue.Full:
                continue
        return None


def ordered_map(work: Callable[[T], Made], items: Iterable[T], threads: int) -> Iterator[Made]:
    """Results of `work` for each item, in input order, computed by several threads.

    The consumer's thread takes the items, at most `threads` + 1 ahead. An error of `work` or
    `items` is raised in the place of its item, after the running calls have ended.
    """
    use_libraries()
    waiting: deque[Future[Made]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for item in items:
            waiting.append(pool.submit(work, item))
            del item  # only the worker refers to it
            if len(waiting) > threads:
                yield _result(waiting.popleft())
        while waiting:
            yield _result(waiting.popleft())


def for_each(work: Callable[[T], None], items: Iterable[T], threads: int) -> None:
    """Call `work` for every item in threads; returns when all calls are done.

    After an error no more calls start; the running ones end, and then the error is raised.
    """
    use_libraries()
    with ThreadPoolExecutor(threads) as pool:
        begun = [pool.submit(work, item) for item in items]
        try:
            for one in as_completed(begun):
                _result(one)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _result(one: Future[Made]) -> Made:
    result = one.result()
    watchdog.tick()
    return result


class BackgroundWriter:
    """Runs tasks in order on one background thread; made by `background_writer`."""

    def __init__(self, pool: ThreadPoolExecutor, depth: int) -> None:
        self._pool = pool
        self._depth = depth
        self._waiting: deque[Future[None]] = deque()

    def submit(self, work: Callable[[], None]) -> None:
        """Queue a task; blocks while `depth` tasks wait. Raises errors of earlier tasks."""
        while len(self._waiting) >= self._depth:
            _result(self._waiting.popleft())
        self._waiting.append(self._pool.submit(work))

    def finish(self) -> None:
        """Wait for all tasks; raises the first error."""
        while self._waiting:
            _result(self._waiting.popleft())


@contextmanager
def background_writer(depth: int) -> Iterator[BackgroundWriter]:
    """A `BackgroundWriter`; on exit all its tasks are done, and their errors raised."""
    use_libraries()
    with ThreadPoolExecutor(1) as pool:
        line = BackgroundWriter(pool, depth)
        yield line
        line.finish()
