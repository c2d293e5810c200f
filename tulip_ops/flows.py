"""Stages of one piece of work that run at the same time, each in a thread of its own.

What is read ahead and what waits to be written are bounded, and no error is lost: it is raised
where the stage's result is taken.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Generic, TypeVar, cast

T = TypeVar("T")
Made = TypeVar("Made")
_END = object()
_PATIENCE = 0.1
"""Seconds after which a stage that waits looks whether anybody still wants what it makes."""


@contextmanager
def ahead(items: Iterable[T], depth: int) -> Iterator[Iterator[T]]:
    """The same items, made by a thread that is up to `depth` of them ahead of who takes them.

    An error of `items` is raised after the items before it. At the end the thread stops, and
    `items`, if it is a generator, is closed.
    """
    line = _Line[T](items, depth)
    thread = threading.Thread(target=line.work, daemon=True)
    thread.start()
    try:
        yield line.taken()
    finally:
        line.over.set()
        thread.join()


class _Line(Generic[T]):
    """From the thread that makes to the one that takes."""

    def __init__(self, items: Iterable[T], depth: int) -> None:
        self.over = threading.Event()
        self._items = iter(items)
        self._made: queue.Queue[object] = queue.Queue(depth)
        self._errors: list[BaseException] = []

    def work(self) -> None:
        """Make the items, until there are no more or nobody wants them."""
        try:
            while not self.over.is_set():
                try:
                    item: object = next(self._items)
                except StopIteration:
                    break
                self._hand(item)
                del item  # it belongs to whoever takes it
        except BaseException as error:  # noqa: BLE001  # raised by who takes the items
            self._errors.append(error)
        finally:
            if isinstance(self._items, Generator):
                self._items.close()
            self._hand(_END)

    def taken(self) -> Iterator[T]:
        """The items, as they are made."""
        while (item := self._made.get()) is not _END:
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


def each(work: Callable[[T], Made], items: Iterable[T], threads: int) -> Iterator[Made]:
    """What `work` makes of each of the items, in their order, by several threads.

    Items are taken by the one who takes what was made, one more than there are threads. An error
    of `work` or `items` is raised in the place of its item; what is under way then ends first.
    """
    waiting: deque[Future[Made]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for item in items:
            waiting.append(pool.submit(work, item))
            del item  # it belongs to whoever works on it
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


class Behind:
    """Work that is done in order by one thread, behind the one that gives it; see `behind`."""

    def __init__(self, pool: ThreadPoolExecutor, depth: int) -> None:
        self._pool = pool
        self._depth = depth
        self._waiting: deque[Future[None]] = deque()

    def do(self, work: Callable[[], None]) -> None:
        """Have `work` done; waits while `depth` others are waiting. Raises their errors."""
        while len(self._waiting) >= self._depth:
            self._waiting.popleft().result()
        self._waiting.append(self._pool.submit(work))

    def finish(self) -> None:
        """Wait until all is done; raises the first error."""
        while self._waiting:
            self._waiting.popleft().result()


@contextmanager
def behind(depth: int) -> Iterator[Behind]:
    """At the end all work that was given is done, and no error of it is lost."""
    with ThreadPoolExecutor(1) as pool:
        line = Behind(pool, depth)
        yield line
        line.finish()
