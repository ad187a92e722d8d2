"""Steps that a run leaves out, as where a loss jumped: its order without them, and their log."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pypack._common.arguments import whole_number
from pypack.schedule.epoch_order import EpochOrder
from pypack.schedule.order import StepDraws
from pypack.schedule.schedule_order import ScheduleOrder

Stretch = tuple[int, int]  # the first step, and the one after the last


class Skips:
    """Stretches of steps that are left out, counted as in the run that leaves out none; None of them touch.

    `plain` and `here` turn the number of a step into that of the run without skips, and back.

    Args:
        stretches: in any order; they may overlap.

    Raises:
        ValueError: a stretch is no two whole numbers that rise from 0 on.
    """

    def __init__(self, stretches: Iterable[Iterable[int]] = ()) -> None:
        merged: list[list[int]] = []
        for first, stop in sorted(_checked(stretch) for stretch in stretches):
            if merged and first <= merged[-1][1]:
                merged[-1][1] = max(stop, merged[-1][1])
            else:
                merged.append([first, stop])
        self.stretches: list[Stretch] = [(first, stop) for first, stop in merged]
        self._sums = [0, *itertools.accumulate(stop - first for first, stop in self.stretches)]
        self._begins = [
            first - before for (first, _), before in zip(self.stretches, self._sums, strict=False)
        ]

    def __bool__(self) -> bool:
        return bool(self.stretches)

    def __eq__(self, other: object) -> bool:
        return self.stretches == other.stretches if isinstance(other, Skips) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self.stretches))

    def __repr__(self) -> str:
        return f"Skips({self.stretches})"

    def plain(self, step: int) -> int:
        """The step of the run without skips that comes as this one."""
        return step + self._sums[bisect.bisect_right(self._begins, step)]

    def here(self, plain: int) -> int:
        """The number of the first step from `plain` on that is not left out."""
        number = bisect.bisect_right(self.stretches, plain, key=lambda stretch: stretch[0])
        if not number:
            return plain
        first, stop = self.stretches[number - 1]
        return plain - self._sums[number - 1] - (min(plain, stop) - first)

    def within(self, first: int, stop: int | None = None) -> Skips:
        """What is left out of a stretch of plain steps."""
        ends = [(max(first, a), b if stop is None else min(b, stop)) for a, b in self.stretches]
        return Skips((a, b) for a, b in ends if a < b)

    def joined(self, other: Skips) -> Skips:
        """What either leaves out."""
        return Skips([*self.stretches, *other.stretches])

    def without(self, other: Skips) -> Skips:
        """What is left out here, and not by the other."""
        left = self.stretches
        for a, b in other.stretches:
            parts = [((first, min(stop, a)), (max(first, b), stop)) for first, stop in left]
            left = [(first, stop) for first, stop in itertools.chain(*parts) if first < stop]
        return Skips(left)


def _checked(stretch: Any) -> Stretch:
    try:
        first, stop = (whole_number("a step of skip", step) for step in stretch)
    except (TypeError, ValueError) as error:
        raise ValueError(f"skip is a list of (first step, step after the last), got {stretch!r}") from error
    if not 0 <= first < stop:
        raise ValueError(f"skip=({first}, {stop}): the steps must rise, from 0 on")
    return first, stop


class SkippingOrder:
    """An order without the steps that are left out; the others move up, so that there is no gap.

    Args:
        plain: the order of all steps.
        skips: which are left out.
    """

    def __init__(self, plain: EpochOrder | ScheduleOrder, skips: Skips) -> None:
        self.plain, self.skips = plain, skips
        self.source_buckets = plain.source_buckets
        self.longest, self.rows_of_longest = plain.longest, plain.rows_of_longest

    @property
    def first_step(self) -> int:
        return self.skips.here(self.plain.first_step)

    def check_known(self, step: int) -> None:
        self.plain.check_known(self.skips.plain(step))

    @property
    def num_steps(self) -> int | None:
        return None if self.plain.num_steps is None else self.skips.here(self.plain.num_steps)

    def pass_of(self, step: int) -> int:
        return self.plain.pass_of(self.skips.plain(step))

    def pass_first(self, number: int) -> int:
        return self.skips.here(self.plain.pass_first(number))

    def pass_start(self, step: int) -> int:
        return self.skips.here(self.plain.pass_start(self.skips.plain(step)))

    def pass_end(self, step: int) -> int:
        if self.num_steps is not None and step >= self.num_steps:
            return step
        return self.skips.here(self.plain.pass_end(self.skips.plain(step)))

    def pass_length(self, step: int) -> int:
        """Steps of the pass that a step belongs to; of the last one, where the run is over."""
        if self.num_steps is not None:
            step = min(step, self.num_steps - 1)
        return self.pass_end(step) - self.pass_start(step)

    def at(self, step: int) -> StepDraws:
        return self.plain.at(self.skips.plain(step))

    def batch_rows(self) -> set[int]:
        return self.plain.batch_rows()

    def visit_rows(self) -> Iterator[tuple[int, int]]:
        return self.plain.visit_rows()

    def most_items(self, slots: Callable[[int], int]) -> int:
        return self.plain.most_items(slots)
