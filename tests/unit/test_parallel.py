import threading
import time

import pytest

from tulip_ops.sources.parallel import for_each


def test_everything_is_done_and_no_more_at_once_than_allowed() -> None:
    done, running, most, lock = [], 0, 0, threading.Lock()

    def work(item: int) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.01)
        with lock:
            running -= 1
            done.append(item)

    for_each(work, range(12), at_once=3)
    assert sorted(done) == list(range(12))
    assert 1 < most <= 3


def test_an_error_is_raised_and_ends_the_rest() -> None:
    begun = []

    def work(item: int) -> None:
        begun.append(item)
        if item == 1:
            raise KeyError(item)
        time.sleep(0.05)

    with pytest.raises(KeyError):
        for_each(work, range(100), at_once=2)
    assert len(begun) < 50
