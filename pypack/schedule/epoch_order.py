"""The order of a loader without a schedule: epochs of one source."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

from pypack import _core
from pypack.schedule.curriculum import odds_of
from pypack.schedule.order import StepDraws, purpose, rows_of_batch, source_buckets
from pypack.source.source import Source


class EpochOrder:
    """Epochs of one source: each gives every sequence once, in steps of one row length each.

    Raises:
        ValueError: the plan has no sequences, or `tail="drop"` would drop all of them.
    """

    def __init__(
        self,
        name: str,
        source: Source,
        *,
        batch_tokens: int | None,
        batch_sequences: int | None,
        seed: int,
        epochs: int | None,
        tail: str,
        curriculum: str | Mapping[int, float],
        cycles: int,
    ) -> None:
        self.source_buckets = buckets = source_buckets({name: source}, seed)
        if not buckets:
            raise ValueError(f"{source.plan!r} has no sequences to load")
        if batch_sequences is not None and len(buckets) > 1:
            raise ValueError(
                f"the plan has rows of {len(buckets)} lengths: give batch_tokens, which every step keeps to"
            )
        self._seed = seed
        self._epochs = epochs
        self._rows = [rows_of_batch(batch_tokens, batch_sequences, bucket.length) for bucket in buckets]
        self._steps = [
            -(-bucket.size // rows) if tail == "pad" else bucket.size // rows
            for bucket, rows in zip(buckets, self._rows, strict=True)
        ]
        self.steps_per_epoch = sum(self._steps)
        if not self.steps_per_epoch:
            raise ValueError(
                f"the plan has fewer sequences than a global batch ({buckets[0].size} and {self._rows[0]} "
                f"of length {buckets[0].length}), and tail='drop' would drop them all; make the batch "
                "smaller or use tail='pad'"
            )
        self.dropped_sequences = sum(
            bucket.size - rows * steps if tail == "drop" else 0
            for bucket, rows, steps in zip(buckets, self._rows, self._steps, strict=True)
        )
        self._odds = odds_of(curriculum, [bucket.length for bucket in buckets])
        self._cycles = cycles
        self._several = len(buckets) > 1
        self._drawn_buckets = [
            (rows, bucket.size, bucket.length) for rows, bucket in zip(self._rows, buckets, strict=True)
        ]
        self.longest = buckets[-1].length
        self.rows_of_longest = self._rows[-1]
        self._order_of = functools.lru_cache(maxsize=2)(self._make_order)

    @property
    def first_step(self) -> int:
        return 0

    def check_known(self, step: int) -> None:
        pass

    @property
    def num_steps(self) -> int | None:
        return None if self._epochs is None else self._epochs * self.steps_per_epoch

    def pass_start(self, step: int) -> int:
        return step // self.steps_per_epoch * self.steps_per_epoch

    def pass_end(self, step: int) -> int:
        if self._epochs is not None and step >= self._epochs * self.steps_per_epoch:
            return step
        return self.pass_start(step) + self.steps_per_epoch

    def batch_rows(self) -> set[int]:
        return set(self._rows)

    def most_items(self, slots: Callable[[int], int]) -> int:
        return max(
            slots(rows) * bucket.length for rows, bucket in zip(self._rows, self.source_buckets, strict=True)
        )

    def at(self, step: int) -> StepDraws:
        epoch = step // self.steps_per_epoch
        turn = step - epoch * self.steps_per_epoch
        bucket = 0
        if self._several:
            order = self._order_of(epoch)
            bucket = order.bucket(turn)
            turn = order.visits(turn, bucket)
        rows, size, length = self._drawn_buckets[bucket]
        start = turn * rows
        left = size - start
        draw = (bucket, epoch, start, rows if rows < left else left)
        # Past the constructor of the named tuple: this is asked for every batch.
        return tuple.__new__(StepDraws, ([draw], rows, length, None, epoch))

    def _make_order(self, epoch: int) -> _core.BucketSequence:
        key = _core.random_bits(self._seed, purpose("lengths"), epoch)
        table = _core.sample_cycles(self._steps, self._odds, self._cycles, key)
        return _core.BucketSequence(table, len(self.source_buckets))
