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
        first, last = missing[0], missing[-1]
        file, start, _ = group.place(first)
        _, _, stop = group.place(last)
        began = time.monotonic()
        data = memoryview(objects.read(Url.of(group.files[file].url), start, stop))
        done.seconds += time.monotonic() - began
        done.gets += 1
        done.bytes += len(data)
        for block in list(missing):
            _, begin, end = group.place(block)
            part = data[begin - start : end - start]
            if _core.crc32c(part) == group.sum_of(block):
                _write(descriptor, part, _offset(group, block))
                done.good.append(block)
                missing.remove(block)
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


def _write(descriptor: int, data: memoryview, at: int) -> None:
    while len(data):
        count = os.pwrite(descriptor, data, at)
        data, at = data[count:], at + count
