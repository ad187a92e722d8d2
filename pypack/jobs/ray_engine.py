"""Units on a Ray cluster: a stateless task for each, as many at once as keep its processors busy.

The truth of a job lies in its manifests. So this process may die, and so may any machine of the cluster: the
same command, or any other that goes on with the job, finds what is finished. Ray starts a task again whose
process died; what a task raises is told here, and never tried again by Ray.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pypack.jobs.dealer import MOST_DEATHS, Dealer, Task
from pypack.jobs.options import WorkOptions
from pypack.jobs.places import Place
from pypack.jobs.ray_task import head_of, make_unit
from pypack.jobs.unit_work import UnitProgress
from pypack.jobs.workers import unpacked_error
from pypack.tokenizer.tokenizer import Tokenizer

# Of a task whose process dies. After that its unit is tried by halves, see `Dealer`.
_MOST_RETRIES = 3
_TASKS_A_PROCESSOR = 2
_SECONDS_BETWEEN_LOOKS = 0.5
_SECONDS_TO_CONNECT = 10.0
_OBJECT_STORE_BYTES = 80 << 20  # the least that Ray takes: nothing of size goes through it


class RayError(OSError):
    """There is no Ray, or no cluster, to run on."""


@contextmanager
def cluster(address: str | None, processors: int) -> Iterator[Any]:
    """The module `ray`, connected: to the cluster at an address ("auto" for that of this machine), to that
    which the program has connected to already, or else to one that is started here and ends with the block.

    Raises:
        RayError: Ray is not installed, or the cluster does not answer.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise RayError("--engine ray needs the library ray: pip install 'pypack-engine[ray]'") from error
    if ray.is_initialized():
        yield ray
        return
    options: dict[str, Any] = {"log_to_driver": False, "configure_logging": False}
    if address is None and not os.environ.get("RAY_ADDRESS"):
        address = "local"
        options |= {
            "num_cpus": processors,
            "include_dashboard": False,
            "object_store_memory": _OBJECT_STORE_BYTES,
        }
    _require_listening(address)
    try:
        ray.init(address=address, **options)
    except Exception as error:  # of many libraries
        raise RayError(f"the Ray cluster at {address or 'RAY_ADDRESS'} does not answer: {error}") from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _require_listening(address: str | None) -> None:
    """Raises RayError where nobody is at HOST:PORT, which Ray itself tries for minutes."""
    host, colon, port = (address or "").rpartition(":")
    if not colon or "/" in host or not port.isascii() or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), _SECONDS_TO_CONNECT).close()
    except OSError as error:
        raise RayError(f"the Ray cluster at {address} does not answer: {error.strerror or error}") from None


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
        self._on_done = on_done
        self._on_refused = on_refused
        self._on_died = on_died

    def run(self, ray: Any, dealer: Dealer) -> None:
        """Until all units are done or given up.

        Raises:
            Exception: what a task raised.
            RayError: the cluster has gone.
        """
        remote = ray.remote(num_cpus=self._threads, max_retries=_MOST_RETRIES)(make_unit)
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
        """How many tasks are to be in flight; machines come and go."""
        processors = int(ray.cluster_resources().get("CPU", 1))
        return max(1, _TASKS_A_PROCESSOR * processors // self._threads)

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
