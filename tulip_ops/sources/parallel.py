"""Several reads at once, none of whose errors is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TypeVar

T = TypeVar("T")


def for_each(work: Callable[[T], None], items: Iterable[T], *, at_once: int) -> None:
    """Do `work` with every item in threads, and return when all is done.

    After an error no more is begun; what is under way ends, and then the error is raised.
    """
    with ThreadPoolExecutor(at_once) as pool:
        done = [pool.submit(work, item) for item in items]
        try:
            wait(done, return_when=FIRST_EXCEPTION)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    for one in done:
        if not one.cancelled():
            one.result()
