"""Units on a Ray cluster: a stateless task for each, as many at once as keep its processors busy.

The truth of a job lies in its manifests. So this process may die, and so may any machine of the cluster: the
same command, or any other that goes on with the job, finds what is finished. Ray starts a task again whose
process died; what a task raises is told here, and never tried again by Ray.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from pypack.jobs.dealer import MOST_DEATHS, Dealer, Task
from pypack.jobs.options import WorkOptions
from pypack.jobs.places import Place
from pypack.jobs.ray_cluster import RayError, unit_task
from pypack.jobs.ray_task import head_of
from pypack.jobs.unit_progress import UnitProgress
from pypack.jobs.workers import unpacked_error
from pypack.tokenizer.tokenizer import Tokenizer

_TASKS_A_PROCESSOR = 2
_SECONDS_BETWEEN_LOOKS = 0.5
_SECONDS_BETWEEN_COUNTS = 1.0  # of processors


class RayWorkers:
    """Runs the tasks of a dealer on a cluster; as `pypack.jobs.workers.Workers` does on this machine."""

    def __init__(
        self,
        place: Place,
        job: dict[str, Any],
        tokenizer: Tokenizer,
        options: WorkOptions,
        *,
        on_done: Callable[[int, UnitProgress], None],
        on_refused: Callable[[int, int], None],
        on_died: Callable[[int], None],
    ) -> None:
        self._head = head_of(job, place.to_json(), tokenizer, options)
        self._threads = options.num_threads or 1
        self._most, self._next_count = 1, 0.0
        self._on_done = on_done
        self._on_refused = on_refused
        self._on_died = on_died

    def run(self, ray: Any, dealer: Dealer) -> None:
        """Until all units are done or given up.

        Raises:
            Exception: what a task raised.
            RayError: the cluster has gone.
        """
        remote = unit_task(ray, self._threads)
        running: dict[Any, Task] = {}
        told_refused = 0
        try:
            while True:
                for unit, file in dealer.refused[told_refused:]:
                    self._on_refused(unit, file)
                told_refused = len(dealer.refused)
                while len(running) < self._window(ray) and (task := dealer.next()) is not None:
                    running[remote.remote(self._head, task.unit, task.first, task.stop)] = task
                if not running:
                    return
                done, _ = ray.wait(list(running), timeout=_SECONDS_BETWEEN_LOOKS)
                for one in done:
                    self._take(ray, one, running.pop(one), dealer)
        finally:
            for one in running:
                ray.cancel(one, force=True)

    def _window(self, ray: Any) -> int:
        """How many tasks are to be in flight; machines come and go, which is asked for now and then."""
        if time.monotonic() >= self._next_count:
            processors = int(ray.cluster_resources().get("CPU", 1))
            self._most = max(1, _TASKS_A_PROCESSOR * processors // self._threads)
            self._next_count = time.monotonic() + _SECONDS_BETWEEN_COUNTS
        return self._most

    def _take(self, ray: Any, one: Any, task: Task, dealer: Dealer) -> None:
        try:
            found = ray.get(one)
        except (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError):
            # Ray has started it again as often as it may.
            dealer.died(task, 1 if task.is_trial else MOST_DEATHS)
            self._on_died(task.unit)
            return
        except ray.exceptions.RayTaskError as error:
            raise RayError(f"unit {task.unit}: no task can begin there: {error.cause}") from error
        except ray.exceptions.RayError as error:
            raise RayError(f"unit {task.unit}: the Ray cluster has lost it: {error}") from error
        if "error" in found:
            raise unpacked_error(found["error"])
        dealer.done(task)
        if not task.is_trial:
            self._on_done(task.unit, UnitProgress(**found["progress"]))
