"""Files of stores at URLs brought into a folder: by blocks, many at once, each compared with its checksum."""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pypack import _core
from pypack._common.checksums import (
    BLOCK_BYTES,
    block_bytes_of,
    block_sums,
    check_checksum,
    has_block_sums,
)
from pypack._common.files import TEMPORARY_SUFFIX, create
from pypack._common.words import counted
from pypack.jobs.crash import crash_at
from pypack.jobs.moved import Moved
from pypack.remote import Url, objects
from pypack.store.asked_again import asked_again

_FILES_AT_ONCE = 8
_BLOCKS_AT_ONCE = 8


@dataclass
class Fetched:
    """What `fetch` has brought.

    Attributes:
        files, bytes: now, or in a call before that was killed.
    """

    files: int = 0
    bytes: int = 0


def fetch(files: Iterable[Moved], folder: Path) -> Fetched:
    """Brings objects into a folder that nobody else writes to. What has its name there has come whole, in a
    call before. Memory: eight blocks of 8 MiB.

    Raises:
        ValueError: one is not what was recorded, each time that it is read.
        RemoteError: one is not there; the service does not answer, or does not allow it.
        OSError: the disk is full.
    """
    found = Fetched()
    with (
        ThreadPoolExecutor(_BLOCKS_AT_ONCE, "pypack-fetch") as blocks,
        ThreadPoolExecutor(_FILES_AT_ONCE, "pypack-fetch-file") as threads,
    ):
        for size in threads.map(partial(_fetch, folder, blocks), files):
            found.files += 1
            found.bytes += size
    return found


def _fetch(folder: Path, blocks: ThreadPoolExecutor, file: Moved) -> int:
    assert file.size is not None
    target = folder / file.new_name
    if target.exists() and target.stat().st_size == file.size:
        return file.size
    temporary = target.with_name(target.name + TEMPORARY_SUFFIX)
    fill(temporary, file, blocks)
    crash_at("fetch", file.new_name)
    temporary.rename(target)
    return file.size


def fill(temporary: Path, file: Moved, blocks: ThreadPoolExecutor) -> None:
    """Writes a new file of what an object holds, which has its checksum.

    Raises:
        ValueError: it is not what was recorded, each time that it is read.
        RemoteError: it is not there; the service does not answer, or does not allow it.
    """
    if file.recorded is None or has_block_sums(file.recorded):
        _fill(temporary, file, blocks)
    else:
        asked_again(partial(_fill_and_check, temporary, file, blocks, file.recorded))


def _fill_and_check(temporary: Path, file: Moved, blocks: ThreadPoolExecutor, recorded: str) -> None:
    """Of a checksum of the whole."""
    _fill(temporary, file, blocks)
    try:
        check_checksum(temporary, recorded)
    except ValueError as error:
        told = file.source.told(file.name)
        raise ValueError(f"{told}: {str(error).removeprefix(f'{temporary}: ')}") from None


def _fill(temporary: Path, file: Moved, blocks: ThreadPoolExecutor) -> None:
    sums = block_sums(file.recorded) if file.recorded and has_block_sums(file.recorded) else None
    step = BLOCK_BYTES if sums is None or file.recorded is None else block_bytes_of(file.recorded)
    size = file.size or 0
    if sums is not None and len(sums) != -(-size // step):
        raise ValueError(
            f"{file.source.told(file.name)}: {counted(size, 'byte')}, which its checksum is not of"
        )
    temporary.unlink(missing_ok=True)  # of a call that was killed
    with create(temporary) as room:
        jobs = [
            blocks.submit(
                _block, file, begin, min(begin + step, size), None if sums is None else sums[begin // step],
                room.fileno(),
            )
            for begin in range(0, size, step)
        ]  # fmt: skip
        wait(jobs)  # all of them, before the file is closed
        for job in jobs:
            job.result()
        os.fsync(room.fileno())


def _block(file: Moved, begin: int, end: int, wanted: int | None, room: int) -> None:
    assert isinstance(file.source.folder, Url)
    url = file.source.folder / file.name

    def read() -> bytes:
        data = objects().read(url, begin, end)
        if wanted is not None and _core.crc32c(data, 0) != wanted:
            raise ValueError(
                f"{url}: bytes {begin:,} to {end:,} do not have the recorded checksum: it has changed"
            )
        return data

    data = memoryview(asked_again(read))
    while data:
        written = os.pwrite(room, data, begin)
        begin, data = begin + written, data[written:]
