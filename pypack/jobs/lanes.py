"""Encoding two batches side by side, and giving the results back in order.

Against one batch that all threads share: no thread waits at the end of a batch for another that the reader or
the writer has put off its core, and ids are at once where they belong. Of GPT-2 on 1.33 GB of JSON and two
cores it saved 5 % of the time; 40 MB more are held.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import Generic, TypeVar

A = TypeVar("A")
B = TypeVar("B")

_POLL_SECONDS = 0.05
_MOST_LANES = 2  # with more threads each has several: memory does not grow with them


def lanes_of(num_threads: int) -> tuple[int, int]:
    """How many lanes so many threads make, and how many threads each has."""
    lanes = min(_MOST_LANES, num_threads)
    return lanes, -(-num_threads // lanes)


class Lanes(Generic[A, B]):
    """Calls `works` on items, each in a thread of its own, and gives the results in the order of the items.

    A context manager: leaving the block ends the threads, each after the item that it is at. An error of the
    items, or of the work, is raised in its place among the results.
    """

    def __init__(self, items: Iterable[A], works: Sequence[Callable[[A], B]]) -> None:
        """`works`: do the same; one may remember something between what is called in it."""
        self._items = iter(items)
        self._taking = threading.Lock()
        self._stop = threading.Event()  # no further item is taken
        self._left = threading.Event()  # nobody asks for results any more
        self._results: queue.Queue[Future[B] | None] = queue.Queue(len(works))
        self._threads = [
            threading.Thread(target=self._run, args=(work,), name="pypack-encoder", daemon=True)
            for work in works
        ]

    def _run(self, work: Callable[[A], B]) -> None:
        while True:
            with self._taking:
                taken = self._take()
            if taken is None:
                return
            self._work_on(work, *taken)
            del taken  # a batch is not held while another one is waited for

    def _work_on(self, work: Callable[[A], B], future: Future[B], item: A) -> None:
        try:
            future.set_result(work(item))
        except BaseException as error:  # raised where the result is asked for
            self._stop.set()
            future.set_exception(error)

    def _take(self) -> tuple[Future[B], A] | None:
        """The next item, whose place among the results is taken; None at the end."""
        if self._stop.is_set():
            return None
        future: Future[B] = Future()
        try:
            item = next(self._items)
        except StopIteration:
            self._stop.set()
            self._put(None)
            return None
        except BaseException as error:
            self._stop.set()
            future.set_exception(error)
            self._put(future)
            return None
        return (future, item) if self._put(future) else None

    def _put(self, future: Future[B] | None) -> bool:
        while True:
            try:
                self._results.put(future, timeout=_POLL_SECONDS)
            except queue.Full:
                if self._left.is_set():
                    return False
                continue
            return True

    def __iter__(self) -> Iterator[B]:
        while (future := self._results.get()) is not None:
            yield future.result()

    def __enter__(self) -> Lanes[A, B]:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._left.set()
        for thread in self._threads:
            thread.join()
