"""Loaders over remote files: what is asked for ahead, and what a run will cost."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pypack.cache import Cache, RemoteFiles
from pypack.cache.measures import read_measures
from pypack.schedule.order import StepDraws
from pypack.source.source import Source

if TYPE_CHECKING:
    from pypack.loader.batch_maker import BatchMaker

LOG = logging.getLogger("pypack")

# Ahead of a step: what keeps a fast line busy, but not so many steps that finding them takes long.
_BYTES_AHEAD = 256 << 20
_FEWEST_STEPS, _MOST_STEPS = 32, 4096
# Strategies whose sequences hold neighbouring documents.
_IN_ORDER = frozenset({"concat", "stream", "next_fit", "pad"})
_OPEN_RUNS = 8  # of `locality`
# Where nothing was measured yet: a storage in the same region.
_SECONDS, _BYTES_A_SECOND = 0.05, 100e6


def steps_ahead(step_bytes: int) -> int:
    """How many steps are asked for ahead where nobody says, by the bytes of one."""
    return max(_FEWEST_STEPS, min(_MOST_STEPS, _BYTES_AHEAD // max(1, step_bytes)))


def common_cache(sources: Sequence[Source]) -> Cache | None:
    """The cache that remote sources share; None where all files are of this host.

    Raises:
        ValueError: they have several.
    """
    caches = {files.cache.folder: files.cache for source in sources for files in source.cached_files}
    if len(caches) > 1:
        raise ValueError(
            "the stores and plans of a loader are read through several caches "
            f"({', '.join(map(str, caches))}): open all with the same cache="
        )
    return next(iter(caches.values()), None)


class StepsAhead:
    """Says ahead what steps need that are asked for one by one, or every n-th as by a worker of a DataLoader.

    Args:
        maker: of the batches.
        steps: how many ahead at most. It begins with few, so that the first batch does not wait for plans.
    """

    def __init__(self, maker: BatchMaker, steps: int) -> None:
        self._maker = maker
        self._most = steps
        self._reach = 0
        self._last: int | None = None
        self._stride = 1
        self._said = 0  # the last step that was

    def before(self, step: int, end: int, draws_at: Callable[[int], StepDraws]) -> None:
        """To be called before a step's batch is made; `end`: the step after the last."""
        if self._maker.reads_ahead == 0:
            return
        stride = self._stride if self._last is None or step <= self._last else step - self._last
        if self._last is None or step != self._last + stride or stride != self._stride:
            self._said = step
        self._last, self._stride = step, stride
        self._said = max(self._said, step)
        last = min(end - 1, step + stride * self._reach)
        while self._said + stride <= last:
            self._said += stride
            self._maker.plan_remote(draws_at(self._said), 1 + (self._said - step) // stride)
        self._reach = min(self._most, 2 * self._reach + 4)


@dataclass(frozen=True)
class RemoteCost:
    """What a loader over remote files can be expected to cost, by sizes alone; `print` says it in words.

    Attributes:
        total_bytes: of all remote files of its stores and plans.
        cache_bytes: that the cache may take.
        cached_share: of the files that is in the cache already.
        step_bytes: fetched for a step of this rank, on average over the first epoch.
        hit_share: of what a step reads, how much the cache will have once it is full: 1 where all fits in.
        first_bytes: of the blocks that the first batch needs, at most.
        first_seconds: how long they take, by what this cache has measured; else by a guess.
        is_measured: whether it has.
    """

    total_bytes: int
    cache_bytes: int
    cached_share: float
    step_bytes: int
    hit_share: float
    first_bytes: int
    first_seconds: float
    is_measured: bool

    def __str__(self) -> str:
        by = "as measured" if self.is_measured else "at 100 MB/s, as nothing was measured yet"
        lines = [
            f"remote files of {_told(self.total_bytes)}, of which {self.cached_share:.0%} are in the cache, "
            f"which may take {_told(self.cache_bytes)}",
            f"a step fetches {_told(self.step_bytes)} on average; once it is full, the cache has "
            f"{self.hit_share:.0%} of what a step reads",
            f"the first batch needs up to {_told(self.first_bytes)}, about {self.first_seconds:.1f} s ({by})",
        ]
        if self.hit_share < 0.5:
            lines.append(
                "most of what a step reads is fetched for it alone: give the cache more room (cache_bytes=), "
                "or shuffle runs of neighbours (locality=), packed in order (strategy 'stream' or 'concat')"
            )
        return "; ".join(lines)


def remote_cost(
    sources: Sequence[Source], cache: Cache, rows: float, steps: int, locality: int
) -> RemoteCost:
    """The cost of a loader.

    Args:
        rows: of this rank's batch.
        steps: of an epoch.
        locality: of the loader's order.
    """
    groups: list[RemoteFiles] = list({id(f): f for source in sources for f in source.cached_files}.values())
    total = sum(files.size for files in groups)
    limit = cache.current_limit()
    present = sum(files.share * files.size for files in groups)
    share = min(1.0, limit / total) if total else 1.0
    row = [_row_cost(source, rows / len(sources), locality) for source in sources]
    first = min(total, int(sum(one.first for one in row)))
    once = total / max(1, steps)  # each byte once an epoch
    window = sum(one.window for one in row)
    keeps_runs = locality > 0 and all(one.in_order for one in row) and window <= limit
    each = once if share >= 1 or keeps_runs else (1 - share) * first
    measures = read_measures(cache.folder)
    seconds = measures["seconds"] or _SECONDS
    rate = measures["bytes_a_second"] or _BYTES_A_SECOND
    fetched = first * (1 - (present / total if total else 1))
    return RemoteCost(
        total_bytes=total,
        cache_bytes=limit,
        cached_share=present / total if total else 1.0,
        step_bytes=int(min(max(each, once * (share >= 1)), total)),
        hit_share=1.0 if share >= 1 else 1 - min(1.0, once / max(first, 1)) if keeps_runs else share,
        first_bytes=first,
        first_seconds=4 * seconds + fetched / rate if fetched else 0.0,
        is_measured=measures["bytes_a_second"] is not None,
    )


@dataclass(frozen=True)
class _RowCost:
    first: float  # bytes of the blocks of one batch
    window: float  # bytes that a run of `locality` keeps open
    in_order: bool


def _row_cost(source: Source, rows: float, locality: int) -> _RowCost:
    """What the rows of a batch from one source touch, by blocks."""
    store, plan = source.store, source.plan
    files = [*source.cached_files]
    if not files or plan.num_sequences == 0:
        return _RowCost(0, 0, True)
    in_order = plan.strategy in _IN_ORDER and source.documents is None
    spans = plan.num_spans / plan.num_sequences
    row_bytes = plan.num_tokens / plan.num_sequences * store.dtype.itemsize
    places = _OPEN_RUNS * (1 - (1 - 1 / _OPEN_RUNS) ** rows) if locality and in_order else rows
    places *= 1 if in_order else spans
    bytes_ = 0.0
    for part in store.parts:
        for group in part.cached_groups:
            share = part.num_tokens / max(1, store.num_tokens)
            piece = row_bytes if in_order else row_bytes / spans
            bytes_ += share * places * (group.block_bytes[0] + piece + 2 * group.block_bytes[1])
    if plan.cached_files is not None:
        bytes_ += min(places, rows) * 4 * plan.cached_files.block_bytes[0]
    return _RowCost(bytes_, 2 * _OPEN_RUNS * locality * row_bytes, in_order)


def _told(size: float) -> str:
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"
