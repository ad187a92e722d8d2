"""What a model said of the batches of a run, as far as what comes next depends on it: logged events."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pypack import _core
from pypack._common.arguments import whole_number
from pypack.objectives.objective import Objective
from pypack.objectives.schedule import ObjectiveSchedule

# Changes of counts that are kept one by one; older ones are summed up.
MOST_EVENTS = 256
Sparse = tuple[NDArray[np.int64], NDArray[np.int64]]  # places in the flat counts, and what is added there


class FeedbackLog:
    """The counts of every step: those at `first`, and what was added from which step on.

    Steps are counted without skips. What is known are the steps from `first` on: older changes than the
    newest `MOST_EVENTS` are summed up, and a state keeps the sum at its step.

    Attributes:
        objective: which takes the feedback.
        first: the first step whose counts are known.
        events: (step, change), rising by step.
        version: another number after every change.
    """

    def __init__(self, objective: Objective) -> None:
        size = objective.feedback_clusters
        self.objective = objective
        self.first = 0
        self.counts = np.zeros((size, size), np.int64)
        self.events: deque[tuple[int, Sparse]] = deque()
        self.version = 0
        self._known: tuple[int, int, _core.Objective] | None = None  # version, events, kernel

    def add(self, change: Any, step: int) -> None:
        """Adds to the counts, from a step on.

        Raises:
            ValueError: the change has another shape, or is of other numbers than whole ones; or the step came
                before those that are known.
        """
        values = np.asarray(change)
        if values.shape != self.counts.shape or values.dtype.kind not in "iu":
            raise ValueError(
                f"feedback is whole numbers of the shape {self.counts.shape}, as the objective's feedback() "
                f"gives them; got {values.dtype} of {values.shape}"
            )
        if step < self.first:
            raise ValueError(
                f"step {step} came before the feedback that is kept, which begins with {self.first}"
            )
        flat = values.reshape(-1).astype(np.int64)
        places = np.flatnonzero(flat)
        later = [event for event in self.events if event[0] > step]
        for _ in later:
            self.events.pop()
        self.events.append((step, (places, flat[places])))
        self.events.extend(later)
        while len(self.events) > MOST_EVENTS:
            self.first, oldest = self.events.popleft()
            _add(self.counts, oldest)
        self.version += 1

    def counts_at(self, step: int) -> NDArray[np.int64]:
        """int64 [C, C]: the counts that a step is drawn by.

        Raises:
            ValueError: it came before those that are known.
        """
        return self._sum(self._events_at(step))

    def kernel_at(self, step: int) -> _core.Objective:
        """What changes the batch of a step.

        Raises:
            ValueError: it came before those that are known.
        """
        number = self._events_at(step)
        if self._known is None or self._known[:2] != (self.version, number):
            self._known = self.version, number, self.objective.kernel_after(self._sum(number))
        return self._known[2]

    def _events_at(self, step: int) -> int:
        if step < self.first:
            raise ValueError(
                f"step {step} came before the feedback that is kept, which begins with step {self.first}: "
                "what the model said before it is known as a sum alone"
            )
        return sum(at <= step for at, _ in self.events)

    def _sum(self, number: int) -> NDArray[np.int64]:
        counts: NDArray[np.int64] = self.counts.copy()
        for _, (_, change) in zip(range(number), self.events, strict=False):
            _add(counts, change)
        return counts

    def state(self, step: int) -> dict[str, Any]:
        """What a state keeps: the counts at its step, and what was told ahead."""
        later = [[at, places.tolist(), values.tolist()] for at, (places, values) in self.events if at > step]
        return {"step": step, "counts": self.counts_at(step).tolist(), "events": later}

    @classmethod
    def read(cls, objective: Objective, state: Mapping[str, Any] | None) -> FeedbackLog:
        """The reverse of `state`; None: no feedback so far.

        Raises:
            ValueError: it is none, or of other clusters.
        """
        log = cls(objective)
        if state is None:
            return log
        try:
            log.first = whole_number("the step of feedback", state["step"])
            counts = np.array(state["counts"], np.int64)
            if counts.shape != log.counts.shape:
                raise ValueError(f"it is of {len(counts)} clusters, the objective has {len(log.counts)}")
            log.counts = counts
            for at, places, values in state["events"]:
                change = np.zeros(counts.size, np.int64)
                change[np.array(places, np.int64)] = np.array(values, np.int64)
                log.add(change.reshape(counts.shape), whole_number("the step of feedback", at))
        except (TypeError, KeyError, ValueError, IndexError, OverflowError) as error:
            raise ValueError(f"this is no state of a loader: its field 'feedback': {error}") from None
        return log

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_known": None}


def feedback_log(objective: Objective | ObjectiveSchedule | None) -> FeedbackLog | None:
    """The log of the objective of a run that takes feedback; None: there is none.

    Raises:
        ValueError: several of a schedule do.
    """
    of_schedule = objective.objectives.values() if isinstance(objective, ObjectiveSchedule) else (objective,)
    taking = [one for one in of_schedule if one is not None and one.feedback_clusters]
    if len(taking) > 1:
        raise ValueError("one objective of a schedule may take feedback: which would it be for?")
    return FeedbackLog(taking[0]) if taking else None


def _add(counts: NDArray[np.int64], change: Sparse) -> None:
    counts.reshape(-1)[change[0]] += change[1]
