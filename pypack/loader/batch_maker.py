"""BatchMaker: the batch of one step, from what the step draws."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pypack import _core
from pypack._common.memory import memory_for_files
from pypack._common.threads import resolve_num_threads
from pypack.batch import PackedBatch, from_kernels
from pypack.loader.loss_weights import BatchWeights
from pypack.loader.objective import objective_keys, sides_of
from pypack.loader.options import BatchOptions
from pypack.loader.pinned import PinnedMemory
from pypack.loader.ranks import Ranks
from pypack.loader.remote import StepsAhead, common_cache, steps_ahead
from pypack.objectives.objective import Objective
from pypack.objectives.pair_objective import PairObjective
from pypack.schedule.order import Order, StepDraws
from pypack.source.source import Source
from pypack.store.beside import DocumentValues

_COUNTABLE = 2**50  # items whose bytes can still be counted
_ONE_RANK = _core.RankPart(0, 1, "none", 1)  # to whom all rows go

_makers: weakref.WeakSet[BatchMaker] = weakref.WeakSet()


def _note_fork() -> None:
    for maker in _makers:
        maker.is_of_this_process = False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)


class BatchMaker:
    """Makes one rank's batches with the kernels; belongs to one process.

    Attributes:
        is_of_this_process: False in a forked child, which has memory and locks of its parent's threads.

    Args:
        order: what the batches are drawn from; only its source buckets and the sizes of its batches are
            used, which no change of weights changes.
        objective: what batches are changed to, resolved.
        name: that the batches say of it, where there are several.
        seed: of what it draws.
        read_ahead: steps whose files are asked for ahead; None: none of this host, of remote ones as many as
            keep the line busy.
        idle_buffers: batches whose memory is kept for coming ones.
        kernel_at: what changes the batch of a step, of an objective that takes feedback.
    """

    def __init__(
        self,
        sources: Mapping[str, Source],
        order: Order,
        ranks: Ranks,
        options: BatchOptions,
        *,
        objective: Objective | None,
        name: str | None = None,
        seed: int,
        locality: int,
        idle_buffers: int,
        pin_memory: bool,
        num_threads: int | None,
        read_ahead: int | None = 0,
        kernel_at: Callable[[int], _core.Objective] | None = None,
    ) -> None:
        self._ranks, self._num_threads = ranks, num_threads
        form = options.format(writes_labels=objective is not None and objective.writes_labels)
        self.steps_ahead: StepsAhead | None = None  # of remote files
        sides = sides_of(objective, sources)
        kernel = None if objective is None or sides is not None else objective.kernel()
        self._maker = _core.BatchMaker(form, idle_buffers, kernel)
        if sides is not None:
            assert isinstance(objective, PairObjective)
            self._maker.set_denoising(objective.denoising(), sides.input_length, sides.target_length)
        keys = objective_keys(sources, seed)
        for number, source in enumerate(sources.values()):
            source.add_to(self._maker, keys[number], number)
        self._buckets = order.source_buckets
        for bucket in self._buckets:
            self._maker.add_bucket(bucket.plan, bucket.ranges, bucket.key, locality)
        plans = [len(source.plans) for source in sources.values()]
        self._source_of_plan = np.repeat(np.arange(len(plans), dtype=np.int32), plans)
        self._one_plan_each = len(self._source_of_plan) == len(plans)
        self._rows_of_longest = order.rows_of_longest
        self._file_bytes = sum(source.file_bytes for source in sources.values())
        self._pinned = PinnedMemory() if pin_memory else None
        items = order.most_items(lambda rows: ranks.slots(rows) // ranks.world_size)
        self._most_items = max(items, options.pad_to)
        self._most_bytes = self._maker.bytes(min(self._most_items, _COUNTABLE))
        self._step_bytes = self._most_items * max(s.store.dtype.itemsize for s in sources.values())
        self._weights: BatchWeights | None = None
        if any(source.loss_weights is not None for source in sources.values()):
            if not {"labels", "loss_mask"} & set(options.arrays):
                raise ValueError("loss_weights stand beside labels or loss_mask: name one of them in arrays")
            self._weights = BatchWeights(list(sources.values()), objective)
        places = [source.store.group_places for source in sources.values()]
        self._places = places if any(one is not None for one in places) else None
        self._name = name
        self._kernel_at = kernel_at
        self._counted = () if objective is None else objective.counts
        self._own_labels = objective is not None and objective.writes_labels
        self._is_plain = (
            self._one_plan_each
            and kernel_at is None
            and self._pinned is None
            and self._weights is None
            and self._places is None
            and not self._counted
            and name is None
        )
        self._is_alone = ranks.world_size == 1
        self.is_of_this_process = True
        _makers.add(self)
        # Made at its first use: only then is it sure whether this process is a worker of a DataLoader.
        self._part: _core.RankPart | None = None
        self._read_remote(sources, read_ahead)
        self._ahead: _core.ReadAhead | None = None  # for all passes

    def _read_remote(self, sources: Mapping[str, Source], read_ahead: int | None) -> None:
        """Has the fetcher of the cache know what is read, as a reader with a clock of its own."""
        cache = common_cache(list(sources.values()))
        if cache is None:
            self._reads_ahead = read_ahead or 0
            return
        self._maker.read_remote(cache.new_reader())
        self._reads_ahead = steps_ahead(self._step_bytes) if read_ahead is None else read_ahead
        self.steps_ahead = StepsAhead(self, self._reads_ahead)

    @property
    def reads_ahead(self) -> int:
        """Steps whose files are asked for ahead; none while all that is remote is there."""
        if self.steps_ahead is not None and self._maker.all_there:
            return 0
        return self._reads_ahead

    def plan_remote(self, draws: StepDraws, batches: int) -> None:
        """Says what a step of so many batches later needs of remote files."""
        self._maker.plan_remote(*self._dealt(draws), self._part or self._make_part(), batches)

    def check_memory(self) -> None:
        """Raises ValueError for batches that do not fit in memory."""
        memory = memory_for_files()
        if self._most_items >= _COUNTABLE or (memory and self._most_bytes > memory):
            raise ValueError(
                f"a rank's batch of {self._most_items:,} items would take {self._most_bytes / 2**30:,.1f} "
                f"GiB, more than the {memory / 2**30:,.1f} GiB that are free: make the global batch smaller"
            )

    def _dealt(self, draws: StepDraws) -> tuple[StepDraws, int]:
        if self._is_alone:
            return draws, draws.slots
        return self._ranks.dealt(draws, self._buckets, self._is_drawn)

    def _is_drawn(self, draws: StepDraws, slots: int) -> NDArray[np.bool_]:
        """Of every slot of a global batch, whether it holds a row."""
        drawn: NDArray[np.bool_] = self._maker.rows(draws, slots, _ONE_RANK)[1] >= 0
        return drawn

    def _make_part(self) -> _core.RankPart:
        ranks = self._ranks
        threads = resolve_num_threads(self._num_threads)
        self._part = _core.RankPart(ranks.rank, ranks.world_size, ranks.balance, threads)
        return self._part

    def rows(self, draws: StepDraws) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
        """Sources, sequences in their plans, and epochs of the rank's rows; sequence -1 for empty rows."""
        plans, sequences, epochs = self.plan_rows(draws)
        return self._source_of_plan[plans], sequences, epochs

    def plan_rows(
        self, draws: StepDraws, *, all_ranks: bool = False
    ) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
        """Plans (numbers among those of all sources), sequences in them, and epochs of the rank's rows, or of
        the global batch's; sequence -1 for empty rows."""
        if all_ranks:
            return self._maker.rows(draws, draws.slots, _ONE_RANK)
        return self._maker.rows(*self._dealt(draws), self._part or self._make_part())

    def batch(self, draws: StepDraws, step: int) -> PackedBatch:
        """The rank's batch."""
        part = self._part or self._make_part()
        if self._is_plain and self._is_alone:  # what most loaders are asked for, many thousand times a second
            made = self._maker.make(draws, draws.slots, part, None)
            batch = from_kernels(made, step, draws.epoch, draws.scale_rows / self._rows_of_longest)
            if self._own_labels:
                batch.has_own_labels = True
            return batch
        tensor, memory = (None, None) if self._pinned is None else self._pinned.take(self._most_bytes)
        kernel = None if self._kernel_at is None else self._kernel_at(step)
        return self.wrap(self._maker.make(*self._dealt(draws), part, memory, kernel), draws, step, tensor)

    def request(self, prefetcher: _core.Prefetcher, draws: StepDraws, step: int) -> Any:
        """Has the prefetcher make a step's batch. Returns the tensor whose memory it is made in, if any."""
        tensor, memory = (None, None) if self._pinned is None else self._pinned.take(self._most_bytes)
        kernel = None if self._kernel_at is None else self._kernel_at(step)
        prefetcher.request(*self._dealt(draws), self._part or self._make_part(), memory, kernel)
        return tensor

    def prefetcher(self, depth: int) -> _core.Prefetcher:
        """A thread that makes requested batches ahead; `wrap` turns what it gives into batches."""
        read_ahead = self._reads_ahead  # not those of now: what is there may go
        if read_ahead and self._ahead is None and self.steps_ahead is None:
            # Half of the memory: what else runs needs some, too.
            self._ahead = _core.ReadAhead(self._maker, 2 * self._file_bytes < memory_for_files())
        return _core.Prefetcher(self._maker, depth, self._ahead, read_ahead)

    def wrap(self, made: _core._MadeBatch, draws: StepDraws, step: int, tensor: Any) -> PackedBatch:
        """What the kernels made, with what they do not know of it."""
        batch = from_kernels(made, step, draws.epoch, draws.scale_rows / self._rows_of_longest)
        batch.has_own_labels = self._own_labels
        if self._is_plain:
            return batch
        batch.objective = self._name
        if self._counted:
            counts = _core.objective_counts(batch._made)
            batch.objective_counts = dict(zip(self._counted, counts, strict=False))
        if self._weights is not None:
            batch.loss_weights = self._weights.of(batch._made)
        if not self._one_plan_each:
            batch.source_ids = self._source_of_plan[batch.source_ids]
        if self._places is not None:
            batch.group_ids = _groups_of(batch, self._places)
        return batch if self._pinned is None else self._pinned.wrap(batch, tensor)


def _groups_of(batch: PackedBatch, places: Sequence[DocumentValues | None]) -> NDArray[np.int64]:
    """The group of each span's document; one without a group is one of its own."""
    groups: NDArray[np.int64] = batch.document_ids.copy()
    for source, of_source in enumerate(places):
        if of_source is not None:
            spans = (batch.source_ids == source) & (batch.document_ids >= 0)
            groups[spans] -= of_source.of(groups[spans])
    return groups
