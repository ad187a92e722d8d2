"""The reading process: takes requests from standard input, sends batches to standard output."""

from __future__ import annotations

import json
import os
import signal
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pypack.columnar.outlet import Outlet
from pypack.columnar.request import BATCH, DONE, MESSAGE, REFUSED, REMOTE_ERROR, ReadRequest
from pypack.remote import RemoteError

# Memory for one file: in proportion to its size, and so much in any case; a document at the limit is held
# some times over (as a page, as a column, in a message).
_LEAST_BYTES = 192 << 20
_TIMES_FILE_SIZE = 16
_TIMES_DOCUMENT = 3
# Processor time for one batch, which takes some hundredths of a second: a reader that loops ends with it.
_SECONDS_PER_BATCH = 10.0


def serve() -> None:
    """Answers requests, a line of JSON each, until standard input ends."""
    out = _own_output()
    if hasattr(signal, "SIGINT"):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the job's; it ends this process
    for line in sys.stdin.buffer:
        values = json.loads(line)
        tuples = {name: tuple(values[name]) for name in ("keep", "texts")}
        _answer(ReadRequest(**{**values, **tuples}), out)


def _own_output() -> Outlet:
    """Standard output for messages alone: what libraries print goes nowhere."""
    out = Outlet(os.dup(1))
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    return out


def _answer(request: ReadRequest, out: Outlet) -> None:
    import pyarrow as pa

    from pypack.columnar.arrow_columns import read_arrow_columns
    from pypack.columnar.fields import read_fields
    from pypack.columnar.files import read_columns, read_pieces, row_groups
    from pypack.columnar.piece import Piece
    from pypack.columnar.values import RefusedFileError, brief

    sink = pa.PythonFile(out, "w")

    if request.format == "dataset":
        import datasets  # noqa: F401  # before memory is limited
    limit = _MemoryLimit(request)
    last: dict[str, Any] = {}
    try:
        if request.only_fields:
            _limit_processor_time(_SECONDS_PER_BATCH)
            last = {"fields": read_fields(request)}
            pieces: Iterator[Piece] = iter(())
        elif request.format == "row groups":
            pieces = row_groups(request)
        elif request.format == "columns":
            pieces = read_columns(request)
        elif request.format == "arrow columns":
            pieces = read_arrow_columns(request)
        else:
            pieces = read_pieces(request, limit.widen)
        while True:
            _limit_processor_time(_SECONDS_PER_BATCH)
            piece = next(pieces, None)
            _limit_processor_time(0)
            if piece is None:
                break
            head = {"row": piece.row, "rows": piece.rows, "disk_bytes": piece.disk_bytes,
                    "is_checked": piece.is_checked,
                    "faults": [[row, *fault] for row, fault in sorted(piece.faults.items())]}  # fmt: skip
            _send(out, BATCH, head)
            with pa.ipc.new_stream(sink, piece.good.schema) as writer:
                writer.write_batch(piece.good)
            out.flush()
            if not sys.stdin.buffer.readline():  # the reader has all of it, and says so
                return
            out.forget()
    except RefusedFileError as refused:
        _send(out, REFUSED, {"kind": refused.kind, "reason": refused.reason})
        return
    except MemoryError:
        reason = f"cannot be read with {limit.allowed >> 20} MiB of memory"
        _send(out, REFUSED, {"kind": "damaged_file", "reason": reason})
        return
    except RemoteError as error:
        told = {"name": type(error).__name__, "url": error.url, "reason": error.reason}
        _send(out, REFUSED, {"kind": REMOTE_ERROR, **told})
        return
    except FileNotFoundError as error:
        reason = f"cannot be read: {error.strerror or brief(error)}"
        _send(out, REFUSED, {"kind": "unreadable_file", "reason": reason})
        return
    except Exception as error:  # libraries raise what they like about a damaged file
        _send(out, REFUSED, {"kind": "damaged_file", "reason": brief(error)})
        return
    finally:
        _limit_processor_time(0)
        limit.lift()
    _send(out, DONE, last)


def _send(out: Outlet, kind: bytes, values: dict[str, Any]) -> None:
    data = json.dumps(values).encode()
    out.write(struct.pack(MESSAGE, kind, len(data)) + data)
    out.flush()


def _limit_processor_time(seconds: float) -> None:
    if hasattr(signal, "setitimer"):  # by its signal's default action the process ends
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds)


class _MemoryLimit:
    """The most memory that one file may take, where the system has such limits (Linux)."""

    def __init__(self, request: ReadRequest) -> None:
        import pyarrow.compute  # all libraries are there before memory is limited
        import pyarrow.parquet  # noqa: F401

        from pypack.columnar.files import most_unpacked_bytes
        from pypack.columnar.sources import size_of

        try:
            size = size_of(request)  # of an object its client is there, too, before memory is limited
        except OSError:
            size = 0  # reading says what is wrong with it
        self.allowed = max(_LEAST_BYTES, _TIMES_FILE_SIZE * size)
        document = min(request.max_document_bytes, most_unpacked_bytes(size))
        self._most = max(self.allowed, _LEAST_BYTES + _TIMES_DOCUMENT * document)
        self._set(self.allowed)

    def widen(self) -> None:
        """Allows as much as a document of the largest size takes."""
        self.allowed = self._most
        self._set(self.allowed)

    def lift(self) -> None:
        """Takes the limit away."""
        self._set(None)

    def _set(self, allowed: int | None) -> None:
        try:
            import resource

            used = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
            hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
            soft = hard if allowed is None else used + allowed
            if hard != resource.RLIM_INFINITY:
                soft = min(soft, hard)
            resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
            resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        except (ImportError, OSError, ValueError):
            pass
