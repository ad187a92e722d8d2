"""The sequences that a source gives of its plans, by their row lengths: all of them but those left out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pypack.plan.plan import Plan


class SequencesByLength:
    """Where the sequences of each row length stand in the plans of a source.

    Args:
        plans: of different row lengths.
        left_out: int64, rising, of each plan the sequences that are not given; () or nothing but empty
            arrays: all are.

    Attributes:
        lengths: row length, rising, to the number of the plan that has sequences of it which are given.
        left_out: as given; empty if nothing is left out.

    Raises:
        ValueError: two plans have rows of one length.
    """

    def __init__(self, plans: Sequence[Plan], left_out: Sequence[NDArray[np.int64]] = ()) -> None:
        self._plans = plans
        self.left_out = list(left_out) if any(map(len, left_out)) else []
        plan_of: dict[int, int] = {}
        for number, plan in enumerate(plans):
            for length in plan.buckets:
                if plan_of.setdefault(length, number) != number:
                    raise ValueError(f"two plans of a source have rows of length {length}")
        self.lengths = plan_of
        if self.left_out:
            plan_of = {length: number for length, number in plan_of.items() if self.ranges(length)}
        self.lengths = dict(sorted(plan_of.items()))

    @property
    def leaves_out(self) -> bool:
        """Whether sequences of the plans are left out."""
        return bool(self.left_out)

    def ranges(self, length: int) -> list[tuple[int, int]]:
        """Where the sequences of a row length stand in their plan: (first, count)."""
        number = self.lengths[length]
        ranges = self._plans[number].buckets[length]
        return without(ranges, self.left_out[number]) if self.left_out else ranges


def without(ranges: list[tuple[int, int]], left_out: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Runs (first, count) of sequences, without some.

    Args:
        left_out: rising.
    """
    kept: list[tuple[int, int]] = []
    for first, count in ranges:
        begin, end = np.searchsorted(left_out, [first, first + count])
        inside = left_out[begin:end]
        starts, stops = np.append(first, inside + 1), np.append(inside, first + count)
        filled = stops > starts
        runs = zip(starts[filled].tolist(), (stops - starts)[filled].tolist(), strict=True)
        kept += runs
    return kept
