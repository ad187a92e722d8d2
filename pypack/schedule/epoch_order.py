"""The order of a loader without a schedule: epochs of one source."""

from __future__ import annotations

import bisect
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pypack import _core
from pypack.schedule.curriculum import odds_of
from pypack.schedule.order import Draw, StepDraws, part_of, purpose, rows_of_batch, source_buckets
from pypack.schedule.schedule import Curriculum
from pypack.schedule.tails import ResumedEpochs, Tail, Visits, WholeEpochs, visits
from pypack.schedule.tails import resumed as step_of_row
from pypack.source.source import Source


class Resumed(NamedTuple):
    """A step that goes on within an epoch as no step of the plain order does.

    Attributes:
        step: the first step that the order can give.
        epoch: the epoch that it is of.
        rows: of each row length, the shortest first, sequences of the epoch that were given out before.
        parts: of each row length, sequences that the epoch gives one after another: those there were, and
            those by which the store has grown since, each time. Empty: one part of all.
    """

    step: int
    epoch: int
    rows: tuple[int, ...]
    parts: tuple[tuple[int, ...], ...] = ()


class EpochOrder:
    """Epochs of one source: each gives every sequence once, in steps of one row length each.

    Args:
        tail: see `pypack.schedule.tails`.
        shuffle: False: the row lengths come as they stand in the plan, not mixed.
        resumed: where it goes on since its batch size changed, or its store has grown.
        sizes: only the first so many sequences of each row length, of a plan that has grown since.

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
        sizes: Mapping[int, int] | None = None,
    ) -> None:
        self._arguments: dict[str, Any] = {
            "name": name,
            "source": source,
            "seed": seed,
            "epochs": epochs,
            "tail": tail,
            "curriculum": curriculum,
            "cycles": cycles,
        }
        buckets = source_buckets({name: source}, seed)
        if sizes is not None:
            buckets = [part_of(one, 0, sizes[one.length]) for one in buckets if sizes.get(one.length)]
        self._buckets = self.source_buckets = buckets
        if not buckets:
            raise ValueError(f"{source.plan!r} has no sequences to load")
        if batch_sequences is not None and len(buckets) > 1:
            raise ValueError(
                f"the plan has rows of {len(buckets)} lengths: give batch_tokens, which every step keeps to"
            )
        self._seed, self._epochs, self._tail = seed, epochs, tail
        self._rows = [rows_of_batch(batch_tokens, batch_sequences, bucket.length) for bucket in buckets]
        plain = [visits(tail, bucket.size, rows) for bucket, rows in zip(buckets, self._rows, strict=True)]
        self._visits: list[Visits] = [*plain]
        self._resumed: list[ResumedEpochs] = []
        self.first_step = 0
        self.steps_per_epoch = self.first(1)
        if resumed is not None:
            self._go_on(resumed, tail)
        if not self.steps_per_epoch:
            raise ValueError(
                f"the plan has fewer sequences than a global batch ({buckets[0].size} and {self._rows[0]} "
                f"of length {buckets[0].length}), and tail='drop' would drop them all; make the batch "
                "smaller or use tail='pad'"
            )
        self.dropped_sequences = sum(bucket.dropped for bucket in self._visits)
        self._curriculum = curriculum
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

    def _go_on(self, resumed: Resumed, tail: Tail) -> None:
        """Takes the place of a run that was of other batches, or of fewer sequences.

        Raises:
            ValueError: it is of other row lengths, or of more sequences.
        """
        buckets = self._buckets
        parts = resumed.parts or tuple((bucket.size,) for bucket in buckets)
        if len(resumed.rows) != len(buckets) or len(parts) != len(buckets):
            raise ValueError(f"the state is of {len(resumed.rows)} row lengths, the plan of {len(buckets)}")
        for bucket, row, sizes in zip(buckets, resumed.rows, parts, strict=True):
            # With "wrap" a length may stand in the next epoch already.
            if sum(sizes) != bucket.size or row > bucket.size * (1 + (tail == "wrap")):
                raise ValueError(
                    f"the state is of {sum(sizes)} sequences of length {bucket.length}, the plan has "
                    f"{bucket.size}"
                )
        epoch = resumed.epoch
        going = [
            ResumedEpochs(tail, bucket.size, rows, plain.before(epoch), epoch, row, sizes)
            for bucket, rows, plain, row, sizes in zip(
                buckets, self._rows, self._visits, resumed.rows, parts, strict=True
            )
        ]
        # Only the sum of the visits is a step: the shortest rows' take what they differ by.
        begun = resumed.step - sum(one.earlier_steps for one in going)
        begun -= sum(plain.before(epoch) for plain in self._visits[1:])
        going[0] = ResumedEpochs(
            tail, buckets[0].size, self._rows[0], begun, epoch, resumed.rows[0], parts[0]
        )
        self._visits, self._resumed = [*going], going
        self.first_step = resumed.step
        # The parts of the epoch, where it has several, as buckets of their own: (bucket, rows before it).
        self._part_buckets: list[list[tuple[int, int]]] = []
        self.source_buckets = list(buckets)
        for bucket, sizes in zip(buckets, parts, strict=True):
            numbers, before = [], 0
            for size in sizes:
                if size and size < bucket.size:
                    numbers.append((len(self.source_buckets), before))
                    self.source_buckets.append(part_of(bucket, before, size))
                before += size
            self._part_buckets.append(numbers)

    def check_known(self, step: int) -> None:
        if step < self.first_step:
            raise ValueError(
                f"step {step} came before step {self.first_step}, from which on the loader has this batch "
                "size, or this store: what the steps before it drew, the loader with the earlier one tells"
            )

    @property
    def num_steps(self) -> int | None:
        return None if self._epochs is None else self.first(self._epochs)

    def first(self, epoch: int) -> int:
        """The first step of an epoch: the one after those that began before it."""
        return max(0, sum(bucket.before(epoch) for bucket in self._visits))

    def pass_of(self, step: int) -> int:
        if self._even:
            return step // self.steps_per_epoch
        # Of an epoch without a step of its own, which the one before has given whole, the later one.
        if self._endless:
            above = (step + 1) * self._rows[0] // self._buckets[0].size + 2
        else:
            above = step // self.steps_per_epoch + 2
        if self._resumed:  # earlier epochs may have had fewer steps
            above += self._resumed[0].epoch
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
            slots(rows) * bucket.length for rows, bucket in zip(self._rows, self._buckets, strict=True)
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
        if self._resumed and self._part_buckets[bucket]:
            draws = self._by_parts(draws)
        return tuple.__new__(StepDraws, (draws, rows, length, None, draws[0][1], rows))

    def _by_parts(self, draws: list[Draw]) -> list[Draw]:
        """Draws of an epoch that gives a bucket part by part, of the buckets of the parts."""
        out = []
        for bucket, epoch, start, count in draws:
            if epoch != self._resumed[bucket].epoch:
                out.append((bucket, epoch, start, count))
                continue
            for number, before in self._part_buckets[bucket]:
                begin = max(0, start - before)
                end = min(start + count - before, self.source_buckets[number].size)
                if begin < end:
                    out.append((number, epoch, begin, end - begin))
        return out

    def _make_order(self, epoch: int) -> _core.BucketSequence:
        n = len(self._rows)
        if self._resumed and epoch == self._resumed[0].epoch:
            # What came before it goes on has no order here, but its steps are counted.
            tables = [np.repeat(np.arange(n, dtype=np.uint8), [one.earlier_steps for one in self._resumed])]
            for part in range(1 if self._endless else len(self._resumed[0].parts)):
                steps = [one.steps_of_part(part) for one in self._resumed]
                sizes = [sum(one.parts) if self._endless else one.parts[part] for one in self._resumed]
                table = self._table([whole for whole, _ in steps], sizes, epoch, part)
                tables.append(_last_of_each(table, [rest for _, rest in steps]))
            return _core.BucketSequence(np.concatenate(tables), n)
        whole = [bucket.before(epoch + 1) - bucket.before(epoch) for bucket in self._visits]
        sizes = [bucket.size for bucket in self._buckets]
        return _core.BucketSequence(self._table(whole, sizes, epoch, 0), n)

    def _table(self, steps: list[int], sizes: list[int], epoch: int, part: int) -> NDArray[np.uint8]:
        """The bucket of each step of an epoch, or of a part of it, which has so many steps and sequences of
        each."""
        if self._in_plan_order:
            return np.repeat(np.array(self._plan_order, np.uint8), [steps[i] for i in self._plan_order])
        names = ("lengths", part) if part else ("lengths",)
        key = _core.random_bits(self._seed, purpose(*names), epoch)
        present = [number for number, size in enumerate(sizes) if size]
        if len(present) == len(sizes):
            return _core.sample_cycles(steps, self._odds, self._cycles, key)
        # As a plan has it that knows no other lengths.
        odds = [self._odds[number] for number in present]
        if not isinstance(self._curriculum, Mapping):
            odds = odds_of(self._curriculum, [self._buckets[number].length for number in present])
        table = _core.sample_cycles([steps[number] for number in present], odds, self._cycles, key)
        return np.array(present, np.uint8)[table]

    def as_it_was(
        self,
        batch_tokens: int | None,
        batch_sequences: int | None,
        sizes: Mapping[int, int] | None,
        resumed: Resumed | None,
    ) -> EpochOrder:
        """The order with another global batch, or of fewer sequences, as it was before a change.

        Raises:
            ValueError: there can be none.
        """
        size: dict[str, Any] = {"batch_tokens": batch_tokens, "batch_sequences": batch_sequences}
        return EpochOrder(**self._arguments, **size, sizes=sizes, resumed=resumed)

    def step_of(self, epoch: int, rows: Sequence[int], parts: Sequence[Sequence[int]]) -> tuple[int, bool]:
        """The step before which so many sequences of each row length of an epoch are given out, where it
        gives them in these parts; and whether there is one: else the first before which at least as many are.
        """
        if not self._several:
            return step_of_row(self._tail, self._buckets[0].size, self._rows[0], epoch, rows[0])
        places = zip(self._buckets, self._rows, rows, parts, strict=True)
        given = [
            ResumedEpochs(self._tail, bucket.size, full, 0, epoch, row, sizes).earlier_steps
            for bucket, full, row, sizes in places
        ]
        return self.first(epoch) + sum(given), not any(rows)

    def place(self, step: int) -> tuple[int, dict[int, int], dict[int, tuple[int, ...]]]:
        """What of which epoch is given out before a step: the epoch that the step is of, and of each row
        length the sequences before it, and the parts of the epoch."""
        epoch = self.pass_of(step) if self._several else self._visits[0].draws(step)[0][0]
        turn = step - self.first(epoch)
        rows: dict[int, int] = {}
        parts: dict[int, tuple[int, ...]] = {}
        for number, (bucket, going) in enumerate(zip(self._buckets, self._visits, strict=True)):
            visit = step
            if self._several:
                visit = going.before(epoch) + self._order_of(epoch).visits(turn, number)
            done = self._several and visit >= going.before(epoch + 1)
            if done and not self._endless:
                rows[bucket.length] = bucket.size
            else:
                of, row = going.draws(visit)[0][:2]
                rows[bucket.length] = row + bucket.size * (of - epoch)
            parts[bucket.length] = (bucket.size,)
            if self._resumed and epoch == self._resumed[number].epoch:
                parts[bucket.length] = self._resumed[number].parts
        return epoch, rows, parts


def _last_of_each(table: NDArray[np.uint8], counts: list[int]) -> NDArray[np.uint8]:
    """The table with only the last so many of each value."""
    kept = np.zeros(len(table), np.bool_)
    for value, count in enumerate(counts):
        places = np.flatnonzero(table == value)
        kept[places[len(places) - count :]] = True
    return table[kept]
