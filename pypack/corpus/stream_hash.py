"""A running hash of a stream, so that a job which goes on behind its first part knows it is the same one."""

from __future__ import annotations

import hashlib
from collections import deque
from dataclasses import dataclass
from typing import Any

from pypack._common.words import counted
from pypack.corpus.errors import ChangedInputError

# Chunks are held until a reader has made documents of them; one that never says so does not hold a stream.
_MOST_HELD = 1 << 28


@dataclass(frozen=True, slots=True)
class StreamMark:
    """What the beginning of a stream was.

    Attributes:
        size: uncompressed bytes of that beginning.
        digest: `sha256:<hex>` of them.
    """

    size: int
    digest: str


@dataclass(frozen=True, slots=True)
class StreamPart:
    """A part of a stream with the hash of what stands before it: it knows the hash up to any place in it.

    Attributes:
        begin: uncompressed bytes before it.
        hash: of those bytes; never changed.
        chunks: its bytes, and perhaps more.
    """

    begin: int
    hash: Any
    chunks: tuple[bytes, ...]

    def mark_at(self, size: int) -> StreamMark:
        """What the first `size` bytes of the stream were, or all of them where it has no more."""
        running, place = self.hash.copy(), self.begin
        for chunk in self.chunks:
            if place >= size:
                break
            running.update(chunk[: size - place])
            place += min(len(chunk), size - place)
        return StreamMark(place, f"sha256:{running.hexdigest()}")


class StreamHash:
    """Hashes the chunks of a stream, and compares its beginning with what it was in an earlier run."""

    def __init__(self, path: str, expected: StreamMark | None = None) -> None:
        self._path = path
        self._expected = expected
        self._begun = hashlib.sha256()  # compared with what is expected
        self._size = 0
        self._hash = hashlib.sha256()  # of what stands before the chunks that are held
        self._hashed = 0
        self._chunks: deque[bytes] = deque()

    def add(self, chunk: bytes) -> None:
        """Takes the next bytes.

        Raises:
            ChangedInputError: the beginning is not what it was.
        """
        if self._expected is not None:
            self._begun.update(chunk[: self._expected.size - self._size])
            if self._size + len(chunk) >= self._expected.size:
                self._compare(self._expected)
        self._size += len(chunk)
        self._chunks.append(chunk)
        if self._size - self._hashed > _MOST_HELD:
            self.advance(self._size)

    def _compare(self, expected: StreamMark) -> None:
        self._expected = None
        if f"sha256:{self._begun.hexdigest()}" != expected.digest:
            raise ChangedInputError(
                f"{self._path}: is not the stream that the job had begun to read: its first "
                f"{counted(expected.size, 'byte differs', 'bytes differ')}; give it the same stream, or "
                "start over with --overwrite"
            )

    def end(self) -> None:
        """The stream has ended.

        Raises:
            ChangedInputError: before the place that an earlier run had read to.
        """
        if self._expected is not None and self._expected.size > self._size:
            raise ChangedInputError(
                f"{self._path}: is not the stream that the job had begun to read: it ends after "
                f"{counted(self._size, 'byte')}, of that one {self._expected.size:,} were read; give it the "
                "same stream, or start over with --overwrite"
            )

    def advance(self, size: int) -> None:
        """Lets go of the first `size` bytes of the stream."""
        while self._hashed < size and self._chunks:
            chunk = self._chunks.popleft()
            if len(chunk) > size - self._hashed:
                self._chunks.appendleft(chunk[size - self._hashed :])
                chunk = chunk[: size - self._hashed]
            self._hash.update(chunk)
            self._hashed += len(chunk)

    def part(self) -> StreamPart:
        """What was added behind the last place that it was advanced to."""
        return StreamPart(self._hashed, self._hash.copy(), tuple(self._chunks))
