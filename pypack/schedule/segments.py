"""Dealing the rows of one row length of a phase to the sources, with what their limits change on the way."""

from __future__ import annotations

from collections.abc import Mapping

from pypack import _core
from pypack.schedule.drawn_places import DrawnPlaces
from pypack.schedule.phase_order import PhaseOrder, Weights


class Segments:
    """Adds the visits of one row length of a phase to its stream.

    Args:
        phase: which.
        begins: the step of the run that it begins at.
        bucket: position of the row length in the phase.
        stream: of that row length, which runs on through the phases.
        places: the sources.
    """

    def __init__(
        self, phase: PhaseOrder, begins: int, bucket: int, stream: _core.MixtureStream, places: DrawnPlaces
    ) -> None:
        self._phase, self._begins, self._bucket = phase, begins, bucket
        self._stream, self._places = stream, places
        self._length, self._rows = phase.lengths[bucket], phase.rows[bucket]

    def add(self, first: int, start: Weights, end: Weights) -> int | None:
        """Adds the visits from a step of the phase to its end.

        Args:
            first: the step, counted in the phase.
            start: weights by source there.
            end: weights at the end of the phase.

        Returns:
            The step at which a source's limit ends the run; None: none does.

        Raises:
            ValueError: a source reaches its limit, and the phase has it so that this is an error.
        """
        phase = self._phase
        begun = phase.visits(first, self._bucket)
        visits = phase.visits(phase.num_steps, self._bucket) - begun
        spent: set[str] = set()
        while visits > 0:
            weights = self._weights(start, end, spent)
            reached = self._limit_within(visits, weights)
            if reached is None:
                self._stream.add_segment(visits, self._rows, *weights)
                return None
            name, fit = reached
            step = self._begins + phase.step_of_visit(self._bucket, begun + fit)
            if phase.phase.on_limit == "error":
                raise ValueError(
                    f"phase {phase.number}: source {name!r} reaches "
                    f"max_epochs={phase.phase.max_epochs[name]} at step {step} of "
                    f"{self._begins + phase.num_steps}: give it less weight or more epochs, or choose "
                    "on_limit='renormalize' or 'stop'"
                )
            spent.add(name)
            left = [n for n in self._places.names if n not in spent and (start[n] or end[n])]
            if phase.phase.on_limit == "stop" or not left:
                # Never reached to its end, but other row lengths go on.
                self._stream.add_segment(visits, self._rows, *weights)
                return step
            if fit > 0:
                middle = _between_units(*weights, fit, visits)
                self._stream.add_segment(fit, self._rows, weights[0], middle)
            start = between(start, end, fit / visits)
            begun, visits = begun + fit, visits - fit
        return None

    def _weights(self, start: Weights, end: Weights, spent: set[str]) -> tuple[list[int], list[int]]:
        """Both sides as the stream takes them, without the sources that have reached their limits."""
        sides = [{n: 0.0 if n in spent else w for n, w in side.items()} for side in (start, end)]
        if not all(any(side.values()) for side in sides):  # a ramp from or to spent sources alone
            sides = 2 * [next(side for side in sides if any(side.values()))]
        first, last = (self._phase.sequence_weights(side, self._length) for side in sides)
        return first, last

    def _limit_within(self, visits: int, weights: tuple[list[int], list[int]]) -> tuple[str, int] | None:
        """The source that first reaches its limit in the next visits, and how many visits fit before."""
        limits = self._limits(weights)
        if not limits:
            return None
        trial = self._stream.copy()
        trial.add_segment(visits, self._rows, *weights)
        first: tuple[str, int] | None = None
        for name, limit in limits.items():
            source = self._places.names.index(name)
            # Drawing may be ahead of the target by less than a sequence, so the target itself must keep to
            # it.
            if trial.target(source, trial.visits) <= limit:
                continue
            fit = max(0, trial.first_reaching(source, limit) - self._stream.visits)
            if fit > 0 and trial.target(source, self._stream.visits + fit) > limit:
                fit -= 1
            if first is None or fit < first[1]:
                first = (name, fit)
        return first

    def _limits(self, weights: tuple[list[int], list[int]]) -> dict[str, int]:
        """Sequences that the sources with a weight may give, of those with a limit."""
        limits = {}
        for name, epochs in self._phase.phase.max_epochs.items():
            source = self._places.names.index(name)
            if any(side[source] for side in weights):
                limits[name] = self._places.sequences_of(name, self._length, epochs)
        return limits


def between(start: Weights, end: Weights, part: float) -> Mapping[str, float]:
    """Weights on the straight way from one to others, after a part of it."""
    return {name: start[name] + (end[name] - start[name]) * part for name in start}


def _between_units(start: list[int], end: list[int], fit: int, visits: int) -> list[int]:
    """The same in whole units, which add up."""
    middle = [a + (b - a) * fit // visits for a, b in zip(start, end, strict=True)]
    middle[middle.index(max(middle))] += _core.MixtureStream.UNITS - sum(middle)
    return middle
