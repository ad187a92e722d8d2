"""The batches of steps one after another, as a pass over a loader takes them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from pypack import _core
from pypack.batch import PackedBatch
from pypack.loader.batch_maker import BatchMaker
from pypack.schedule.order import StepDraws

# A batch, what its step draws, and for how many seconds it was waited for.
Given = tuple[PackedBatch, StepDraws, float]


def one_by_one(
    first: int, end: int, maker_at: Callable[[int], BatchMaker], draws_at: Callable[[int], StepDraws]
) -> Iterator[Given]:
    """Steps `first` to `end`, each made when it is asked for."""
    for step in range(first, end):
        start = time.perf_counter()
        draws = draws_at(step)
        yield maker_at(step).batch(draws, step), draws, time.perf_counter() - start


def made_ahead(
    first: int,
    end: int,
    maker_at: Callable[[int], BatchMaker],
    draws_at: Callable[[int], StepDraws],
    *,
    prefetch: int,
) -> Iterator[Given]:
    """Steps `first` to `end`, made by a thread, `prefetch` of them ahead; the files of so many more are
    read ahead as the maker says. The thread ends with the iterator. Every objective has a maker and a thread
    of its own."""
    prefetchers: dict[int, tuple[BatchMaker, _core.Prefetcher]] = {}
    asked: deque[tuple[BatchMaker, _core.Prefetcher, StepDraws, Any]] = deque()
    read_ahead, is_remote = 0, False
    next_asked = first
    for step in range(first, end):
        start = time.perf_counter()
        if step == first:
            maker = maker_at(first)
            is_remote = maker.steps_ahead is not None
            # The first batch of remote files does not wait until many steps are found.
            read_ahead = 0 if is_remote else maker.reads_ahead
        while next_asked < min(end, step + 1 + prefetch + read_ahead):
            draws, maker = draws_at(next_asked), maker_at(next_asked)
            if id(maker) not in prefetchers:
                prefetchers[id(maker)] = maker, maker.prefetcher(prefetch)
            prefetcher = prefetchers[id(maker)][1]
            asked.append((maker, prefetcher, draws, maker.request(prefetcher, draws, next_asked)))
            next_asked += 1
        if is_remote:
            read_ahead = min(maker.reads_ahead, 2 * read_ahead + 4)
        maker, prefetcher, draws, tensor = asked.popleft()
        batch = maker.wrap(prefetcher.next(), draws, step, tensor)
        yield batch, draws, time.perf_counter() - start
