"""A worker process: takes tasks from standard input, makes units, tells standard output how far it is.

Messages are a line of JSON each.
"""

from __future__ import annotations

import base64
import json
import os
import pickle
import queue
import signal
import sys
import threading
import time
import warnings
from dataclasses import asdict
from typing import BinaryIO

from pypack.jobs.description import read_description
from pypack.jobs.open_place import opened_place
from pypack.jobs.options import WorkOptions
from pypack.jobs.unit_progress import UnitProgress
from pypack.jobs.unit_work import UnitWork

_SECONDS_BETWEEN_MESSAGES = 0.2


def serve() -> None:
    """Works until it is told to end, or the memory limit was passed and the unit is done."""
    _serve()
    sys.stderr.flush()
    os._exit(0)  # a thread waits for standard input, which Python's shutdown does not bear


def _serve() -> None:
    out = _own_output()
    for stop in (signal.SIGINT, signal.SIGTERM):  # are the parent's, which then ends this process
        signal.signal(stop, signal.SIG_IGN)
    tasks = _tasks()
    head = tasks.get()
    if head is None:
        return
    talker = _Talker(out)
    warnings.showwarning = lambda message, *_: talker.say({"warning": str(message)})
    place = opened_place(head["place"])
    job = read_description(place)
    assert job is not None
    tokenizer = pickle.loads(base64.b64decode(head["tokenizer"]))  # of the parent, through its own pipe
    work = UnitWork(place, job, tokenizer, WorkOptions(**head["options"]))
    talker.say({"ready": os.getpid()})
    while (task := tasks.get()) is not None:
        try:
            if "stop" in task:
                work.try_files(task["unit"], task["first"], task["stop"])
            else:
                work(task["unit"], talker.progress)
        except BaseException as error:  # raised by the parent
            talker.say({"error": packed_error(error)})
            continue
        talker.say({"done": task["unit"], **talker.last, "leaves": work.passed_limit})
        talker.last = {}
        if work.passed_limit:
            return


def _own_output() -> BinaryIO:
    """Standard output for messages alone: what libraries print goes to standard error."""
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return out


def _tasks() -> queue.Queue[dict | None]:  # type: ignore[type-arg]
    """What the parent wants, None at the end. Its death ends this process at once: others do the work."""
    found: queue.Queue[dict | None] = queue.Queue()  # type: ignore[type-arg]

    def listen() -> None:
        for line in sys.stdin.buffer:
            values = json.loads(line)
            found.put(values)
            if values is None:
                return
        os._exit(1)

    threading.Thread(target=listen, name="pypack-listener", daemon=True).start()
    return found


def packed_error(error: BaseException) -> dict[str, str]:
    """An error for the parent."""
    told = {"text": f"{type(error).__name__}: {error}"}
    try:
        data = pickle.dumps(error)
        pickle.loads(data)
    except Exception:  # errors of libraries may hold anything
        return told
    return told | {"error": base64.b64encode(data).decode()}


class _Talker:
    """Tells the parent how far a unit is, now and then.

    Attributes:
        last: the newest figures of the unit.
    """

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._lock = threading.Lock()
        self._next = 0.0
        self.last: dict[str, object] = {}

    def progress(self, progress: UnitProgress) -> None:
        """`on_progress` of a unit."""
        self.last = {"progress": asdict(progress)}
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _SECONDS_BETWEEN_MESSAGES
            self.say(self.last)

    def say(self, values: dict[str, object]) -> None:
        """Sends a message."""
        with self._lock:
            self._out.write(json.dumps(values).encode() + b"\n")
