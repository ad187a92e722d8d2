"""Fetching some neighbouring blocks of a file, in a thread of the fetcher."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field

from pypack import _core
from pypack.cache.groups import Group
from pypack.remote import DirectObjects, RemoteError, Url

_TRIES = 5  # for bytes that are not those of the checksum
_PAUSE = 0.05  # seconds, growing
_LOOK = 4096


@dataclass
class Fetched:
    """What came of it.

    Attributes:
        blocks: that were to be fetched.
        good: of these, what is written and has its checksum.
        error: kind, URL and reason, where some are not; or the OSError of the disk.
        gets, bytes, seconds: of what was asked for.
    """

    group: Group
    segment: int
    blocks: range
    good: list[int] = field(default_factory=list)
    error: tuple[str, str, str] | None = None
    disk_error: OSError | None = None
    gets: int = 0
    bytes: int = 0
    seconds: float = 0.0


def fetch(
    objects: DirectObjects, group: Group, segment: int, blocks: range, descriptor: int, is_new: bool
) -> Fetched:
    """Fetches blocks of one segment by one range, checks each, and writes it into the segment's file.

    What is in the file already, of before the host has started, is looked at first.

    Args:
        descriptor: of the segment's file, which is closed.
        is_new: nothing is in it yet.
    """
    done = Fetched(group, segment, blocks)
    try:
        if not is_new:
            _adopt(done, descriptor)
        if len(done.good) < len(blocks):
            _fetch(objects, done, descriptor)
    except RemoteError as error:
        done.error = (type(error).__name__, error.url, error.reason)
    except OSError as error:
        done.disk_error = error
    except Exception as error:  # a library's own: told, and not the end of the fetcher
        file, start, _ = group.place(blocks.start)
        done.error = ("RemoteError", group.files[file].url, f"from byte {start:,} on: {error!r}")
    finally:
        os.close(descriptor)
    return done


def _adopt(done: Fetched, descriptor: int) -> None:
    """Blocks that were written once, and not noted. (One that begins like a hole is fetched again.)"""
    for block in done.blocks:
        at, size = _offset(done.group, block), done.group.block_size(block)
        if not any(os.pread(descriptor, min(size, _LOOK), at)):
            continue
        if _core.crc32c(os.pread(descriptor, size, at)) == done.group.sum_of(block):
            done.good.append(block)


def _offset(group: Group, block: int) -> int:
    """Where a block begins in its segment."""
    _, start, _ = group.place(block)
    _, first, _ = group.place(group.blocks_of(group.segment_of(block)).start)
    return start - first


def _fetch(objects: DirectObjects, done: Fetched, descriptor: int) -> None:
    group = done.group
    missing = [block for block in done.blocks if block not in done.good]
    for tries in range(_TRIES):
        run = range(missing[0], missing[-1] + 1)
        file, start, _ = group.place(run.start)
        _, _, stop = group.place(run[-1])
        _core.make_file_room(descriptor, _offset(group, run.start), stop - start)
        blocks = _Blocks(group, run, frozenset(missing), descriptor)
        began = time.monotonic()
        try:
            objects.read_to(Url.of(group.files[file].url), start, stop, blocks.take)
        except _DiskError as error:
            raise error.of_system from None
        finally:
            done.seconds += time.monotonic() - began
            done.gets += 1
            done.bytes += blocks.bytes
            done.good += sorted(blocks.good)
        missing = [block for block in missing if block not in blocks.good]
        if not missing:
            return
        time.sleep(_PAUSE * 2**tries)
    _, begin, end = group.place(missing[0])
    raise RemoteError(
        group.files[file].url,
        f"bytes {begin:,} to {end:,} do not have the checksum of the store ({_TRIES} tries): the object has "
        "changed since it was written, or the server gives other bytes; upload it again, or look with "
        "`pypack verify`",
    )


class _DiskError(Exception):
    """An OSError of the disk, where those of a network are awaited."""

    def __init__(self, of_system: OSError) -> None:
        super().__init__(str(of_system))
        self.of_system = of_system


class _Blocks:
    """Neighbouring blocks that come in pieces, and are written and summed as they come.

    They are written before it is known whether they are good: nobody reads a block that is not present. What
    is good already and comes once more, between others, is left as it is.

    Attributes:
        good: those of `missing` that are there by now and have their checksums.
        bytes: that have come.
    """

    def __init__(self, group: Group, blocks: range, missing: frozenset[int], descriptor: int) -> None:
        self.good: set[int] = set()
        self.bytes = 0
        self._group = group
        self._missing = missing
        self._descriptor = descriptor
        self._at = _offset(group, blocks.start)  # in the segment
        self._rest = iter(blocks)
        self._begin_next()

    def _begin_next(self) -> None:
        self._block = next(self._rest, -1)
        self._left = 0 if self._block < 0 else self._group.block_size(self._block)
        self._sum = 0

    def take(self, piece: memoryview) -> None:
        """The bytes that follow those of before."""
        self.bytes += len(piece)
        while piece:
            part, piece = piece[: self._left], piece[self._left :]
            try:
                if self._block in self._missing:
                    self._sum = _core.write_summed(self._descriptor, part, self._at, self._sum)
            except OSError as error:
                raise _DiskError(error) from None
            self._at += len(part)
            self._left -= len(part)
            if not self._left:
                if self._block in self._missing and self._sum == self._group.sum_of(self._block):
                    self.good.add(self._block)
                self._begin_next()
