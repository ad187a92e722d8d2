"""Starting the reading process, and taking batches from it."""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import weakref
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from types import TracebackType
from typing import IO, Any

from pypack.columnar.inlet import ColumnarBatch, received, received_batch
from pypack.columnar.request import BATCH, DONE, REFUSED, REMOTE_ERROR, TAKEN, ReadRequest
from pypack.remote import errors as remote_errors
from pypack.remote import is_url

# The child finds the modules that this process finds, however it was started.
_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.stdin.buffer.readline()); "
    "from pypack.columnar.child import serve; serve()"
)
# What one batch has freed the next one takes, without asking the system, in huge pages (glibc).
_MALLOC = ":".join(
    f"glibc.malloc.{name}={value}"
    for name, value in (
        ("arena_max", 1),
        ("mmap_threshold", 1 << 25),
        ("trim_threshold", 1 << 28),
        ("hugetlb", 1),
    )
)
_PIPE_BYTES = 1 << 20
_SECONDS_TO_DIE = 5.0
_F_SETPIPE_SZ = 1031


class DamagedColumnsError(ValueError):
    """The rest of a file cannot be read; `kind` and `reason` are those of its reject."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason


class ColumnarReader:
    """Reads files one after another in a process of its own, which is started at the first.

    A context manager: leaving the block ends the process, or leaves it to the next reader.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._is_idle = self._reads_objects = False
        self._ending: weakref.finalize[[int, subprocess.Popen[bytes]], ColumnarReader] | None = None

    def read(self, request: ReadRequest) -> Iterator[ColumnarBatch]:
        """The rows of a file in batches.

        Raises:
            DamagedColumnsError: the rest cannot be read, for whatever reason, the reader's death included.
        """
        yield from self._answers(request)

    def fields(self, path: str, format: str, etag: str = "") -> list[tuple[str, str]]:
        """(name, kind in a word) of the columns of a file, as `pypack.columnar.fields.read_fields` has them.

        Raises:
            DamagedColumnsError: it cannot be read.
        """
        answers = self._answers(ReadRequest(path, format, "", is_text=False, only_fields=True, etag=etag))
        try:
            while True:
                next(answers)
        except StopIteration as end:
            return [(str(name), str(kind)) for name, kind in end.value["fields"]]

    def _answers(self, request: ReadRequest) -> Generator[ColumnarBatch, None, dict[str, Any]]:
        """The batches that answer a request; returns what the last message says."""
        if self._process is not None and self._reads_objects != is_url(request.path):
            self.close()
        # One that reads objects is for this reader alone: where they are, the environment said at its start.
        self._reads_objects = is_url(request.path)
        child = self._process or (None if self._reads_objects else self._take()) or self._start()
        self._is_idle = False
        stdin, stdout = child.stdin, child.stdout
        assert stdin is not None
        assert stdout is not None
        finished = False
        try:
            # The process may have been started in another folder.
            self._tell(stdin, asdict(_anywhere(request)))
            while True:
                kind, head = received(stdout)
                if kind != BATCH:
                    break
                batch = received_batch(head, stdout, request)
                stdin.write(TAKEN)
                stdin.flush()
                yield batch
                del batch
            finished = self._is_idle = True
        except (EOFError, BrokenPipeError):
            raise DamagedColumnsError("damaged_file", self._death()) from None
        finally:
            if not finished:  # nobody reads the rest: the next file gets a process of its own
                self.close()
        if kind == REFUSED and head["kind"] == REMOTE_ERROR:
            error = getattr(remote_errors, head["name"])
            raise error(head["url"], head["reason"])
        if kind == REFUSED:
            raise DamagedColumnsError(str(head["kind"]), str(head["reason"]))
        assert kind == DONE
        return head

    def _take(self) -> subprocess.Popen[bytes] | None:
        """The process that an earlier reader left, if this is the process that started it."""
        try:
            owner, child = _IDLE.pop()
        except IndexError:
            return None
        if owner != os.getpid():
            _end(owner, child)
            return None
        self._adopt(child)
        if child.poll() is not None:
            self.close()
        return self._process

    def _start(self) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            # Memory that is asked for is taken from the system at once, and counted against the limit.
            "ARROW_DEFAULT_MEMORY_POOL": "system",
            **({} if self._reads_objects else {"HF_HUB_OFFLINE": "1"}),
            "GLIBC_TUNABLES": ":".join(filter(None, [_MALLOC, os.environ.get("GLIBC_TUNABLES")])),
        }
        child = subprocess.Popen(
            [sys.executable, "-I", "-c", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        self._adopt(child)
        assert child.stdin is not None
        assert child.stdout is not None
        with suppress(ImportError, OSError):  # fewer turns; Linux only, and no more than the user may
            import fcntl

            fcntl.fcntl(child.stdout.fileno(), _F_SETPIPE_SZ, _PIPE_BYTES)
        self._tell(child.stdin, sys.path)
        return child

    def _adopt(self, child: subprocess.Popen[bytes]) -> None:
        """Takes a process, which ends with this reader at the latest, however that goes.

        Not by `__del__`: within a cycle (a traceback that holds the frame that reads), the garbage collector
        may ask the process and its pipes first, and those would find themselves open.
        """
        self._process = child
        self._ending = weakref.finalize(self, _end, os.getpid(), child)

    @staticmethod
    def _tell(stdin: IO[bytes], values: object) -> None:
        stdin.write(json.dumps(values).encode() + b"\n")
        stdin.flush()

    def _death(self) -> str:
        """How the process ended, in words."""
        assert self._process is not None
        try:
            status = self._process.wait(_SECONDS_TO_DIE)
        except subprocess.TimeoutExpired:  # it lives, and has sent what is no message
            return "damaged while it was read"
        if status == -getattr(signal, "SIGVTALRM", 0):
            return "reading it does not come to an end"
        if status < 0:
            with suppress(ValueError):
                return f"the library that reads it crashed ({signal.Signals(-status).name})"
        return f"the process that reads it ended with status {status}"

    def close(self) -> None:
        """Ends the process."""
        if self._ending is not None:
            self._ending()
        self._process = self._ending = None

    def __enter__(self) -> ColumnarReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        is_idle = self._is_idle and not self._reads_objects
        if self._process is not None and self._ending is not None and is_idle and not _IDLE:
            self._ending.detach()
            _IDLE.append((os.getpid(), self._process))
            self._process = self._ending = None
        self.close()


def _end(owner: int, child: subprocess.Popen[bytes]) -> None:
    """Ends a reading process and closes its pipes; one that a fork inherited belongs to its parent."""
    if owner == os.getpid():
        child.kill()
        child.wait()
    else:
        child.returncode = 0  # not this process's to wait for
    for pipe in (child.stdin, child.stdout):
        with suppress(OSError):  # what was not sent goes nowhere
            if pipe is not None:
                pipe.close()


def _anywhere(request: ReadRequest) -> ReadRequest:
    """The request with a path that is right in every folder."""
    return request if is_url(request.path) else replace(request, path=os.path.abspath(request.path))  # noqa: PTH100


def row_groups(path: str) -> list[tuple[int, int]]:
    """(rows, bytes on disk) of each row group of a Parquet file; none where it cannot be read."""
    request = ReadRequest(path, "row groups", "", is_text=False)
    try:
        with ColumnarReader() as reader:
            return [(batch.rows, batch.disk_bytes) for batch in reader.read(request)]
    except DamagedColumnsError:  # reading it says so again, and then it is rejected
        return []


# One process that waits for the next reader, as starting it takes longer than a small file; it ends with this
# one. (Owner, because a fork has it, too.)
_IDLE: list[tuple[int, subprocess.Popen[bytes]]] = []


def _end_idle() -> None:
    with ColumnarReader() as reader:
        reader._take()


atexit.register(_end_idle)
