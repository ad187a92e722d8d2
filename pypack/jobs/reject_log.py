"""The file of what a unit refused, and the counts of it."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import orjson

from pypack._common.files import create
from pypack.corpus import Reject
from pypack.jobs.places import PlacedFile


def reject_line(record: dict[str, object]) -> bytes:
    """A line of the file."""
    try:
        return orjson.dumps(record) + b"\n"
    except TypeError:  # the name of its file is not UTF-8
        return json.dumps(record).encode() + b"\n"


def moved_line(line: bytes, lines: int) -> bytes:
    """A line of the file for a file of which so many more lines come first."""
    if lines == 0:
        return line
    record = json.loads(line)
    if "line" in record:
        record["line"] += lines
    return reject_line(record)


class RejectLog:
    """Writes rejects to a file as they come: in memory there are none of them.

    Attributes:
        by_kind: rejects of each kind.
        whole_files: how many of them stand for (the rest of) a file.
        size: bytes written.
    """

    def __init__(self, path: Path, before: PlacedFile | None = None, keep_bytes: int = 0) -> None:
        """Makes the file; the first `keep_bytes` of `before`, an earlier attempt's, come first."""
        self.path = path
        self.by_kind: Counter[str] = Counter()
        self.whole_files = 0
        self.size = 0
        self._file = create(path)
        if before is not None and keep_bytes:
            with before.open("rb") as kept:
                while self.size < keep_bytes:
                    line = kept.readline()
                    self._count(json.loads(line))
                    self._file.write(line)
                    self.size += len(line)

    @property
    def total(self) -> int:
        return sum(self.by_kind.values())

    def _count(self, reject: dict[str, object]) -> None:
        self.by_kind[str(reject["kind"])] += 1
        self.whole_files += bool(reject["whole_file"])

    def write(self, rejects: Iterable[Reject]) -> None:
        """Adds rejects."""
        lines = []
        for reject in rejects:
            record = reject.to_json()
            self._count(record)
            lines.append(reject_line(record))
        data = b"".join(lines)
        self._file.write(data)
        self.size += len(data)

    def flush(self) -> None:
        """Lets others read what was written."""
        self._file.flush()

    def sync(self) -> None:
        """Makes what was written durable."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Syncs and closes the file."""
        self.sync()
        self._file.close()

    def abort(self) -> None:
        """Closes the file where the unit ends early; it stays for the next attempt."""
        with suppress(OSError, ValueError):  # of a full disk; the journal knows what was synced
            self._file.close()
