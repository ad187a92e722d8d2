"""A Ray cluster: connected to while a job is still being planned, its worker processes started meanwhile.

Importing Ray, connecting and the start of the first worker processes take about a second, most of it on
other processes' part. So it begins as early as there is a job, in a thread, and what needs the cluster waits.
"""

from __future__ import annotations

import atexit
import gc
import logging
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from pypack._common.threads import available_cores
from pypack.jobs.ray_entry import WARM_UP, make_unit

# Of a task whose process dies. After that its unit is tried by halves, see `Dealer`.
MOST_RETRIES = 3
_SECONDS_TO_CONNECT = 10.0
_SECONDS_ALONE = 0.5
_OBJECT_STORE_BYTES = 80 << 20  # the least that Ray takes: nothing of size goes through it
_MOST_WARM = 256  # processes that are started before it is known how many units there are
# As if set by hand, where they are not. The events of tasks are what a dashboard lists; sending the last of
# them takes a quarter of a second at the end of every job.
_VARIABLES = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_task_events_report_interval_ms": "0"}

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class RayError(OSError):
    """There is no Ray, or no cluster, to run on."""


class Connection:
    """A connection that is being made; `connected` waits for it. Made by `connecting`.

    Attributes:
        address: "auto" for the cluster of this machine, or HOST:PORT; None for RAY_ADDRESS, or for that which
            the program has connected to already, or else for one that is started here and ends with it.
    """

    def __init__(self, address: str | None, threads: int) -> None:
        self.address = address
        self._threads = threads
        self._ray: Any = None
        self._is_ours = False
        self._warm: list[Any] = []
        self._error: BaseException | None = None
        self._imported, self._made, self._left = threading.Event(), threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._connect, name="pypack-ray", daemon=True)
        self._thread.start()
        # Importing and connecting hold Python's lock for the most part: alone they are done soonest, and the
        # sooner workers start. A cluster that has to be started, or is far away, is not waited for.
        self._imported.wait()
        self._made.wait(_SECONDS_ALONE)

    def connected(self) -> Any:
        """The module `ray`, connected.

        Raises:
            RayError: Ray is not installed, or the cluster does not answer.
        """
        self._made.wait()
        if self._error is not None:
            raise self._error
        return self._ray

    def close(self) -> None:
        """Leaves the cluster; one that was started here ends. One that the program had stays."""
        self._made.wait()
        self._warm.clear()
        if self._is_ours:
            self._is_ours = False
            self._ray.shutdown()
        self._left.set()
        self._thread.join()

    def _connect(self) -> None:
        try:
            self._ray = _imported()
            self._imported.set()
            if not self._ray.is_initialized():
                _init(self._ray, self.address)
                self._is_ours = True
            self._warm_up()
        except BaseException as error:  # raised by who waits
            self._error = error
        finally:
            self._imported.set()
            self._made.set()
            self._left.wait()  # the processes of a cluster that is started here end with the thread

    def _warm_up(self) -> None:
        """Has the cluster start processes: the very task that makes units, so that it goes on in them."""
        task = unit_task(self._ray, self._threads)
        processors = int(self._ray.cluster_resources().get("CPU", 1))
        count = min(max(1, processors // self._threads), _MOST_WARM)
        self._warm = [task.remote(WARM_UP, -1, 0, None) for _ in range(count)]


def unit_task(ray: Any, threads: int) -> Any:
    """The remote function that makes a unit; what it raises is never tried again by Ray."""
    return ray.remote(num_cpus=threads, max_retries=MOST_RETRIES)(make_unit)


_current: Connection | None = None


@contextmanager
def connecting(address: str | None, threads: int | None) -> Iterator[Connection]:
    """Begins to connect; within such a block, another for the same address is the same connection.

    Args:
        address: see `Connection`.
        threads: processors that a unit takes.
    """
    global _current
    if _current is not None and _current.address == address:
        yield _current
        return
    outer, _current = _current, Connection(address, threads or 1)
    try:
        yield _current
    finally:
        made, _current = _current, outer
        made.close()


def connects_early(job: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """`job` with a connection that is made from its beginning on, where its `engine` is "ray"."""

    @wraps(job)
    def connected(*args: Arguments.args, **options: Arguments.kwargs) -> Result:
        if options.get("engine") != "ray":
            return job(*args, **options)
        with connecting(options.get("ray_address"), options.get("num_threads")):  # type: ignore[arg-type]
            return job(*args, **options)

    return connected


def _imported() -> Any:
    for name, value in _VARIABLES.items():
        os.environ.setdefault(name, value)
    try:
        with _without_garbage_collection():
            import ray
    except ImportError as error:
        raise RayError("--engine ray needs the library ray: pip install 'pypack-engine[ray]'") from error
    return ray


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """While the library is imported, whose many objects stay: to look for garbage among them takes
    a fifth of the import, and a tenth of a second when the program ends."""
    was_enabled, is_first = gc.isenabled(), "ray" not in sys.modules
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
    if is_first:
        atexit.register(gc.freeze)


def _init(ray: Any, address: str | None) -> None:
    options: dict[str, Any] = {"log_to_driver": False, "configure_logging": False}
    if address is None and not os.environ.get("RAY_ADDRESS"):
        address = "local"
        options |= {
            "num_cpus": available_cores(),
            "include_dashboard": False,
            "object_store_memory": _OBJECT_STORE_BYTES,
        }
    _require_listening(address)
    log = logging.getLogger("ray._private.worker")
    level = log.level
    log.setLevel(logging.ERROR)  # it warns that SIGTERM is not its own in a thread: it is this program's
    try:
        ray.init(address=address, **options)
    except Exception as error:  # of many libraries
        with suppress(Exception):
            ray.shutdown()
        raise RayError(f"the Ray cluster at {address or 'RAY_ADDRESS'} does not answer: {error}") from error
    finally:
        log.setLevel(level)


def _require_listening(address: str | None) -> None:
    """Raises RayError where nobody is at HOST:PORT, which Ray itself tries for minutes."""
    host, colon, port = (address or "").rpartition(":")
    if not colon or "/" in host or not port.isascii() or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), _SECONDS_TO_CONNECT).close()
    except OSError as error:
        raise RayError(f"the Ray cluster at {address} does not answer: {error.strerror or error}") from None
