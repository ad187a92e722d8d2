"""`--log-json FILE`: what a command does as events, a line of JSON each, for programs that watch it.

Lines are appended, so that the log of a job that goes on later is one; a line is written whole, and what a
full disk or a killed process left of one is taken away before the next. Several processes may write to one
file.
"""

from __future__ import annotations

import json
import os
import stat
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from pypack.cli.errors import UsageError

_BLOCK = 1 << 16


class EventLog:
    """Appends events to a file; `None` for nowhere. `write` may be called from any thread.

    Raises:
        UsageError: the file cannot be written.
    """

    def __init__(self, path: Path | None, command: str) -> None:
        self._command = command
        self._lock = threading.Lock()
        self._descriptor: int | None = None
        self._is_file = False
        if path is None:
            return
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise UsageError(f"--log-json {path}: {error.strerror}") from error
        self._path = path
        self._is_file = stat.S_ISREG(os.fstat(self._descriptor).st_mode)

    def write(self, event: str, **values: Any) -> None:
        """Appends an event: when it was, the command and its process, and values of JSON."""
        if self._descriptor is None:
            return
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        head = {"time": now, "event": event, "command": self._command, "pid": os.getpid()}
        line = json.dumps(head | values, default=str).encode() + b"\n"
        with self._lock:
            self._append(line)

    def _append(self, line: bytes) -> None:
        if self._descriptor is not None:  # closed meanwhile
            try:
                with self._alone(self._descriptor):
                    _write_all(self._descriptor, line)
            except OSError as error:
                self.close()  # the job is worth more than its log
                print(f"warning: --log-json {self._path}: {error.strerror}; no more events", file=sys.stderr)

    @contextmanager
    def _alone(self, descriptor: int) -> Iterator[None]:
        """Keeps other processes from writing, and takes away the beginning of a line that has no end."""
        if not self._is_file:
            yield
            return
        import fcntl

        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError:  # the file system has no locks: lines of several processes may be torn there
            yield
            return
        try:
            _remove_torn_line(descriptor)
            yield
        finally:
            fcntl.flock(descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """No more events are written."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _remove_torn_line(descriptor: int) -> None:
    end = size = os.fstat(descriptor).st_size
    if size == 0 or os.pread(descriptor, 1, size - 1) == b"\n":
        return
    while end:
        begin = max(0, end - _BLOCK)
        found = os.pread(descriptor, end - begin, begin).rfind(b"\n")
        if found >= 0:
            os.ftruncate(descriptor, begin + found + 1)
            return
        end = begin
    os.ftruncate(descriptor, 0)


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
