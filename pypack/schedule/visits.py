"""The steps of the phases of a run, and how often each row length has come before them."""

from __future__ import annotations

import bisect
from collections.abc import Sequence

from pypack.schedule.phase_order import PhaseOrder


class Visits:
    """The phases of a schedule, end to end. A step with rows of some length is a visit of that length, and is
    counted from the first step of the run on.

    Args:
        phases: at least one.

    Attributes:
        starts: the first step of each phase, and the step after the last one.
        row_lengths: of all phases, rising.
    """

    def __init__(self, phases: Sequence[PhaseOrder]) -> None:
        self._phases = phases
        self.starts = [0]
        for phase in phases:
            self.starts.append(self.starts[-1] + phase.num_steps)
        self.row_lengths = sorted({length for phase in phases for length in phase.lengths})
        self._firsts = self._count()  # [phase][row length]

    def _count(self) -> list[list[int]]:
        """Visits of each row length of a phase before its first step."""
        now = dict.fromkeys(self.row_lengths, 0)
        firsts = []
        for phase in self._phases:
            firsts.append([now[length] for length in phase.lengths])
            for bucket, length in enumerate(phase.lengths):
                now[length] += phase.visits(phase.num_steps, bucket)
        return firsts

    def phase_of(self, step: int) -> int:
        """The number of the phase of a step; the last one of steps after the run."""
        return min(bisect.bisect_right(self.starts, step), len(self._phases)) - 1

    def at(self, step: int) -> tuple[PhaseOrder, int, int]:
        """Of a step: its phase, the position of its row length there, and the visits of that length before
        it."""
        number = self.phase_of(step)
        phase = self._phases[number]
        bucket, visit = phase.bucket(step - self.starts[number])
        return phase, bucket, self._firsts[number][bucket] + visit

    def before(self, step: int) -> dict[int, int]:
        """Visits of every row length before a step."""
        visits = dict.fromkeys(self.row_lengths, 0)
        begun = self._phases[: self.phase_of(step) + 1]
        for phase, firsts, start in zip(begun, self._firsts, self.starts, strict=False):
            at = min(step - start, phase.num_steps)
            for bucket, length in enumerate(phase.lengths):
                visits[length] = firsts[bucket] + phase.visits(at, bucket)
        return visits
