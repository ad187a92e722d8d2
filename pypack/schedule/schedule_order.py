"""A schedule over sources: what every step draws, exactly and without state."""

from __future__ import annotations

import bisect
import copy
import operator
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from pypack import _core
from pypack.schedule.drawn_places import DrawnPlaces
from pypack.schedule.drawn_places import Grown as Grown
from pypack.schedule.drawn_places import GrownSources as GrownSources
from pypack.schedule.order import Draw, StepDraws, purpose
from pypack.schedule.phase_order import PhaseOrder, Weights
from pypack.schedule.schedule import Schedule
from pypack.schedule.segments import Segments, between
from pypack.schedule.visits import Visits
from pypack.schedule.weight_log import Base, WeightLog
from pypack.source.source import Source


class _Stretch(NamedTuple):
    """The steps from one change of weights on, or from the start."""

    step: int
    streams: dict[int, _core.MixtureStream]  # by row length
    end: int  # steps of the run, as far as is known then


class ScheduleOrder:
    """The steps of a schedule.

    Each row length has a stream of rows of its own, which runs on through the phases; within it the sources
    are dealt by `_core.MixtureStream`. A step is found by its phase, its row length there, and how often that
    came before.

    Args:
        log: changes of weights. What they changed is part of the run: `changed` gives an order with others.
        grown: sources whose stores have grown within the run, before the first step of the log.

    Raises:
        ValueError: the schedule or the changes do not fit the sources; the message names the phase or step.
    """

    def __init__(
        self,
        sources: Mapping[str, Source],
        schedule: Schedule,
        *,
        batch_tokens: int | None,
        batch_sequences: int | None,
        seed: int,
        log: WeightLog | None = None,
        grown: GrownSources | None = None,
    ) -> None:
        self._places = DrawnPlaces(sources, seed, grown or {})
        self.names, self._seed = self._places.names, seed
        self.source_buckets = self._places.buckets
        self.phases = [
            PhaseOrder(
                i,
                phase,
                schedule,
                sources,
                batch_tokens=batch_tokens,
                batch_sequences=batch_sequences,
                seed=seed,
            )
            for i, phase in enumerate(schedule.phases)
        ]
        self._visits = Visits(self.phases)
        self.starts, self._row_lengths = self._visits.starts, self._visits.row_lengths
        self._num_steps = self.starts[-1]
        # What was dealt before a change of weights stays: each change begins streams of its own.
        self._stretches: list[_Stretch] = []
        self._apply(WeightLog() if log is None else log)
        self.longest = max(length for phase in self.phases for length in phase.lengths)
        self.rows_of_longest = min(
            rows
            for phase in self.phases
            for rows, length in zip(phase.rows, phase.lengths, strict=True)
            if length == self.longest
        )

    def size_of(self, name: str, length: int) -> int:
        """Sequences of a source with a row length."""
        return self._places.size_of(name, length)

    def changed(self, log: WeightLog) -> ScheduleOrder:
        """The order with another log that has the same base; what both begin with is not worked out again."""
        same = 0 if self.log.base else 1
        for mine, theirs in zip(self.log.events, log.events, strict=False):
            if mine != theirs:
                break
            same += 1
        order = copy.copy(self)
        order._stretches = self._stretches[:same]
        order._apply(log)
        return order

    def _apply(self, log: WeightLog) -> None:
        """Deals what follows the changes that have no streams yet."""
        self.log = log
        if log.base is None and not self._stretches:
            self._begin(0, None, {n: _core.MixtureStream(len(self.names)) for n in self._row_lengths})
        for step, weights in log.events[len(self._stretches) - (log.base is None) :]:
            end = self._stretches[-1].end if self._stretches else self.starts[-1]
            if not 0 <= step < end:
                raise ValueError(f"step {step} of a run of {end} steps")
            # Without weights it goes on as the schedule has it.
            self._begin(step, weights or None, self._going_on(step, log.base))
        self._num_steps = self._stretches[-1].end

    def _going_on(self, step: int, base: Base | None) -> dict[int, _core.MixtureStream]:
        """Streams that go on from a step, with all that was drawn before it."""
        visits = self._visits.before(step)
        if self._stretches:
            past = self._stretches[-1].streams
            return {n: _core.MixtureStream(past[n], visits[n]) for n in self._row_lengths}
        assert base is not None
        shape = (len(self._row_lengths), len(self.names))
        if any((len(rows), *set(map(len, rows))) != shape for rows in base):
            raise ValueError(
                f"what was drawn before step {step} must be given for {shape} lengths and sources"
            )
        return {
            n: _core.MixtureStream(drawn, ahead, visits[n])
            for n, drawn, ahead in zip(self._row_lengths, base.drawn, base.ahead, strict=True)
        }

    def base_at(self, step: int) -> Base:
        """What is drawn before a step."""
        return self._base(self._streams_at(step), step)

    def base_of(self, event: int) -> Base:
        """What was drawn before a change of weights of its log, by number."""
        step, streams, _ = self._stretches[event + (self.log.base is None)]
        return self._base(streams, step)

    def _base(self, streams: Mapping[int, _core.MixtureStream], step: int) -> Base:
        visits = self._visits.before(step)
        return Base(
            [streams[n].drawn(visits[n]) for n in self._row_lengths],
            [streams[n].ahead(visits[n]) for n in self._row_lengths],
        )

    @property
    def row_lengths(self) -> list[int]:
        """The row lengths of all phases, rising, as a `Base` counts them."""
        return self._row_lengths

    def _begin(
        self, step: int, weights: Mapping[str, float] | None, streams: dict[int, _core.MixtureStream]
    ) -> None:
        """Deals the streams of all row lengths from a step on, with other weights to the end of its phase."""
        self._num_steps = self.starts[-1]  # a source's limit may be reached at another step now
        current = self.phase_of(step)
        for number, phase in enumerate(self.phases[current:], start=current):
            first = max(0, step - self.starts[number])
            start: Weights = between(phase.start, phase.end, first / phase.num_steps)
            end: Weights = phase.end
            if weights is not None and number == current:
                total = sum(weights.values())
                start = end = {name: weights.get(name, 0.0) / total for name in self.names}
            for bucket, length in enumerate(phase.lengths):
                segments = Segments(phase, self.starts[number], bucket, streams[length], self._places)
                ends = segments.add(first, start, end)
                if ends is not None:
                    self._num_steps = min(self._num_steps, ends)
        self._stretches.append(_Stretch(step, streams, self._num_steps))

    @property
    def num_steps(self) -> int:
        return self._num_steps

    def pass_start(self, step: int) -> int:
        return 0

    def pass_end(self, step: int) -> int:
        return self._num_steps

    def pass_of(self, step: int) -> int:
        return step // max(1, self._num_steps)

    def pass_first(self, number: int) -> int:
        return number * self._num_steps

    def pass_length(self, step: int) -> int:
        return self._num_steps

    def visit_rows(self) -> Iterator[tuple[int, int]]:
        for phase in self.phases:
            yield from zip(phase.rows, phase.rows, strict=True)

    def batch_rows(self) -> set[int]:
        return {rows for phase in self.phases for rows in phase.rows}

    def most_items(self, slots: Callable[[int], int]) -> int:
        return max(
            slots(rows) * length
            for phase in self.phases
            for rows, length in zip(phase.rows, phase.lengths, strict=True)
        )

    def phase_of(self, step: int) -> int:
        """The number of the phase of a step."""
        return self._visits.phase_of(step)

    def drawn(self, step: int) -> dict[tuple[str, int], int]:
        """Sequences drawn before a step, by source and row length."""
        visits = self._visits.before(step)
        return {
            (name, length): count
            for length, stream in self._streams_at(step).items()
            for name, count in zip(self.names, stream.drawn(visits[length]), strict=True)
        }

    @property
    def first_step(self) -> int:
        """The first step of which is known what it draws."""
        return self.log.first_step

    def check_known(self, step: int) -> None:
        """Raises ValueError for a step before the first."""
        if step < self.first_step:
            raise ValueError(
                f"step {step} came before step {self.first_step}, and what it drew is not known here: the "
                "loader went on from a state, which keeps only the newest changes of weights. To give steps "
                "before them again, make the Loader with events=, the `events` of the loader that ran from "
                "the start"
            )

    def _streams_at(self, step: int) -> dict[int, _core.MixtureStream]:
        self.check_known(step)
        return self._stretches[bisect.bisect_right(self._stretches, step, key=_first_step) - 1].streams

    def at(self, step: int) -> StepDraws:
        phase, bucket, visit = self._visits.at(step)
        length, rows = phase.lengths[bucket], phase.rows[bucket]
        stream = self._streams_at(step)[length]
        draws: list[Draw] = []
        for source, (before, after) in enumerate(
            zip(stream.drawn(visit), stream.drawn(visit + 1), strict=True)
        ):
            while before < after:
                number, epoch, start = self._places.place(length, source, before)
                count = min(after - before, self.source_buckets[number].size - start)
                draws.append((number, epoch, start, count))
                before += count
        key = _core.random_bits(self._seed, _ROWS, step) if len(self.names) > 1 else None
        scale_rows = phase.scale_rows(step - self.starts[phase.number], rows)
        return StepDraws(draws, rows, length, key, min(draw[1] for draw in draws), scale_rows)


_ROWS = purpose("rows")
_first_step = operator.itemgetter(0)
