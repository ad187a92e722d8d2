"""The order of a loader without a schedule: epochs of one source."""

from __future__ import annotations

import bisect
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from pypack import _core
from pypack.schedule.curriculum import odds_of
from pypack.schedule.order import StepDraws, purpose, rows_of_batch, source_buckets
from pypack.schedule.schedule import Curriculum
from pypack.schedule.tails import ResumedEpochs, Tail, Visits, WholeEpochs, visits
from pypack.source.source import Source


class Resumed(NamedTuple):
    """A step that goes on with a row of an epoch, as no step of the plain order does."""

    step: int
    epoch: int
    row: int


class EpochOrder:
    """Epochs of one source: each gives every sequence once, in steps of one row length each.

    Args:
        tail: see `pypack.schedule.tails`.
        shuffle: False: the row lengths come as they stand in the plan, not mixed.
        resumed: of a source with rows of one length: where it goes on since its batch size changed.

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
        tail: Tail,
        curriculum: Curriculum | Mapping[int, float],
        cycles: int,
        shuffle: bool = True,
        resumed: Resumed | None = None,
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
        plain = [visits(tail, bucket.size, rows) for bucket, rows in zip(buckets, self._rows, strict=True)]
        self._visits: list[Visits] = [*plain]
        self.steps_per_epoch = self.first(1)
        self.first_step = 0
        if resumed is not None:
            self.first_step = resumed.step
            self._visits = [ResumedEpochs(plain[0], resumed.step, resumed.epoch, resumed.row, tail)]
        if not self.steps_per_epoch:
            raise ValueError(
                f"the plan has fewer sequences than a global batch ({buckets[0].size} and {self._rows[0]} "
                f"of length {buckets[0].length}), and tail='drop' would drop them all; make the batch "
                "smaller or use tail='pad'"
            )
        self.dropped_sequences = sum(bucket.dropped for bucket in self._visits)
        self._odds = odds_of(curriculum, [bucket.length for bucket in buckets])
        self._cycles = cycles
        self._several = len(buckets) > 1
        self._endless = tail == "wrap"
        self._even = tail != "wrap" and resumed is None
        self._in_plan_order = not shuffle
        # Buckets as they stand in the plans: by the place of their first sequence.
        self._plan_order = sorted(range(len(buckets)), key=lambda i: (buckets[i].plan, buckets[i].ranges[0]))
        self._drawn_buckets = [
            (rows, bucket.length, bucket_visits.draws)
            for rows, bucket, bucket_visits in zip(self._rows, buckets, self._visits, strict=True)
        ]
        # Most loaders have rows of one length in whole epochs, and are asked thousands of times a second.
        only = plain[0] if not self._several and resumed is None else None
        self._whole = (
            (only.steps, only.rows, only.size, buckets[0].length) if type(only) is WholeEpochs else None
        )
        self.longest = buckets[-1].length
        self.rows_of_longest = self._rows[-1]
        self._order_of = functools.lru_cache(maxsize=2)(self._make_order)

    def check_known(self, step: int) -> None:
        if step < self.first_step:
            raise ValueError(
                f"step {step} came before step {self.first_step}, from which on the loader has this batch "
                "size: what the steps before it drew, the loader with the earlier size tells"
            )

    @property
    def num_steps(self) -> int | None:
        return None if self._epochs is None else self.first(self._epochs)

    def first(self, epoch: int) -> int:
        """The first step of an epoch: the one after those that began before it."""
        return sum(bucket.before(epoch) for bucket in self._visits)

    def pass_of(self, step: int) -> int:
        if self._even:
            return step // self.steps_per_epoch
        # Of an epoch without a step of its own, which the one before has given whole, the later one.
        if self._endless:
            above = (step + 1) * self._rows[0] // self.source_buckets[0].size + 2
        else:
            above = step // self.steps_per_epoch + 2
        return bisect.bisect_right(range(above), step, key=self.first) - 1

    def pass_first(self, number: int) -> int:
        return self.first(number)

    def pass_start(self, step: int) -> int:
        return self.first(self.pass_of(step))

    def pass_end(self, step: int) -> int:
        if self._epochs is not None and step >= self.first(self._epochs):
            return step
        return self.first(self.pass_of(step) + 1)

    def pass_length(self, step: int) -> int:
        number = self.pass_of(step)
        if self._epochs is not None:
            number = min(number, self._epochs - 1)
        return max(1, self.first(number + 1) - self.first(number))

    @property
    def overdrawn(self) -> int:
        """Sequences of the epoch after the last that tail="wrap" fills the last steps with."""
        if self._epochs is None:
            return 0
        return sum(bucket.overdrawn(self._epochs) for bucket in self._visits)

    def visit_rows(self) -> Iterator[tuple[int, int]]:
        """Of every bucket: rows of its full batch, and of its smallest."""
        for rows, bucket in zip(self._rows, self._visits, strict=True):
            yield rows, bucket.fewest

    def batch_rows(self) -> set[int]:
        return set(self._rows)

    def most_items(self, slots: Callable[[int], int]) -> int:
        return max(
            slots(rows) * bucket.length for rows, bucket in zip(self._rows, self.source_buckets, strict=True)
        )

    def at(self, step: int) -> StepDraws:
        if self._whole is not None:
            steps, rows, size, length = self._whole
            epoch = step // steps
            start = (step - epoch * steps) * rows
            left = size - start
            draw = (0, epoch, start, rows if rows < left else left)
            # Past the constructor of the named tuple: it takes longer than all the rest.
            return tuple.__new__(StepDraws, ([draw], rows, length, None, epoch, rows))
        if step < self.first_step:
            self.check_known(step)
        bucket, visit = 0, step
        if self._several:
            epoch = self.pass_of(step)
            order, turn = self._order_of(epoch), step - self.first(epoch)
            bucket = order.bucket(turn)
            visit = self._visits[bucket].before(epoch) + order.visits(turn, bucket)
        rows, length, drawn = self._drawn_buckets[bucket]
        draws = [(bucket, epoch, start, count) for epoch, start, count in drawn(visit)]
        return tuple.__new__(StepDraws, (draws, rows, length, None, draws[0][1], rows))

    def _make_order(self, epoch: int) -> _core.BucketSequence:
        steps = [bucket.before(epoch + 1) - bucket.before(epoch) for bucket in self._visits]
        if self._in_plan_order:
            table = np.repeat(np.array(self._plan_order, np.uint8), [steps[i] for i in self._plan_order])
        else:
            key = _core.random_bits(self._seed, purpose("lengths"), epoch)
            table = _core.sample_cycles(steps, self._odds, self._cycles, key)
        return _core.BucketSequence(table, len(self.source_buckets))
