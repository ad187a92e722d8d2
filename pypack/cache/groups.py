"""What the fetcher knows of a group of files: where they are, which blocks are there, and its segments."""

from __future__ import annotations

import json
import mmap
import os
from bisect import bisect_right
from contextlib import suppress
from itertools import accumulate
from pathlib import Path

import numpy as np

from pypack._common.checksums import block_sums
from pypack._common.files import write_atomically
from pypack.cache.files import RemoteFile
from pypack.cache.layout import (
    ABSENT,
    BOOT_AT,
    EVICTED_AT,
    FAILED,
    FAILURES_AT,
    PRESENT,
    PRESENT_AT,
    SEGMENT_BYTES,
    STATES,
    parts,
    states_bytes,
)


class Group:
    """A group of files in a cache, as its fetcher has it: the one process that writes there.

    Attributes:
        number: that the readers call it by.
        files: its files.
        states: of each block.
        segments: how many there are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.number = int(folder.name[:16], 16)
        self.files = [RemoteFile(**values) for values in json.loads((folder / "about.json").read_bytes())]
        self._block_bytes = [file.block_bytes for file in self.files]
        self._sums = [np.array(block_sums(file.checksum), np.uint32) for file in self.files]
        self._first_segments = [
            0,
            *accumulate(parts(file.size, SEGMENT_BYTES) for file in self.files),
        ]
        sizes = [file.size for file in self.files]
        self._first_blocks = [0, *accumulate(map(parts, sizes, self._block_bytes))]
        self.segments, self.blocks = self._first_segments[-1], self._first_blocks[-1]
        with (folder / "states").open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), states_bytes(self.blocks, self.segments))
        self._counts = np.frombuffer(self._memory, np.uint32, self.segments, STATES.size)
        self.states = np.frombuffer(self._memory, np.uint8, self.blocks, STATES.size + self._counts.nbytes)
        self._numbers = np.frombuffer(self._memory, np.uint64, STATES.size // 8)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    def _add(self, at: int, count: int) -> None:
        self._numbers[at // 8] = np.uint64(int(self._numbers[at // 8]) + count)

    def start(self, boot: bytes, *, is_used: bool) -> list[int]:
        """Takes over what an earlier fetcher has left: its states, if this host runs since, else none.

        Files of another size than theirs are removed.

        Returns:
            The segments that have a file.
        """
        known = bytes(self._memory[BOOT_AT : BOOT_AT + 16])
        if known != boot or (boot == bytes(16) and not is_used):
            # What was written last may not have reached the disk: it is checked again when it is needed.
            self.states[:] = ABSENT
            self._numbers[PRESENT_AT // 8] = 0
            self._memory[BOOT_AT : BOOT_AT + 16] = boot
        found = []
        for path in self.folder.glob("[0-9]*/[0-9]*"):
            segment = int(path.name)
            if segment >= self.segments or path.stat().st_size != self.segment_size(segment):
                path.unlink()
            else:
                found.append(segment)
        missing = np.ones(self.segments, bool)
        missing[found] = False
        for segment in np.flatnonzero(missing).tolist():
            self.forget(segment)
        self._numbers[PRESENT_AT // 8] = int(np.count_nonzero(self.states == PRESENT))
        return found

    def file_of(self, block: int) -> int:
        """The file that a block is of."""
        return bisect_right(self._first_blocks, block) - 1

    def place(self, block: int) -> tuple[int, int, int]:
        """The file of a block, and the bytes of it that the block has: from, to."""
        file = self.file_of(block)
        start = (block - self._first_blocks[file]) * self._block_bytes[file]
        return file, start, min(start + self._block_bytes[file], self.files[file].size)

    def block_size(self, block: int) -> int:
        """Bytes of a block."""
        _, start, stop = self.place(block)
        return stop - start

    def sum_of(self, block: int) -> int:
        """The checksum of a block."""
        file = self.file_of(block)
        return int(self._sums[file][block - self._first_blocks[file]])

    def segment_of(self, block: int) -> int:
        """The segment that a block is in."""
        file, start, _ = self.place(block)
        return self._first_segments[file] + start // SEGMENT_BYTES

    def blocks_of(self, segment: int) -> range:
        """The blocks of a segment."""
        file = bisect_right(self._first_segments, segment) - 1
        each = SEGMENT_BYTES // self._block_bytes[file]
        first = self._first_blocks[file] + (segment - self._first_segments[file]) * each
        return range(first, min(first + each, self._first_blocks[file + 1]))

    def segment_size(self, segment: int) -> int:
        """Bytes of a segment."""
        file = bisect_right(self._first_segments, segment) - 1
        start = (segment - self._first_segments[file]) * SEGMENT_BYTES
        return min(SEGMENT_BYTES, self.files[file].size - start)

    def path(self, segment: int) -> Path:
        """The file of a segment."""
        return self.folder / str(segment >> 12) / str(segment)

    def present_bytes(self, segment: int) -> int:
        """Bytes of a segment that are there."""
        blocks = self.blocks_of(segment)
        present = np.flatnonzero(self.states[blocks.start : blocks.stop] == PRESENT) + blocks.start
        return sum(self.block_size(block) for block in present.tolist())

    def opened(self, segment: int) -> tuple[int, bool]:
        """The file of a segment, open for reading and writing, and whether it was made now."""
        path = self.path(segment)
        with suppress(FileNotFoundError):
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            if os.fstat(descriptor).st_size == self.segment_size(segment):
                return descriptor, False
            os.close(descriptor)
            self.drop(segment)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        self._counts[segment] += 1  # before the file: see cache_layout.hpp
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        os.ftruncate(descriptor, self.segment_size(segment))
        return descriptor, True

    def set_present(self, block: int) -> None:
        """A block has been written and checked."""
        if self.states[block] != PRESENT:
            self._add(PRESENT_AT, 1)
            self.states[block] = PRESENT

    def set_failed(self, block: int, kind: str, url: str, reason: str) -> None:
        """A block cannot be had. The readers are told `kind`, one of `pypack.remote.errors`, and the rest.

        On a full disk there is no place for the words; that it failed is told all the same, as who waits for
        the block would wait for ever.
        """
        folder = self.folder / "failures"
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            write_atomically(folder / str(block), f"{kind}\n{url}\n{reason}".encode())
        except OSError:
            with suppress(OSError):
                (folder / str(block)).unlink()  # the words of an earlier failure
        if self.states[block] != PRESENT:
            self.states[block] = FAILED
        self._add(FAILURES_AT, 1)

    def try_again(self, block: int) -> None:
        """A block that has failed is to be fetched after all."""
        if self.states[block] == FAILED:
            self.states[block] = ABSENT

    def forget(self, segment: int) -> None:
        """Nothing of a segment is there any more."""
        blocks = self.blocks_of(segment)
        part = self.states[blocks.start : blocks.stop]
        self._add(PRESENT_AT, -int(np.count_nonzero(part == PRESENT)))
        part[part == PRESENT] = ABSENT

    def drop(self, segment: int) -> None:
        """Removes the file of a segment; who has it mapped reads on."""
        self.forget(segment)
        self.path(segment).unlink(missing_ok=True)
        self._add(EVICTED_AT, 1)
