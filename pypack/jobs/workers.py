"""Several worker processes at the units of a job: started, given work, watched, replaced.

Spawned, never forked: a fork would copy the locks of threads that are not there. A worker shares nothing with
the others but the folder of the job.
"""

from __future__ import annotations

import base64
import json
import os
import pickle
import selectors
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import IO, Any

from pypack.jobs.dealer import Dealer, Task
from pypack.jobs.options import WorkOptions
from pypack.jobs.places import Place
from pypack.jobs.unit_progress import UnitProgress
from pypack.tokenizer.tokenizer import Tokenizer

# The child finds the modules that this process finds, however it was started.
_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.stdin.buffer.readline()); "
    "from pypack.jobs.worker import serve; serve()"
)
_SECONDS_TO_END = 5.0
_READ_BYTES = 1 << 16
_SECONDS_BETWEEN_LOOKS = 0.5
# Workers that die before they were given anything, in a row: the machine cannot run them.
_MOST_STILLBORN = 3


class WorkerError(RuntimeError):
    """A worker failed in a way that it could not tell."""


@dataclass
class _Worker:
    """A process, what it works on, and how far that is."""

    process: subprocess.Popen[bytes]
    task: Task | None = None
    progress: UnitProgress = field(default_factory=UnitProgress)
    is_ready: bool = False
    leaves: bool = False
    unread: bytes = b""  # the beginning of a message


class Workers:
    """Runs the tasks of a dealer on worker processes.

    A context manager: leaving the block ends them.

    Attributes:
        replaced: how many were replaced because they had passed the memory limit.
    """

    def __init__(
        self,
        place: Place,
        tokenizer: Tokenizer,
        options: WorkOptions,
        count: int,
        *,
        on_progress: Callable[[dict[int, UnitProgress]], None],
        on_done: Callable[[int, UnitProgress], None],
        on_refused: Callable[[int, int], None],
        on_died: Callable[[int], None] = lambda unit: None,
    ) -> None:
        """Starts nothing yet.

        Args:
            count: most processes at once.
            on_progress: told now and then how far the units are that are worked on.
            on_done: told of each unit that is done.
            on_refused: told of a file (unit, number within it) that kills who reads it, before the unit is
                made again: it must see to it that the file is not read.
            on_died: told of the unit of a worker that has died.
        """
        self._head = {
            "place": place.to_json(),
            "tokenizer": base64.b64encode(pickle.dumps(tokenizer)).decode(),
            "options": asdict(options),
        }
        self._count = count
        self._on_progress = on_progress
        self._on_done = on_done
        self._on_refused = on_refused
        self._on_died = on_died
        self._workers: list[_Worker] = []
        self._selector = selectors.DefaultSelector()
        self._stillborn = 0
        self.replaced = 0

    def run(self, dealer: Dealer) -> None:
        """Until all units are done or given up.

        Raises:
            Exception: what a worker raised.
            WorkerError: processes cannot be started, or one failed without saying why.
        """
        looked = 0.0
        told_refused = 0
        while True:
            for unit, file in dealer.refused[told_refused:]:
                self._on_refused(unit, file)
            told_refused = len(dealer.refused)
            self._give_work(dealer)
            if not any(worker.task for worker in self._workers):
                return
            for key, _ in self._selector.select(_SECONDS_BETWEEN_LOOKS):
                self._listen(key.data, dealer)
            if time.monotonic() - looked >= _SECONDS_BETWEEN_LOOKS:
                looked = time.monotonic()
                self._on_progress({w.task.unit: w.progress for w in self._workers if w.task is not None})

    def _give_work(self, dealer: Dealer) -> None:
        """Idle workers get a task each; new ones are started while tasks wait."""
        for worker in [w for w in self._workers if w.task is None and not w.leaves]:
            task = dealer.next()
            if task is None:
                return
            self._give(worker, task)
        while len([w for w in self._workers if not w.leaves]) < self._count:
            task = dealer.next()
            if task is None:
                return
            self._give(self._start(), task)

    def _start(self) -> _Worker:
        process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        assert process.stdout is not None
        worker = _Worker(process)
        self._workers.append(worker)
        self._selector.register(process.stdout, selectors.EVENT_READ, worker)
        self._tell(worker, sys.path)
        self._tell(worker, self._head)
        return worker

    def _give(self, worker: _Worker, task: Task) -> None:
        worker.task, worker.progress = task, UnitProgress()
        self._tell(
            worker,
            {"unit": task.unit, "first": task.first, "stop": task.stop}
            if task.is_trial
            else {"unit": task.unit},
        )

    @staticmethod
    def _tell(worker: _Worker, values: object) -> None:
        assert worker.process.stdin is not None
        with suppress(BrokenPipeError):  # it is dead: reading says so
            _write_all(worker.process.stdin, json.dumps(values).encode() + b"\n")

    def _listen(self, worker: _Worker, dealer: Dealer) -> None:
        assert worker.process.stdout is not None
        data = os.read(worker.process.stdout.fileno(), _READ_BYTES)
        *lines, worker.unread = (worker.unread + data).split(b"\n")
        for line in lines:
            self._take(worker, json.loads(line), dealer)
        if not data:
            self._bury(worker, dealer)

    def _take(self, worker: _Worker, message: dict[str, Any], dealer: Dealer) -> None:
        """What a worker says."""
        if "ready" in message:
            worker.is_ready, self._stillborn = True, 0
        if "warning" in message:
            warnings.warn(message["warning"], stacklevel=2)
        if "progress" in message:
            worker.progress = UnitProgress(**message["progress"])
        if "error" in message:
            raise unpacked_error(message["error"])
        if "done" in message:
            task, worker.task = worker.task, None
            assert task is not None
            dealer.done(task)
            if message["leaves"]:
                worker.leaves = True
                self.replaced += 1
            if not task.is_trial:
                self._on_done(task.unit, worker.progress)

    def _bury(self, worker: _Worker, dealer: Dealer) -> None:
        """A worker has ended."""
        assert worker.process.stdout is not None
        self._selector.unregister(worker.process.stdout)
        self._workers.remove(worker)
        _close(worker.process)
        if worker.task is None:
            return
        if not worker.is_ready:
            self._stillborn += 1
            if self._stillborn >= _MOST_STILLBORN:
                raise WorkerError(
                    f"worker processes end as soon as they start (status {worker.process.returncode}): "
                    "run with --workers 1 to see why"
                )
        dealer.died(worker.task)
        self._on_died(worker.task.unit)

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for worker in self._workers:
            if kind is not None:
                worker.process.kill()
            else:
                self._tell(worker, None)
        for worker in self._workers:
            _close(worker.process)
        self._workers.clear()
        self._selector.close()


def _write_all(stream: IO[bytes], data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[stream.write(rest) :]


def _close(process: subprocess.Popen[bytes]) -> None:
    """Waits for a process that ends, and ends it if it does not."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
    try:
        process.wait(_SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def unpacked_error(told: dict[str, str]) -> BaseException:
    """An error that `pypack.jobs.worker.packed_error` has packed, in another process of this job."""
    if "error" in told:
        error = pickle.loads(base64.b64decode(told["error"]))  # of a child, through its own pipe
        if isinstance(error, BaseException):
            return error
    return WorkerError(told["text"])
