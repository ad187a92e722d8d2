"""What a run draws at each step: rows, their length, and from which bucket of which source each comes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, Protocol

from pypack import _core
from pypack._common.fingerprint import text_key
from pypack.source.source import Source

Draw = tuple[int, int, int, int]  # source bucket, epoch, start, count


class StepDraws(NamedTuple):
    """One step's global batch.

    Attributes:
        draws: (bucket, epoch, start, count) of what is drawn, in order.
        slots: rows of the batch; those after the draws are empty.
        row_length: tokens of a row.
        shuffle_key: key of the order of the slots; None: as drawn.
        epoch: the lowest epoch of the draws.
        scale_rows: rows of a batch of the length that the learning rate is scaled for.
    """

    draws: list[Draw]
    slots: int
    row_length: int
    shuffle_key: int | None
    epoch: int
    scale_rows: int


@dataclasses.dataclass(frozen=True)
class SourceBucket:
    """The sequences of one row length of one source; its position in `Order.source_buckets` is its number."""

    source: int  # number of the source
    plan: int  # number of its plan among those of all sources
    length: int
    ranges: list[tuple[int, int]]
    size: int
    key: int


class Order(Protocol):
    """The order of a loader: a pure function of the step."""

    source_buckets: list[SourceBucket]
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

    def pass_of(self, step: int) -> int:
        """The number of that pass."""

    def pass_first(self, number: int) -> int:
        """The first step of a pass, by its number."""

    def pass_length(self, step: int) -> int:
        """Steps of the pass that a step belongs to; of the last one, where the run is over."""

    def at(self, step: int) -> StepDraws:
        """What a step draws. The caller checks that the step exists."""

    def batch_rows(self) -> set[int]:
        """Numbers of rows that a global batch can have."""

    def visit_rows(self) -> Iterator[tuple[int, int]]:
        """Of every row length, or phase and row length: rows of the full batch, and of the smallest."""

    def most_items(self, slots: Callable[[int], int]) -> int:
        """Items of the largest batch, whose rows `slots` may change."""


def purpose(*names: object) -> int:
    """A name as a key for randomness: by content, so that other sources do not change it."""
    return text_key("\0".join(map(str, names)))


def source_buckets(sources: Mapping[str, Source], seed: int) -> list[SourceBucket]:
    """The buckets of all sources, by source and row length."""
    buckets = []
    first_plan = 0
    for number, (name, source) in enumerate(sources.items()):
        for length, plan in source.lengths.items():
            key = _core.random_bits(seed, purpose("sequences", name, length), 0)
            ranges, size = source.ranges(length), source.num_sequences(length)
            buckets.append(SourceBucket(number, first_plan + plan, length, ranges, size, key))
        first_plan += len(source.plans)
    return buckets


def first_sequences(ranges: list[tuple[int, int]], start: int, count: int) -> list[tuple[int, int]]:
    """So many of the sequences of some ranges, from one of them on."""
    out = []
    for first, size in ranges:
        begin, end = max(start, 0), min(start + count, size)
        if begin < end:
            out.append((first + begin, end - begin))
        start -= size
    return out


def part_of(bucket: SourceBucket, start: int, count: int) -> SourceBucket:
    """A bucket of some of the sequences of another, in the order of draws of its own."""
    return dataclasses.replace(bucket, ranges=first_sequences(bucket.ranges, start, count), size=count)


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
        return _countable("batch_sequences", batch_sequences, batch_sequences)
    assert batch_tokens is not None
    if batch_tokens < length or batch_tokens % length:
        nearest = max(length, round(batch_tokens / length) * length)
        raise ValueError(
            f"batch_tokens={batch_tokens} is no multiple of the sequence length {length}; the nearest is "
            f"{nearest}"
        )
    return _countable("batch_tokens", batch_tokens, batch_tokens // length)


def _countable(name: str, value: int, rows: int) -> int:
    if rows >= 2**31:
        raise ValueError(f"{name}={value} makes a global batch of {rows} sequences: at most 2**31 - 1 can be")
    return rows
