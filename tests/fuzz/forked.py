"""The reading process as a fork of this one, which is there at once for each file that ends it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import IO, Any

from pypack.columnar.child import serve
from pypack.columnar.process import ColumnarReader


class Forked:
    """What `ColumnarReader` asks of its `subprocess.Popen`."""

    def __init__(self) -> None:
        ours_in, theirs_out = os.pipe()
        theirs_in, ours_out = os.pipe()
        self.pid = os.fork()
        self.returncode: int | None = None
        if self.pid == 0:
            self._serve(theirs_in, theirs_out, (ours_in, ours_out))
        os.close(theirs_in)
        os.close(theirs_out)
        self.stdin: IO[bytes] = os.fdopen(ours_out, "wb")
        self.stdout: IO[bytes] = os.fdopen(ours_in, "rb")

    @staticmethod
    def _serve(requests: int, answers: int, others: tuple[int, int]) -> None:
        try:
            signal.signal(signal.SIGABRT, signal.SIG_DFL)
            for descriptor in others:  # or the pipe would not end with the parent
                os.close(descriptor)
            os.dup2(requests, 0)
            os.dup2(answers, 1)
            os.close(requests)
            os.close(answers)
            sys.stdin = os.fdopen(0, "r")
            serve()
        finally:
            os._exit(1)

    def poll(self) -> int | None:
        """The status, None while it runs."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode

    def wait(self, timeout: float = 60) -> int:
        """The status, once it has ended."""
        end = time.monotonic() + timeout
        while (status := self.poll()) is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired("the reading process", timeout)
            time.sleep(0.0005)
        return status

    def kill(self) -> None:
        """Ends it."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)


def fork_readers() -> None:
    """Makes every `ColumnarReader` of this process fork what it would start."""

    def start(self: Any) -> Forked:
        self._process = child = Forked()
        return child

    ColumnarReader._start = start  # type: ignore[assignment,method-assign]
