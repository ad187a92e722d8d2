"""Batches that are encoded side by side: their order, their errors, and who leaves early."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from pypack.jobs.background import Producer
from pypack.jobs.lanes import Lanes, lanes_of


def late(i: int) -> int:
    """Every third item takes longer than those behind it."""
    time.sleep(0.004 if i % 3 == 0 else 0.0)
    return i * i


@pytest.mark.parametrize("count", [1, 2, 3])
def test_results_come_in_the_order_of_the_items(count: int) -> None:
    with Lanes(range(60), [late] * count) as lanes:
        assert list(lanes) == [i * i for i in range(60)]


def test_two_items_are_worked_on_at_once() -> None:
    both = threading.Barrier(2)

    def meet(i: int) -> int:
        both.wait(timeout=20)
        return i

    with Lanes(range(10), [meet] * 2) as lanes:
        assert list(lanes) == list(range(10))


def test_an_error_of_the_work_is_raised_in_its_place() -> None:
    def work(i: int) -> int:
        if i == 5:
            raise ValueError("five")
        return late(i)

    seen: list[int] = []
    with pytest.raises(ValueError, match="five"), Lanes(range(1000), [work] * 2) as lanes:
        for result in lanes:
            seen.append(result)
    assert seen == [0, 1, 4, 9, 16]


def test_an_error_of_the_items_is_raised_behind_those_before_it() -> None:
    def items() -> Iterator[int]:
        yield from range(4)
        raise OSError("gone")

    seen: list[int] = []
    with pytest.raises(OSError, match="gone"), Lanes(items(), [late] * 2) as lanes:
        seen.extend(lanes)
    assert seen == [0, 1, 4, 9]


def test_no_more_is_taken_than_is_asked_for() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for i in range(1000):
            taken.append(i)
            yield i

    with Lanes(items(), [late] * 2) as lanes:
        assert next(iter(lanes)) == 0
        time.sleep(0.2)
    assert len(taken) <= 7  # one was given, two wait, two are worked on, one is in hand
    assert not [thread for thread in threading.enumerate() if thread.name == "pypack-encoder"]


def test_leaving_does_not_wait_for_what_never_comes() -> None:
    """As at Ctrl-C while standard input says nothing."""
    gate = threading.Event()

    def silent() -> Iterator[int]:
        yield 1
        gate.wait(20)

    reading = Producer(silent())
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt), Lanes(reading, [late] * 2) as lanes, reading:
        assert next(iter(lanes)) == 1
        raise KeyboardInterrupt
    assert time.monotonic() - began < 10
    gate.set()


@pytest.mark.parametrize(("threads", "lanes"), [(1, (1, 1)), (2, (2, 1)), (3, (2, 2)), (16, (2, 8))])
def test_threads_are_shared_among_lanes(threads: int, lanes: tuple[int, int]) -> None:
    assert lanes_of(threads) == lanes


def test_a_work_is_called_by_one_thread_alone() -> None:
    """Stages hold something of the batch that they are at."""

    class Holding:
        held = -1

        def __call__(self, i: int) -> int:
            self.held = i
            time.sleep(0.002)
            return self.held

    with Lanes(range(50), [Holding(), Holding()]) as lanes:
        assert list(lanes) == list(range(50))
