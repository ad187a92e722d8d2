"""Running the stages of a job in threads of their own, with bounded queues between them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")
_POLL_SECONDS = 0.05
_LONGEST_WAIT_SECONDS = 2.0


class _End:
    """Closes a queue, with the error that ended the stage, if any."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


class Producer(Generic[T]):
    """Iterates `items` in a thread, at most `depth` items ahead.

    A context manager: leaving the block ends the thread.
    """

    def __init__(self, items: Iterable[T], depth: int = 2) -> None:
        self._queue: queue.Queue[T | _End] = queue.Queue(depth)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(items,), name="pypack-reader", daemon=True)

    def _run(self, items: Iterable[T]) -> None:
        end = _End()
        try:
            for item in items:
                if not _put(self._queue, item, self._stop):
                    return
        except BaseException as error:  # handed to the consumer
            end = _End(error)
        finally:
            if isinstance(items, Generator):  # files and processes are closed here, not some time later
                items.close()
        _put(self._queue, end, self._stop)

    def __iter__(self) -> Iterator[T]:
        while True:
            try:
                item = self._queue.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                if self._stop.is_set():  # left in another thread: nothing comes any more
                    return
                continue
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item

    def __enter__(self) -> Producer[T]:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        # Not for ever: the thread may be waiting for standard input. It dies with the process then.
        self._thread.join(_LONGEST_WAIT_SECONDS)


class Consumer(Generic[T]):
    """Calls `consume` on each item in a thread, at most `depth` items behind.

    A context manager: leaving the block normally waits until all items are consumed; leaving it by an
    exception drops those that wait. An error in `consume` is raised by the next `put`, or at the end.
    """

    def __init__(self, consume: Callable[[T], None], depth: int = 2) -> None:
        self._queue: queue.Queue[T | _End] = queue.Queue(depth)
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._consume = consume
        self._thread = threading.Thread(target=self._run, name="pypack-writer", daemon=True)

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                try:
                    item = self._queue.get(timeout=_POLL_SECONDS)
                except queue.Empty:
                    continue
                if isinstance(item, _End):
                    return
                self._consume(item)
        except BaseException as error:  # raised in the caller's thread
            self._error = error
            self._stop.set()

    def put(self, item: T) -> None:
        """Hands over an item, waiting while `depth` of them wait."""
        if not _put(self._queue, item, self._stop):
            self._raise()

    def _raise(self) -> None:
        self._thread.join()
        if self._error is not None:
            raise self._error

    def __enter__(self) -> Consumer[T]:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            _put(self._queue, _End(), self._stop)
            self._raise()
        else:
            self._stop.set()
            self._thread.join()


def _put(target: queue.Queue[T | _End], item: T | _End, stop: threading.Event) -> bool:
    """Puts an item unless `stop` is set first."""
    while not stop.is_set():
        try:
            target.put(item, timeout=_POLL_SECONDS)
        except queue.Full:
            continue
        return True
    return False
