"""Who hands out the numbers of units, and what becomes of those whose worker dies.

The dealer knows nothing of processes: who runs them asks it for work and says how it went. Another way of
running units (an engine on a cluster) needs nothing but these methods.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pypack.jobs.units import Unit

MOST_DEATHS = 3


@dataclass(frozen=True)
class Task:
    """Something to work on.

    Attributes:
        unit: make this unit.
        first, stop: if `stop` is not None, only read these files of it (numbers within the unit), to see
            whether they kill the worker.
    """

    unit: int
    first: int = 0
    stop: int | None = None

    @property
    def is_trial(self) -> bool:
        """Whether nothing is to be made."""
        return self.stop is not None


class Dealer:
    """Hands out units, the largest first, or in their order.

    A unit whose worker dies is handed out again; after three deaths its files are tried by halves, until one
    is found at which the worker dies. That one is refused (`refused` gets its number within the unit), and
    the unit is handed out again. Where no file can be found, the unit is given up.

    Attributes:
        refused: (unit, file within it) that are to be rejected unread before the unit is made again.
        given_up: units that nobody can make.
        deaths: how many workers have died.
    """

    def __init__(
        self, units: Iterable[Unit], *, in_order: bool = False, is_wanted: Callable[[int], bool] | None = None
    ) -> None:
        """`is_wanted`: asked of each unit before it is handed out; one that is not wanted never is."""
        self._is_wanted = is_wanted or (lambda number: True)
        units = list(units) if in_order else sorted(units, key=lambda unit: (-unit.size, unit.number))
        self._files = {unit.number: unit.stop - unit.first for unit in units}
        self._waiting = deque(Task(unit.number) for unit in units)
        self._deaths: dict[int, int] = {}
        self._suspects: dict[int, deque[Task]] = {}  # of a unit, the trials that are to come
        self.refused: list[tuple[int, int]] = []
        self.given_up: list[int] = []
        self.deaths = 0

    def next(self) -> Task | None:
        """What to work on next; None if nothing waits (what others work on may come back)."""
        while self._waiting:
            task = self._waiting.popleft()
            if task.is_trial or self._is_wanted(task.unit):
                return task
        return None

    def done(self, task: Task) -> None:
        """A worker has done it."""
        if task.is_trial:
            self._try_next(task.unit)

    def died(self, task: Task, times: int = 1) -> None:
        """A worker has died of it, or at it; so many of them, one after another."""
        self.deaths += times
        if task.is_trial:
            assert task.stop is not None
            if task.stop - task.first == 1:
                self.refused.append((task.unit, task.first))
                self._suspects.pop(task.unit)
                self._waiting.appendleft(Task(task.unit))
                return
            middle = (task.first + task.stop) // 2
            halves = (Task(task.unit, task.first, middle), Task(task.unit, middle, task.stop))
            self._suspects[task.unit] = deque(halves)
            self._try_next(task.unit)
            return
        deaths = self._deaths[task.unit] = self._deaths.get(task.unit, 0) + times
        if deaths < MOST_DEATHS:
            self._waiting.appendleft(task)
            return
        self._deaths[task.unit] = MOST_DEATHS - 1  # once a file is refused, one more death is enough
        self._suspects[task.unit] = deque([Task(task.unit, 0, self._files[task.unit])])
        self._try_next(task.unit)

    def _try_next(self, unit: int) -> None:
        trials = self._suspects[unit]
        if trials:
            self._waiting.appendleft(trials.popleft())
        else:  # none of the files kills by itself
            del self._suspects[unit]
            self.given_up.append(unit)
