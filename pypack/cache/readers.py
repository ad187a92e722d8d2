"""What the readers of a cache need, and when, as its fetcher reads it."""

from __future__ import annotations

import fcntl
import mmap
import os
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from pypack.cache.layout import SAME_WANT, WANT, WANTS, WANTS_MAGIC

Key = tuple[int, int]  # number of a group, block
_STARTING_SECONDS = 3.0
_TICK_NS = 20_000_000  # more than one of the clock of any file system
_NEVER = 1 << 62
_SOON = 1  # batches: what is due so soon is needed by the step that a reader is at


@dataclass
class Wants:
    """What readers have asked for.

    Attributes:
        blocks: of each, batches until it is needed first.
        damaged: groups and segments of them that could not be mapped.
    """

    blocks: dict[Key, int] = field(default_factory=dict)
    damaged: list[tuple[int, int]] = field(default_factory=list)


class Reader:
    """One reader: its clock, and the blocks that it needs at which times of it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self._memory = mmap.mmap(self._descriptor, 0)
        magic, _, _, written, capacity = WANTS.unpack_from(self._memory)
        if magic != WANTS_MAGIC or len(self._memory) < WANTS.size + capacity * WANT.size:
            raise ValueError(f"{path}: is no reader of a cache")
        self._capacity = capacity
        self._read = max(0, written - capacity)
        self._dues: dict[Key, deque[int]] = {}  # sorted
        self._last_news = time.monotonic()

    def close(self) -> None:
        """Lets go of its memory."""
        self._memory.close()
        os.close(self._descriptor)

    def is_alive(self) -> bool:
        """Whether its process lives: the lock on its file is freed by the kernel when it dies."""
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        return False

    @property
    def clock(self) -> int:
        """Batches that it has begun."""
        return int(WANTS.unpack_from(self._memory)[2])

    @property
    def is_starting(self) -> bool:
        """Whether it waits for its first batch: nothing else is to be fetched meanwhile."""
        return self.clock <= 1 and time.monotonic() - self._last_news < _STARTING_SECONDS

    def news(self) -> Wants:
        """Wants since the last call."""
        found = Wants()
        written = int(WANTS.unpack_from(self._memory)[3])
        if written - self._read > self._capacity:
            self._read = written - self._capacity  # the rest is asked for again by who waits for it
        if written > self._read:
            self._last_news = time.monotonic()
        clock, dues, blocks = self.clock, self._dues, found.blocks
        for group, block, due in self._written(self._read, written):
            key = (group, block)
            if block < 0:
                found.damaged.append((group, -1 - block))
                continue
            of_block = dues.get(key)
            if of_block is None:
                dues[key] = deque((due,))
            elif due >= of_block[-1]:
                of_block.append(due)  # nearly all: steps are asked for in their order
            else:
                dues[key] = deque(sorted((*of_block, due)))
            if due - clock < blocks.get(key, _NEVER):
                blocks[key] = due - clock
        self._read = written
        return found

    def _written(self, first: int, stop: int) -> Iterator[tuple[int, int, int]]:
        """Wants by their numbers; they are written round and round."""
        while first < stop:
            place = first % self._capacity
            count = min(stop - first, self._capacity - place)
            begin = WANTS.size + place * WANT.size
            yield from WANT.iter_unpack(self._memory[begin : begin + count * WANT.size])
            first += count

    def distances(self) -> dict[Key, int]:
        """Batches until each block is needed next; none of what is needed no more, as far as it is known."""
        clock = self.clock
        found: dict[Key, int] = {}
        gone = []
        for key, dues in self._dues.items():
            while dues and dues[0] + SAME_WANT < clock:
                dues.popleft()
            if dues:
                found[key] = max(0, dues[0] - clock)
            else:
                gone.append(key)
        for key in gone:
            del self._dues[key]
        return found


class Readers:
    """All readers of a cache."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._readers: dict[str, Reader] = {}
        self._changed_ns = 0  # the folder, at the last look

    def __len__(self) -> int:
        return len(self._readers)

    def have_changed(self) -> bool:
        """Whether one has come or gone since the last look, as far as the folder tells: of changes within one
        tick of its clock the second does not show."""
        changed = self._folder.stat().st_mtime_ns
        return changed != self._changed_ns or abs(time.time_ns() - changed) < _TICK_NS

    def look(self) -> None:
        """Finds those that have come and gone."""
        self._changed_ns = self._folder.stat().st_mtime_ns
        for path in self._folder.iterdir():
            if path.name not in self._readers and not path.name.endswith(".new"):
                with suppress(FileNotFoundError, ValueError):
                    self._readers[path.name] = Reader(path)
        for name, reader in list(self._readers.items()):
            if reader.is_alive() and reader.path.exists():
                continue
            reader.close()
            del self._readers[name]
            reader.path.unlink(missing_ok=True)

    def news(self) -> Wants:
        """Wants of all since the last call."""
        found = Wants()
        for reader in self._readers.values():
            one = reader.news()
            found.damaged += one.damaged
            for key, distance in one.blocks.items():
                found.blocks[key] = min(distance, found.blocks.get(key, distance))
        return found

    def distances(self) -> dict[Key, int]:
        """Batches until each block is needed next by any of them."""
        found: dict[Key, int] = {}
        for reader in self._readers.values():
            for key, distance in reader.distances().items():
                found[key] = min(distance, found.get(key, distance))
        return found

    def are_starting(self) -> bool:
        """Whether one of them waits for its first batch."""
        return any(reader.is_starting for reader in self._readers.values())


def is_soon(distance: int) -> bool:
    """Whether what is needed in so many batches belongs to the step that a reader is at."""
    return distance <= _SOON
