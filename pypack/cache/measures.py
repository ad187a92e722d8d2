"""What a fetcher has counted and measured, for whoever wants to know what a run will cost."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from pypack.cache.fetching import Fetched

_FILE = "measures.json"
_FILE_BYTES = 512  # always, as it is written over
_BETWEEN_SAVES = 0.25
_LARGE = 1 << 20  # bytes: an answer that tells how fast the storage is
_NEW_SHARE = 0.2  # of a measurement in the mean


class Measures:
    """Counts of a cache, kept from fetcher to fetcher in `measures.json`."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _FILE
        self._values = read_measures(folder)
        self._next_save = 0.0
        self._changed = False

    def note(self, done: Fetched) -> None:
        """Counts what a job has fetched."""
        values = self._values
        values["gets"] += done.gets
        values["bytes"] += done.bytes
        values["failures"] += done.error is not None
        if done.gets and not done.error:
            seconds = done.seconds / done.gets
            name = "seconds" if done.bytes / done.gets < _LARGE else "bytes_a_second"
            value = seconds if name == "seconds" else done.bytes / max(done.seconds, 1e-6)
            known = values[name]
            values[name] = value if known is None else known + _NEW_SHARE * (value - known)
        self._changed = True

    def note_full(self) -> None:
        """Counts that the disk was full."""
        self._values["full"] += 1
        self._changed = True

    def save(self) -> None:
        """Writes them now and then, at once and in the same place: to put a file in the place of another may
        wait for the disk, and the line meanwhile for this process. On a full disk later."""
        if self._changed and time.monotonic() >= self._next_save:
            self._next_save = time.monotonic() + _BETWEEN_SAVES
            text = json.dumps(self._values).encode().ljust(_FILE_BYTES)
            with suppress(OSError):
                descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
                try:
                    os.pwrite(descriptor, text, 0)
                    self._changed = False
                finally:
                    os.close(descriptor)


def read_measures(folder: Path) -> dict[str, Any]:
    """Of a cache: gets, bytes, failures, how often its disk was full; seconds of a small answer and bytes a
    second of a large one, None as long as there was none."""
    values: dict[str, Any] = {
        "gets": 0,
        "bytes": 0,
        "failures": 0,
        "full": 0,
        "seconds": None,
        "bytes_a_second": None,
    }
    try:
        found = json.loads((folder / _FILE).read_bytes())
        return values | {name: found[name] for name in values if name in found}
    except (OSError, ValueError, TypeError):
        return values
