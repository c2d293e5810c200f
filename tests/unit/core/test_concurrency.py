"""Stages that run at the same time: nothing is lost, nothing is left running."""

import threading
import time
from collections.abc import Iterator

import pytest

from tulip_ops.core import concurrency


def test_what_is_made_ahead_comes_in_order_and_no_farther_than_allowed() -> None:
    made = []

    def making() -> Iterator[int]:
        for number in range(20):
            made.append(number)
            yield number

    with concurrency.prefetch(making(), 2) as items:
        for taken, item in enumerate(items):
            assert item == taken
            assert len(made) <= taken + 5

    assert made == list(range(20))


def test_an_error_comes_after_what_was_made_before_it() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise OSError("the disk is gone")

    with concurrency.prefetch(failing(), 3) as items:
        assert next(items) == 1
        with pytest.raises(OSError, match="the disk is gone"):
            next(items)


def test_who_stops_taking_stops_the_making() -> None:
    closed = threading.Event()

    def endless() -> Iterator[int]:
        try:
            while True:
                yield 0
        finally:
            closed.set()

    before = threading.active_count()
    with concurrency.prefetch(endless(), 1) as items:
        next(items)

    assert closed.is_set()
    assert threading.active_count() == before


def test_what_several_threads_make_comes_in_order_and_from_few_items_at_once() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(20):
            taken.append(number)
            yield number

    for place, made in enumerate(concurrency.ordered_map(lambda number: number * 2, items(), 2)):
        assert made == place * 2
        assert len(taken) <= place + 4

    assert taken == list(range(20))


def test_an_error_of_a_thread_is_raised_in_the_place_of_its_item() -> None:
    def work(number: int) -> float:
        return 1 / (3 - number)

    before = threading.active_count()
    made = concurrency.ordered_map(work, range(9), 2)
    assert [next(made) for _ in range(3)] == [1 / 3, 1 / 2, 1]
    with pytest.raises(ZeroDivisionError):
        next(made)
    assert threading.active_count() == before


def test_work_behind_is_done_in_order_and_by_the_end() -> None:
    done: list[int] = []
    with concurrency.background_writer(2) as line:
        for number in range(10):
            line.submit(lambda number=number: done.append(number))

    assert done == list(range(10))


def test_errors_of_work_behind_are_raised() -> None:
    def fail() -> None:
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"), concurrency.background_writer(2) as line:
        line.submit(fail)


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

    concurrency.for_each(work, range(12), 3)
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
        concurrency.for_each(work, range(100), 2)
    assert len(begun) < 50
