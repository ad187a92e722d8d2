"""What a run draws at each step: rows, their length, and from which pool of sequences each comes."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from pypack import _core
from pypack.source import Source

Draw = tuple[int, int, int, int]  # pool, epoch, start, count


class StepDraws(NamedTuple):
    """One step's global batch.

    Attributes:
        draws: (pool, epoch, start, count) of what is drawn, in order.
        slots: rows of the batch; those after the draws are empty.
        row_length: tokens of a row.
        shuffle_key: key of the order of the slots; None: as drawn.
        epoch: the lowest epoch of the draws.
    """

    draws: list[Draw]
    slots: int
    row_length: int
    shuffle_key: int | None
    epoch: int


@dataclasses.dataclass(frozen=True)
class PoolSpec:
    """The sequences of one row length of one source; its position in `Run.pools` is its number."""

    source: int  # number of the source
    plan: int  # number of its plan among those of all sources
    length: int
    ranges: list[tuple[int, int]]
    size: int
    key: int


class Run(Protocol):
    """The order of a loader: a pure function of the step."""

    pools: list[PoolSpec]
    longest: int
    rows_of_longest: int

    @property
    def first_step(self) -> int:
        """The first step of which is known what it draws."""

    def check_known(self, step: int) -> None:
        """Raises ValueError for a step before that one."""

    @property
    def num_steps(self) -> int | None:
        """Steps of the run; None: endless."""

    def pass_end(self, step: int) -> int:
        """The step after the last of the pass over the loader that `step` belongs to."""

    def pass_start(self, step: int) -> int:
        """The first step of that pass."""

    def at(self, step: int) -> StepDraws:
        """What a step draws. The caller checks that the step exists."""

    def batch_rows(self) -> set[int]:
        """Numbers of rows that a global batch can have."""

    def most_items(self, slots: Callable[[int], int]) -> int:
        """Items of the largest batch, whose rows `slots` may change."""


def purpose(*names: object) -> int:
    """A name as a key for randomness: by content, so that other sources do not change it."""
    text = "\0".join(map(str, names))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def make_pools(sources: Mapping[str, Source], seed: int) -> list[PoolSpec]:
    """The pools of all sources, by source and row length."""
    pools = []
    first_plan = 0
    for number, (name, source) in enumerate(sources.items()):
        for length, plan in source.lengths.items():
            key = _core.random_bits(seed, purpose("sequences", name, length), 0)
            ranges, size = source.ranges(length), source.num_sequences(length)
            pools.append(PoolSpec(number, first_plan + plan, length, ranges, size, key))
        first_plan += len(source.plans)
    return pools


def rows_of_batch(batch_tokens: int | None, batch_sequences: int | None, length: int) -> int:
    """Rows of a global batch of rows of one length.

    Raises:
        ValueError: the tokens are no multiple of the length, or the size is not given once.
    """
    if (batch_tokens is None) == (batch_sequences is None):
        raise ValueError("give either batch_tokens or batch_sequences, the size of one step over all ranks")
    if batch_sequences is not None:
        if batch_sequences < 1:
            raise ValueError(f"batch_sequences must be at least 1, got {batch_sequences}")
        return batch_sequences
    assert batch_tokens is not None
    if batch_tokens < length or batch_tokens % length:
        nearest = max(length, round(batch_tokens / length) * length)
        raise ValueError(
            f"batch_tokens={batch_tokens} is no multiple of the sequence length {length}; the nearest is "
            f"{nearest}"
        )
    return batch_tokens // length


def odds_of(curriculum: str | Mapping[int, float], lengths: list[int]) -> list[int]:
    """Odds of the lengths, shortest first, as whole numbers below 2^40; all 0 for "natural".

    Raises:
        ValueError: odds are given for other lengths.
    """
    n = len(lengths)
    if isinstance(curriculum, Mapping):
        if sorted(curriculum) != lengths:
            raise ValueError(f"the odds are for lengths {sorted(curriculum)}, the sources have {lengths}")
        largest = max(curriculum.values())
        return [max(1, round(curriculum[length] / largest * 2**40)) for length in lengths]
    ratio = {"uniform": 1, "grow-p2": 2, "grow-p100": 100, "shrink-p100": 100, "natural": 0}.get(curriculum)
    if curriculum == "grow-linear":
        return list(range(n, 0, -1))
    assert ratio is not None
    if ratio < 2:
        return [ratio] * n
    powers = [float(ratio) ** i for i in range(n)]
    odds = [max(1, round(power / powers[-1] * 2**40)) for power in powers]
    return odds if curriculum == "shrink-p100" else odds[::-1]


class EpochRun:
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
        self.pools = make_pools({name: source}, seed)
        if not self.pools:
            raise ValueError(f"{source.plan!r} has no sequences to load")
        if batch_sequences is not None and len(self.pools) > 1:
            raise ValueError(
                f"the plan has rows of {len(self.pools)} lengths: give batch_tokens, which every step keeps "
                "to"
            )
        self._seed = seed
        self._epochs = epochs
        self._rows = [rows_of_batch(batch_tokens, batch_sequences, pool.length) for pool in self.pools]
        self._steps = [
            -(-pool.size // rows) if tail == "pad" else pool.size // rows
            for pool, rows in zip(self.pools, self._rows, strict=True)
        ]
        self.steps_per_epoch = sum(self._steps)
        if not self.steps_per_epoch:
            raise ValueError(
                f"the plan has fewer sequences than a global batch ({self.pools[0].size} and {self._rows[0]} "
                f"of length {self.pools[0].length}), and tail='drop' would drop them all; make the batch "
                "smaller or use tail='pad'"
            )
        self.dropped_sequences = sum(
            pool.size - rows * steps if tail == "drop" else 0
            for pool, rows, steps in zip(self.pools, self._rows, self._steps, strict=True)
        )
        self._odds = odds_of(curriculum, [pool.length for pool in self.pools])
        self._cycles = cycles
        self._several = len(self.pools) > 1
        self._buckets = [
            (rows, pool.size, pool.length) for rows, pool in zip(self._rows, self.pools, strict=True)
        ]
        self.longest = self.pools[-1].length
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
        return max(slots(rows) * pool.length for rows, pool in zip(self._rows, self.pools, strict=True))

    def at(self, step: int) -> StepDraws:
        epoch = step // self.steps_per_epoch
        turn = step - epoch * self.steps_per_epoch
        bucket = 0
        if self._several:
            order = self._order_of(epoch)
            bucket = order.bucket(turn)
            turn = order.visits(turn, bucket)
        rows, size, length = self._buckets[bucket]
        start = turn * rows
        left = size - start
        draw = (bucket, epoch, start, rows if rows < left else left)
        # Past the constructor of the named tuple: this is asked for every batch.
        return tuple.__new__(StepDraws, ([draw], rows, length, None, epoch))

    def _make_order(self, epoch: int) -> _core.BucketSequence:
        key = _core.random_bits(self._seed, purpose("lengths"), epoch)
        table = _core.sample_cycles(self._steps, self._odds, self._cycles, key)
        return _core.BucketSequence(table, len(self.pools))
