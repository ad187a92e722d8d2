"""A schedule over sources: what every step draws, exactly and without state."""

from __future__ import annotations

import bisect
import copy
import operator
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from pypack import _core
from pypack.schedule.order import Draw, StepDraws, part_of, purpose, source_buckets
from pypack.schedule.phase_order import PhaseOrder
from pypack.schedule.schedule import Schedule
from pypack.schedule.weight_log import Base, WeightLog
from pypack.source.source import Source


class Grown(NamedTuple):
    """How a source's sequences of a row length come since its store has grown within a run.

    Attributes:
        begun: sequences that were drawn before the epoch.
        epoch: the one that was under way; every later one gives all sequences mixed.
        parts: sequences that it gives one after another: those that there were, and those that were added.
    """

    begun: int
    epoch: int
    parts: tuple[int, ...]


GrownSources = Mapping[tuple[str, int], Grown]  # by name and row length


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
        self._sources, self._seed = sources, seed
        self.names = list(sources)
        self.source_buckets = source_buckets(sources, seed)
        self._number_of = {(bucket.length, bucket.source): i for i, bucket in enumerate(self.source_buckets)}
        self._grown: dict[tuple[int, int], tuple[Grown, list[int]]] = {}
        for (name, length), one in (grown or {}).items():
            self._add_parts(name, length, one)
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
        self.starts = [0]
        for phase in self.phases:
            self.starts.append(self.starts[-1] + phase.num_steps)
        self._num_steps = self.starts[-1]
        self._first_visits = self._count_visits()  # [phase][row length], in its stream
        self._row_lengths = sorted({length for phase in self.phases for length in phase.lengths})
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

    def _add_parts(self, name: str, length: int, grown: Grown) -> None:
        """Buckets of their own for the parts of an epoch.

        Raises:
            ValueError: the source has other sequences than the parts.
        """
        place = (length, self.names.index(name) if name in self.names else -1)
        if place not in self._number_of or sum(grown.parts) != self.size_of(name, length):
            raise ValueError(
                f"source {name!r} has not grown to {sum(grown.parts)} sequences of {length} tokens"
            )
        number, numbers, before = self._number_of[place], [], 0
        bucket = self.source_buckets[number]
        for size in grown.parts:
            if size == bucket.size:
                numbers.append(number)
            else:
                numbers.append(len(self.source_buckets))
                self.source_buckets.append(part_of(bucket, before, size))
            before += size
        self._grown[place] = grown, numbers

    def size_of(self, name: str, length: int) -> int:
        """Sequences of a source with a row length."""
        number = self._number_of.get((length, self.names.index(name)))
        return 0 if number is None else self.source_buckets[number].size

    def _place(self, length: int, source: int, drawn: int) -> tuple[int, int, int]:
        """Bucket, epoch and place in it of the sequence that comes after so many of a source."""
        number = self._number_of[length, source]
        begun = first = 0
        if (found := self._grown.get((length, source))) is not None:
            grown, numbers = found
            start = drawn - grown.begun
            for part, size in zip(numbers, grown.parts, strict=True):
                if start < size:
                    return part, grown.epoch, start
                start -= size
            begun, first = drawn - start, grown.epoch + 1
        epoch, start = divmod(drawn - begun, self.source_buckets[number].size)
        return number, first + epoch, start

    def _count_visits(self) -> list[list[int]]:
        now: dict[int, int] = {}
        firsts = []
        for phase in self.phases:
            firsts.append([now.get(length, 0) for length in phase.lengths])
            for bucket, length in enumerate(phase.lengths):
                now[length] = now.get(length, 0) + phase.visits(phase.num_steps, bucket)
        return firsts

    def _visits_before(self, step: int) -> dict[int, int]:
        """Visits of every row length before a step."""
        number = self.phase_of(step)
        visits = dict.fromkeys(self._row_lengths, 0)
        for phase, firsts, start in zip(
            self.phases[: number + 1], self._first_visits, self.starts, strict=False
        ):
            at = min(step - start, phase.num_steps)
            for bucket, length in enumerate(phase.lengths):
                visits[length] = firsts[bucket] + phase.visits(at, bucket)
        return visits

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
        visits = self._visits_before(step)
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
        streams, visits = self._streams_at(step), self._visits_before(step)
        return Base(
            [streams[n].drawn(visits[n]) for n in self._row_lengths],
            [streams[n].ahead(visits[n]) for n in self._row_lengths],
        )

    @property
    def row_lengths(self) -> list[int]:
        """The row lengths of all phases, rising, as a `Base` counts them."""
        return self._row_lengths

    def base_of(self, event: int) -> Base:
        """What was drawn before a change of weights of its log, by number."""
        step, streams, _ = self._stretches[event + (self.log.base is None)]
        visits = self._visits_before(step)
        return Base(
            [streams[n].drawn(visits[n]) for n in self._row_lengths],
            [streams[n].ahead(visits[n]) for n in self._row_lengths],
        )

    def _begin(
        self, step: int, weights: Mapping[str, float] | None, streams: dict[int, _core.MixtureStream]
    ) -> None:
        """Deals the streams of all row lengths from a step on, with other weights to the end of its phase."""
        self._num_steps = self.starts[-1]  # a source's limit may be reached at another step now
        current = self.phase_of(step)
        for number, phase in enumerate(self.phases[current:], start=current):
            first = max(0, step - self.starts[number])
            start, end = _between(phase.start, phase.end, first / phase.num_steps), phase.end
            if weights is not None and number == current:
                total = sum(weights.values())
                start = end = {name: weights.get(name, 0.0) / total for name in self.names}
            for bucket, length in enumerate(phase.lengths):
                self._add_piece(streams[length], number, bucket, first, start, end)
        self._stretches.append(_Stretch(step, streams, self._num_steps))

    def _add_piece(
        self,
        stream: _core.MixtureStream,
        number: int,
        bucket: int,
        first: int,
        start: Mapping[str, float],
        end: Mapping[str, float],
    ) -> None:
        """Visits of one row length from a step of a phase to its end, with what the sources' limits
        change."""
        phase = self.phases[number]
        length, rows = phase.lengths[bucket], phase.rows[bucket]
        begun = phase.visits(first, bucket)
        visits = phase.visits(phase.num_steps, bucket) - begun
        spent: set[str] = set()
        while visits > 0:
            sides = [{n: 0.0 if n in spent else w for n, w in side.items()} for side in (start, end)]
            if not all(any(side.values()) for side in sides):  # a ramp from or to spent sources alone
                sides = 2 * [next(side for side in sides if any(side.values()))]
            weights = [phase.sequence_weights(side, length) for side in sides]
            reached = self._limit_within(phase, length, stream, visits, rows, weights)
            if reached is None:
                stream.add_segment(visits, rows, *weights)
                return
            name, fit = reached
            step = self.starts[number] + phase.step_of_visit(bucket, begun + fit)
            if phase.phase.on_limit == "error":
                raise ValueError(
                    f"phase {number}: source {name!r} reaches max_epochs={phase.phase.max_epochs[name]} at "
                    f"step {step} of {self.starts[number + 1]}: give it less weight or more epochs, or "
                    "choose on_limit='renormalize' or 'stop'"
                )
            spent.add(name)
            left = [n for n in self.names if n not in spent and (start[n] or end[n])]
            if phase.phase.on_limit == "stop" or not left:
                self._num_steps = min(self._num_steps, step)
                stream.add_segment(visits, rows, *weights)  # never reached, but other row lengths go on
                return
            if fit > 0:
                middle = [a + (b - a) * fit // visits for a, b in zip(weights[0], weights[1], strict=True)]
                middle[middle.index(max(middle))] += _core.MixtureStream.UNITS - sum(middle)
                stream.add_segment(fit, rows, weights[0], middle)
            start = _between(start, end, fit / visits)
            begun, visits = begun + fit, visits - fit

    def _limit_within(
        self,
        phase: PhaseOrder,
        length: int,
        stream: _core.MixtureStream,
        visits: int,
        rows: int,
        weights: list[list[int]],
    ) -> tuple[str, int] | None:
        """The source that first reaches its limit in the next visits, and how many visits fit before."""
        limits = {}
        for name, epochs in phase.phase.max_epochs.items():
            source = self.names.index(name)
            if weights[0][source] or weights[1][source]:
                limits[name] = self._sequences_of(name, length, epochs)
        if not limits:
            return None
        trial = stream.copy()
        trial.add_segment(visits, rows, *weights)
        first: tuple[str, int] | None = None
        for name, limit in limits.items():
            source = self.names.index(name)
            # Drawing may be ahead of the target by less than a sequence, so the target itself must keep to
            # it.
            if trial.target(source, trial.visits) <= limit:
                continue
            fit = max(0, trial.first_reaching(source, limit) - stream.visits)
            if fit > 0 and trial.target(source, stream.visits + fit) > limit:
                fit -= 1
            if first is None or fit < first[1]:
                first = (name, fit)
        return first

    def _sequences_of(self, name: str, length: int, epochs: float) -> int:
        """Sequences of a row length that so many epochs of a source give."""
        size = self.size_of(name, length)
        found = self._grown.get((length, self.names.index(name)))
        if found is None:
            return int(epochs * size)
        grown = found[0]
        return int(grown.begun + max(0.0, epochs - grown.epoch) * size)

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
        return min(bisect.bisect_right(self.starts, step), len(self.phases)) - 1

    def drawn(self, step: int) -> dict[tuple[str, int], int]:
        """Sequences drawn before a step, by source and row length."""
        visits = self._visits_before(step)
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
        number_of_phase = self.phase_of(step)
        phase = self.phases[number_of_phase]
        bucket, visit = phase.bucket(step - self.starts[number_of_phase])
        visit += self._first_visits[number_of_phase][bucket]
        length, rows = phase.lengths[bucket], phase.rows[bucket]
        stream = self._streams_at(step)[length]
        draws: list[Draw] = []
        for source, (before, after) in enumerate(
            zip(stream.drawn(visit), stream.drawn(visit + 1), strict=True)
        ):
            while before < after:
                number, epoch, start = self._place(length, source, before)
                count = min(after - before, self.source_buckets[number].size - start)
                draws.append((number, epoch, start, count))
                before += count
        key = _core.random_bits(self._seed, _ROWS, step) if len(self._sources) > 1 else None
        scale_rows = phase.scale_rows(step - self.starts[number_of_phase], rows)
        return StepDraws(draws, rows, length, key, min(draw[1] for draw in draws), scale_rows)


_ROWS = purpose("rows")
_first_step = operator.itemgetter(0)


def _between(start: Mapping[str, float], end: Mapping[str, float], part: float) -> dict[str, float]:
    return {name: start[name] + (end[name] - start[name]) * part for name in start}
