"""ShapeCycle: row lengths in cycles of two rates."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pypack._common.arguments import make_whole, whole_number


@dataclasses.dataclass(frozen=True)
class ShapeCycle:
    """Row lengths in cycles of two rates at a constant number of tokens a step (Multigrid, arXiv 1912.00998).

    A phase runs `long_cycles` times through `long`, each time a stretch of steps per length; within a stretch
    the lengths are, step by step, the long one divided by each of `short` in turn. `multigrid` has the
    numbers of the paper. The learning rate is scaled by the long cycle alone: `PackedBatch.rows_ratio`.

    Attributes:
        long: row lengths of the slow cycle.
        short: divisors of the fast cycle; or such divisors for each of the long lengths.
        long_cycles: how often the slow cycle runs in the phase.
    """

    long: Sequence[int]
    short: Sequence[int] | Sequence[Sequence[int]] = (4, 2, 1)
    long_cycles: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "long", _whole_numbers("long", self.long))
        object.__setattr__(self, "short", _divisors(self.short))
        make_whole(self, "long_cycles")
        if not self.long or not self.short or self.long_cycles < 1:
            raise ValueError("a ShapeCycle needs lengths, divisors, and at least one long cycle")
        if any(isinstance(one, tuple) for one in self.short) and len(self.short) != len(self.long):
            raise ValueError(
                f"a ShapeCycle of {len(self.long)} long lengths has divisors for {len(self.short)} of them"
            )
        for length, divisors in zip(self.long, self._short_of_each, strict=True):
            for divisor in divisors:
                if length < 1 or divisor < 1 or length % divisor:
                    raise ValueError(f"the length {length} is not divisible by {divisor}")

    @classmethod
    def multigrid(cls, length: int, long_cycles: int = 1) -> ShapeCycle:
        """The cycles of the paper's table for a full length: batches of [16, 8, 8], [8, 4, 4], [8, 4, 2] and
        [4, 2, 1] times the rows of the full length.

        Args:
            length: row length at the end, a multiple of 16.
            long_cycles: as for `ShapeCycle`.
        """
        length = whole_number("length", length)
        long = [length // 8, length // 4, length // 2, length]
        if length < 16 or length % 16:
            raise ValueError(f"length must be a multiple of 16, got {length}")
        return cls(long, [(2, 1, 1), (2, 1, 1), (4, 2, 1), (4, 2, 1)], long_cycles)

    @property
    def _short_of_each(self) -> list[tuple[int, ...]]:
        """The divisors of each long length."""
        each = [one for one in self.short if isinstance(one, tuple)]
        return each or [tuple(one for one in self.short if isinstance(one, int))] * len(self.long)

    @property
    def lengths(self) -> list[int]:
        """All row lengths, rising."""
        pairs = zip(self.long, self._short_of_each, strict=True)
        return sorted({length // divisor for length, divisors in pairs for divisor in divisors})

    def long_lengths_of_steps(self, num_steps: int) -> NDArray[np.int64]:
        """The length of the slow cycle at every step of a phase, int64 [num_steps]."""
        lengths: NDArray[np.int64] = np.array(self.long)[self._long_of_steps(num_steps)]
        return lengths

    def _long_of_steps(self, num_steps: int) -> NDArray[np.int64]:
        stretches = np.arange(num_steps) * (len(self.long) * self.long_cycles) // num_steps
        return stretches % len(self.long)

    def lengths_of_steps(self, num_steps: int) -> NDArray[np.int64]:
        """The row length of every step of a phase, int64 [num_steps]."""
        steps, chosen = np.arange(num_steps), self._long_of_steps(num_steps)
        lengths = np.array(self.long)[chosen]
        for number, divisors in enumerate(self._short_of_each):
            mine = chosen == number
            lengths[mine] //= np.array(divisors)[steps[mine] % len(divisors)]
        return lengths


def _whole_numbers(name: str, values: Sequence[int]) -> tuple[int, ...]:
    return tuple(whole_number(f"{name} of a ShapeCycle", value) for value in values)


def _divisors(short: Sequence[int] | Sequence[Sequence[int]]) -> tuple[int | tuple[int, ...], ...]:
    each: list[Any] = list(short)
    of_each = [one for one in each if isinstance(one, Sequence) or getattr(one, "ndim", 0) > 0]
    if not of_each:
        return _whole_numbers("short", each)
    if len(of_each) != len(each) or not all(len(one) for one in of_each):
        raise ValueError("short of a ShapeCycle is divisors, or divisors for each long length")
    return tuple(_whole_numbers("short", one) for one in of_each)
