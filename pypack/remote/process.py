"""`Objects` through processes of their own, so that any program may use them, also one that forks.

The libraries of the services have threads, and hang in a forked child of the process that has used them. So
they live in spawned processes, which do nothing else; this one has only a pipe. A forked child leaves its
parent's processes alone and starts its own.
"""

from __future__ import annotations

import atexit
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from pypack.remote import errors
from pypack.remote.child import entry_of, received, send
from pypack.remote.client import Chunks, Entries, Stat
from pypack.remote.errors import RemoteError
from pypack.remote.url import Url

# The child finds the modules that this process finds, however it was started.
_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.stdin.buffer.readline()); "
    "from pypack.remote.child import serve; serve()"
)
_MOST_IDLE = 4
_SECONDS_TO_END = 10.0
_F_SETPIPE_SZ, _PIPE_BYTES = 1031, 1 << 20


class ProcessObjects:
    """`Objects` of which each call is answered by one of some processes; as many calls at once as asked."""

    def __init__(self) -> None:
        self._owner = os.getpid()
        self._environment = dict(os.environ)  # of the processes that wait
        self._idle: list[subprocess.Popen[bytes]] = []

    def stat(self, url: Url) -> Stat | None:
        """See `Objects`."""
        found, _ = self._ask("stat", url)
        return None if found is None else Stat(*found)

    def read(self, url: Url, begin: int = 0, end: int | None = None, *, etag: str = "") -> bytes:
        """See `Objects`."""
        return self._ask("read", url, begin=begin, end=end, etag=etag)[1]

    def list(self, url: Url) -> Entries:
        """See `Objects`."""
        found, _ = self._ask("list", url)
        return [entry_of(values) for values in found]

    def children(self, url: Url) -> Entries:
        """See `Objects`."""
        found, _ = self._ask("children", url)
        return [entry_of(values) for values in found]

    def read_many(self, ranges: Sequence[tuple[Url, int, int]]) -> Chunks:
        """See `Objects`."""
        if not ranges:
            return []
        asked = [(str(url), begin, end) for url, begin, end in ranges]
        _, data = self._ask("read_many", ranges[0][0], ranges=asked)
        ends = list(itertools.accumulate(end - begin for _, begin, end in ranges))
        return [data[begin:end] for begin, end in itertools.pairwise([0, *ends])]

    def write(self, url: Url, data: bytes) -> None:
        """See `Objects`."""
        self._ask("write", url, data)

    def create(self, url: Url, data: bytes) -> bool:
        """See `Objects`."""
        return bool(self._ask("create", url, data)[0])

    def has_create(self, folder: Url) -> bool:
        """See `Objects`."""
        return bool(self._ask("has_create", folder)[0])

    def swap(self, url: Url, data: bytes, before: Stat) -> bool:
        """See `Objects`."""
        seen = [before.size, before.etag, before.modified_ns, before.version]
        return bool(self._ask("swap", url, data, before=seen)[0])

    def has_swap(self, folder: Url) -> bool:
        """See `Objects`."""
        return bool(self._ask("has_swap", folder)[0])

    def copy(self, source: Url, target: Url) -> None:
        """See `Objects`."""
        self._ask("copy", source, target=str(target))

    def upload(self, url: Url, path: str) -> None:
        """See `Objects`."""
        self._ask("upload", url, path=os.path.abspath(path))  # noqa: PTH100

    def remove(self, url: Url) -> None:
        """See `Objects`."""
        self._ask("remove", url)

    def _ask(self, do: str, url: Url, data: bytes = b"", **values: object) -> tuple[Any, bytes]:
        child = self._take()
        assert child.stdin is not None
        assert child.stdout is not None
        answered = False
        try:
            send(child.stdin, {"do": do, "url": str(url), **values}, data)
            answer, more = received(child.stdout)
            answered = True
        except (EOFError, BrokenPipeError):
            raise RemoteError(str(url), "the process that speaks to the service has died") from None
        finally:
            if answered and len(self._idle) < _MOST_IDLE:
                self._idle.append(child)
            else:
                _end(child)
        if isinstance(answer, dict) and "error" in answer:
            raise getattr(errors, answer["error"])(answer["url"], answer["reason"])
        return answer, more

    def _take(self) -> subprocess.Popen[bytes]:
        if self._owner != os.getpid():  # a forked child: the processes are its parent's
            for child in self._idle:
                child.returncode = 0  # not this process's to wait for
                _close(child)
            self._idle, self._owner = [], os.getpid()
        if self._environment != os.environ:  # where the service is, or by which keys, may be told anew
            self.close()
            self._environment = dict(os.environ)
        while self._idle:
            with suppress(IndexError):  # another thread was first
                child = self._idle.pop()
                if child.poll() is None:
                    return child
                _end(child)
        return _start()

    def close(self) -> None:
        """Ends the processes that wait."""
        if self._owner == os.getpid():
            with suppress(IndexError):  # by several threads at once
                while True:
                    _end(self._idle.pop())


def _start() -> subprocess.Popen[bytes]:
    child = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    with suppress(ImportError, OSError, AttributeError):  # fewer turns; Linux only
        import fcntl

        for pipe in (child.stdin, child.stdout):
            fcntl.fcntl(pipe.fileno(), _F_SETPIPE_SZ, _PIPE_BYTES)
    child.stdin.write(json.dumps(sys.path).encode() + b"\n")
    child.stdin.flush()
    return child


def _close(child: subprocess.Popen[bytes]) -> None:
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


def _end(child: subprocess.Popen[bytes]) -> None:
    """Closes its input, with which it ends, once the parts of an upload are put away."""
    _close(child)
    try:
        child.wait(_SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


_SHARED = ProcessObjects()
atexit.register(_SHARED.close)


def objects() -> ProcessObjects:
    """The `Objects` that this process and all its threads share."""
    return _SHARED
