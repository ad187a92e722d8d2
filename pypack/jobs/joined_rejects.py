"""The rejects of all units of a job as one file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator

from pypack.jobs.description import JobDescription
from pypack.jobs.manifest import Manifest, rejects_name
from pypack.jobs.places import Place
from pypack.jobs.reject_log import moved_line
from pypack.jobs.retry import superseded

_CHUNK = 1 << 20


class JoinedRejects:
    """The rejects of units in order, without those that a later unit has tried again.

    Readers of a piece number its lines from 0: here the lines of the pieces before it are added.

    Attributes:
        first: the first of them in words, once the parts were read; "" if there is none.
        tried_again: of those left out how many there are of each kind, whole files apart.
    """

    def __init__(self, place: Place, job: JobDescription, manifests: Iterable[Manifest]) -> None:
        self._place, self._job, self._manifests = place, job, manifests
        self._old = superseded(job)
        self.first = ""
        self.tried_again: Counter[tuple[str, bool]] = Counter()

    def parts(self) -> Iterator[bytes]:
        """The content of the file."""
        lines, file = 0, -1  # before the piece, in its file
        for manifest in self._manifests:
            unit = self._job.units[manifest.unit]
            if unit.first != file or unit.end is None:
                lines, file = 0, unit.first
            if manifest.rejects_bytes:
                for part in self._of_unit(manifest.unit, lines):
                    self.first = self.first or _in_words(part[: part.index(b"\n")])
                    yield part
            lines += manifest.lines or 0

    def _of_unit(self, unit: int, lines: int) -> Iterator[bytes]:
        with self._place.open(rejects_name(unit)) as source:
            if self._old.get(unit):
                yield from (moved_line(line, lines) for line in self._current(source, unit))
            elif lines:
                yield from (moved_line(line, lines) for line in source)
            else:
                while chunk := source.read(_CHUNK):
                    yield chunk

    def _current(self, lines: Iterable[bytes], unit: int) -> Iterator[bytes]:
        for line in lines:
            record = json.loads(line)
            if record["file"] in self._old[unit]:
                self.tried_again[record["kind"], record["whole_file"]] += 1
            else:
                yield line


def _in_words(line: bytes) -> str:
    record = json.loads(line)
    where = f"line {record['line']} (byte {record['offset']})" if "line" in record else f"row {record['row']}"
    return f"{record['file']}: {where}: {record['reason']}"
