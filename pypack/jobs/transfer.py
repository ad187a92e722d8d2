"""Files of stores as objects of another: copied within the service if that can be, else by this machine."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from pypack._common.checksums import check_checksum
from pypack.jobs.attempts import Attempt
from pypack.jobs.fetching import fill
from pypack.jobs.moved import Moved
from pypack.jobs.place import FolderPlace
from pypack.jobs.remote_place import RemotePlace
from pypack.remote import Url, objects

_AT_ONCE = 8
# What services copy by one request.
_MOST_WITHIN = 5 << 30


@dataclass
class Transferred:
    """What `transfer` has done.

    Attributes:
        within: files that the service has copied by itself, now or before.
        through, through_bytes: those that went through this machine.
    """

    within: int = 0
    through: int = 0
    through_bytes: int = 0


def transfer(files: Iterable[Moved], target: RemotePlace, *, again: bool = False) -> Transferred:
    """Copies files, several at once.

    Args:
        again: also those that are there with the same size, which else are of a call that was killed.

    Raises:
        FileNotFoundError: one is not there.
        ValueError: one that goes through this machine is not what was recorded.
        RemoteError: the service does not answer, or does not allow it.
    """
    there = target.sizes()
    found = Transferred()

    def copy(file: Moved) -> tuple[bool, int]:
        size = file.size if file.size is not None else file.source.size(file.name)
        if size is None:
            raise FileNotFoundError(f"{file.source.told(file.name)}: missing")
        is_within = _is_within(file, target, size)
        if again or there(file.new_name) != size:
            if is_within:
                _within(file, target)
            else:
                _through(replace(file, size=size), target, blocks)
        return is_within, size

    with (
        ThreadPoolExecutor(_AT_ONCE, "pypack-fetch") as blocks,
        ThreadPoolExecutor(_AT_ONCE, "pypack-transfer") as threads,
    ):
        for is_within, size in threads.map(copy, files):
            found.within += is_within
            found.through += not is_within
            found.through_bytes += 0 if is_within else size
    return found


def _is_within(file: Moved, target: RemotePlace, size: int) -> bool:
    source = file.source.folder
    return isinstance(source, Url) and source.has_bucket_of(target.folder) and size <= _MOST_WITHIN


def _within(file: Moved, target: RemotePlace) -> None:
    assert isinstance(file.source.folder, Url)
    objects().copy(file.source.folder / file.name, target.folder / file.new_name)


def _through(file: Moved, target: RemotePlace, blocks: ThreadPoolExecutor) -> None:
    if isinstance(file.source, FolderPlace):
        path = file.source.path(file.name)
        _check(path, file)
        objects().upload(target.folder / file.new_name, str(path))
        return
    attempt = Attempt()
    copy = target.temporary(file.new_name, attempt)
    try:
        fill(copy, file, blocks)
        objects().upload(target.folder / file.new_name, str(copy))
    finally:
        copy.unlink(missing_ok=True)
        attempt.end()


def _check(path: Path, file: Moved) -> None:
    try:
        if file.recorded is not None:
            check_checksum(path, file.recorded)
    except ValueError as error:
        told = file.source.told(file.name)
        raise ValueError(f"{told}: {str(error).removeprefix(f'{path}: ')}") from None
