"""StepMaker: the batch of one step, from what the step draws."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pypack import _core
from pypack._memory import memory_for_files
from pypack._threads import resolve_num_threads
from pypack.batch import PackedBatch
from pypack.loader_options import BatchOptions, Ranks
from pypack.pinned import PinnedMemory
from pypack.run import Draw, Run, StepDraws
from pypack.source import Source

# What the kernels take of a step: draws, slots, row length, key of the slots' order, share, pinned memory.
_Request = tuple[list[Draw], int, int, int | None, _core.Share, NDArray[np.uint8] | None]

_process = 0  # another number in every forked child: cheaper to look at than the system's, at every batch


def _note_fork() -> None:
    global _process
    _process += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)


class StepMaker:
    """Makes one rank's batches with the kernels; belongs to one process.

    Args:
        run: what the batches are drawn from; only its pools and the sizes of its batches are used, which no
            change of weights changes.
        idle_buffers: batches whose memory is kept for coming ones.
    """

    def __init__(
        self,
        sources: Mapping[str, Source],
        run: Run,
        ranks: Ranks,
        options: BatchOptions,
        *,
        locality: int,
        idle_buffers: int,
        pin_memory: bool,
        num_threads: int | None,
    ) -> None:
        self._ranks, self._num_threads = ranks, num_threads
        form = options.format()
        self._maker = _core.BatchMaker(form, idle_buffers)
        for source in sources.values():
            source.add_to(self._maker)
        for pool in run.pools:
            self._maker.add_pool(pool.plan, pool.ranges, pool.key, locality)
        plans = [len(source.plans) for source in sources.values()]
        self._source_of_plan = np.repeat(np.arange(len(plans), dtype=np.int32), plans)
        self._one_plan_each = len(self._source_of_plan) == len(plans)
        self._rows_of_longest = run.rows_of_longest
        self._file_bytes = sum(source.file_bytes for source in sources.values())
        self._pinned = PinnedMemory() if pin_memory else None
        items = run.most_items(lambda rows: ranks.slots(rows) // ranks.world_size)
        self._most_bytes = form.bytes(max(items, options.pad_to))
        self._process = _process
        # Made at its first use: only then is it sure whether this process is a worker of a DataLoader.
        self._share: _core.Share | None = None
        self._ahead: _core.ReadAhead | None = None  # for all passes

    @property
    def is_of_this_process(self) -> bool:
        """False in a forked child, which has memory and locks of its parent's threads."""
        return self._process == _process

    def request(self, draws: StepDraws) -> tuple[_Request, Any]:
        """A step for the kernels, and the pinned memory that its batch is to be made in, if any."""
        if self._pinned is None:
            return self._request(draws, None), None
        tensor, memory = self._pinned.take(self._most_bytes)
        return self._request(draws, memory), tensor

    def _request(self, draws: StepDraws, memory: NDArray[np.uint8] | None) -> _Request:
        ranks = self._ranks
        if self._share is None:
            threads = resolve_num_threads(self._num_threads)
            self._share = _core.Share(ranks.rank, ranks.world_size, ranks.balance, threads)
        slots = draws.slots if ranks.world_size == 1 else ranks.slots(draws.slots)
        return draws.draws, slots, draws.row_length, draws.shuffle_key, self._share, memory

    def rows(self, draws: StepDraws) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
        """Sources, sequences in their plans, and epochs of the rank's rows; sequence -1 for empty rows."""
        plans, sequences, epochs = self._maker.rows(*self._request(draws, None))
        return self._source_of_plan[plans], sequences, epochs

    def batch(self, draws: StepDraws, step: int) -> PackedBatch:
        """The rank's batch."""
        if self._pinned is None:
            return self.wrap(self._maker.make(*self._request(draws, None)), draws, step, None)
        request, tensor = self.request(draws)
        return self.wrap(self._maker.make(*request), draws, step, tensor)

    def prefetcher(self, depth: int, read_ahead: int) -> _core.Prefetcher:
        """A thread that makes requested batches ahead; `wrap` turns what it gives into batches."""
        if read_ahead and self._ahead is None:
            # Half of the memory: what else runs needs some, too.
            self._ahead = _core.ReadAhead(self._maker, 2 * self._file_bytes < memory_for_files())
        return _core.Prefetcher(self._maker, depth, self._ahead, read_ahead)

    def wrap(self, made: _core._MadeBatch, draws: StepDraws, step: int, tensor: Any) -> PackedBatch:
        """What the kernels made, with what they do not know of it."""
        batch = PackedBatch(*made, step, draws.epoch, draws.slots / self._rows_of_longest)
        if not self._one_plan_each:
            batch.source_ids = self._source_of_plan[batch.source_ids]
        return batch if self._pinned is None else self._pinned.wrap(batch, tensor)
