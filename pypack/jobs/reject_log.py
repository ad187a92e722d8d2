"""The file of what a job refused, and the counts of it."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import orjson

from pypack._common.files import TEMPORARY_SUFFIX, open_to_append, publish
from pypack.corpus import Reject
from pypack.store.format import REJECTED_FILE


def _line(record: dict[str, object]) -> bytes:
    try:
        return orjson.dumps(record) + b"\n"
    except TypeError:  # the name of its file is not UTF-8
        return json.dumps(record).encode() + b"\n"


class RejectLog:
    """Writes rejects to `rejected.jsonl`, under a temporary name until `publish`.

    Attributes:
        by_kind: rejects of each kind.
        whole_files: how many of them stand for (the rest of) a file.
        size: bytes written.
    """

    def __init__(self, directory: Path, keep_bytes: int = 0) -> None:
        """Opens the log; the first `keep_bytes` of an interrupted job's log stay and are counted."""
        self.path = directory / REJECTED_FILE
        temporary = self.path.with_name(REJECTED_FILE + TEMPORARY_SUFFIX)
        if not temporary.exists() and self.path.exists():
            self.path.replace(temporary)  # the job was interrupted after publishing its log
        self.by_kind: Counter[str] = Counter()
        self.whole_files = 0
        self._temporary = temporary
        self._file = open_to_append(temporary)
        if self._file.tell() < keep_bytes:
            raise ValueError(f"{temporary}: shorter than the journal says; start over with --overwrite")
        self._file.truncate(keep_bytes)
        self.size = keep_bytes
        if keep_bytes:
            with temporary.open("rb") as kept:
                for line in kept:
                    self._count(json.loads(line))

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
            lines.append(_line(record))
        data = b"".join(lines)
        self._file.write(data)
        self.size += len(data)

    def sync(self) -> None:
        """Makes what was written durable."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def publish(self) -> None:
        """Gives the log its name, or leaves no file if nothing was refused."""
        self.sync()
        self._file.close()
        if self.size:
            publish(self._temporary, self.path)
        else:
            self._temporary.unlink()

    def close(self) -> None:
        """Closes the file where the job ends early; it stays for the next run."""
        with suppress(OSError):  # of a full disk; the journal knows what was synced
            self._file.close()
