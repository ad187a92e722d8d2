"""A running hash of a stream, so that a job which goes on behind its first part knows it is the same one."""

from __future__ import annotations

import hashlib
from collections import deque
from dataclasses import dataclass

from pypack.corpus.errors import ChangedInputError


@dataclass(frozen=True, slots=True)
class StreamMark:
    """What the beginning of a stream was.

    Attributes:
        size: uncompressed bytes of that beginning.
        digest: `sha256:<hex>` of them.
    """

    size: int
    digest: str


class StreamHash:
    """Hashes the chunks of a stream, and compares its beginning with what it was in an earlier run."""

    def __init__(self, path: str, expected: StreamMark | None = None) -> None:
        self._path = path
        self._expected = expected
        self._hash = hashlib.sha256()
        self._size = 0
        self._marks = deque([self._mark()])

    def _mark(self) -> StreamMark:
        return StreamMark(self._size, f"sha256:{self._hash.hexdigest()}")

    def add(self, chunk: bytes) -> None:
        """Takes the next bytes.

        Raises:
            ChangedInputError: the beginning is not what it was.
        """
        expected = self._expected
        if expected is not None and self._size + len(chunk) >= expected.size:
            left = expected.size - self._size
            self._hash.update(chunk[:left])
            self._size, chunk, self._expected = expected.size, chunk[left:], None
            if self._mark() != expected:
                raise ChangedInputError(
                    f"{self._path}: is not the stream that the job had begun to read: its first "
                    f"{expected.size:,} bytes differ; give it the same stream, or start over with --overwrite"
                )
        self._hash.update(chunk)
        self._size += len(chunk)
        self._marks.append(self._mark())

    def end(self) -> None:
        """The stream has ended.

        Raises:
            ChangedInputError: before the place that an earlier run had read to.
        """
        if self._expected is not None and self._expected.size > self._size:
            raise ChangedInputError(
                f"{self._path}: is not the stream that the job had begun to read: it ends after "
                f"{self._size:,} bytes, of that one {self._expected.size:,} were read; give it the same "
                "stream, or start over with --overwrite"
            )

    def mark_before(self, size: int) -> StreamMark:
        """The last known mark of at most `size` bytes; asked for with sizes that do not get smaller."""
        while len(self._marks) > 1 and self._marks[1].size <= size:
            self._marks.popleft()
        return self._marks[0]
