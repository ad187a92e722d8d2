"""What a conversion writes: whole or not at all, whenever it is killed.

Everything is written in a folder of its own beside the target, `NAME.partial.<12 hex digits>`, synced, and
renamed at the end. Where that takes several renames (the files of a Megatron-Core dataset), the folder first
says which: the next run undoes those of one that was killed between two of them.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from pypack._common.files import TEMPORARY_SUFFIX, sync_directory, write_atomically

_LOCK_FILE, _RENAMES_FILE = ".lock", ".renames.json"
_OWN_FILES = frozenset([_LOCK_FILE, _RENAMES_FILE])
# Where there are no locks, a folder in which nothing has changed for so long is of nobody who lives.
_SECONDS_UNTOUCHED = 24 * 3600.0


@contextmanager
def written_whole(
    target: Path, names: Sequence[str], *, orphans: int = 0, into_empty: bool = False
) -> Iterator[Path]:
    """A folder to write in; what stands in it when the block ends normally gets its place beside `target`.

    Args:
        target: what is made; leftovers of killed runs that were to make it are cleaned up first.
        names: the files or folders that will stand in the folder, under the names that they are to have
            beside `target`, the one last that makes the result one. Those that are missing are passed over.
        into_empty: an empty folder that stands at a name is replaced.
        orphans: of so many of the first names files may stand there, and are replaced.

    Raises:
        FileExistsError: one of the others stands there already.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    clean_leftovers(target)
    refuse_existing(target.parent, names[orphans:], into_empty=into_empty)
    work = target.with_name(f"{target.name}{TEMPORARY_SUFFIX}.{secrets.token_hex(6)}")
    work.mkdir()
    lock = _locked(work)
    try:
        yield work
        there = [name for name in names if os.path.lexists(work / name)]
        for name in there:
            _sync(work / name)
        refuse_existing(target.parent, names[orphans:], into_empty=into_empty)
        if len(there) > 1:
            numbers = {name: os.lstat(work / name).st_ino for name in there}
            write_atomically(work / _RENAMES_FILE, json.dumps(numbers).encode())
        for name in there:
            (work / name).rename(target.parent / name)
            sync_directory(target.parent)
    except BaseException:
        _undo(work)
        raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
        _unlock(lock)


def refuse_existing(folder: Path, names: Sequence[str], *, into_empty: bool = False) -> None:
    """Raises FileExistsError where something stands at one of the names."""
    for name in names:
        place = folder / name
        if os.path.lexists(place) and not (into_empty and _is_empty_folder(place)):
            raise FileExistsError(f"{place} exists: choose another path, or remove it first")


def clean_leftovers(target: Path) -> None:
    """Removes what killed runs left that were to make `target`, and takes back half of a result."""
    pattern = re.compile(re.escape(f"{target.name}{TEMPORARY_SUFFIX}.") + "[0-9a-f]{12}")
    for entry in list(target.parent.iterdir()) if target.parent.is_dir() else []:
        if not pattern.fullmatch(entry.name) or entry.is_symlink() or not entry.is_dir():
            continue
        lock = _locked(entry)
        if lock is None:  # of a run that lives
            continue
        _undo(entry)
        shutil.rmtree(entry, ignore_errors=True)
        _unlock(lock)


def _undo(work: Path) -> None:
    """Takes back the renames of a run that did not do all of them."""
    try:
        numbers = json.loads((work / _RENAMES_FILE).read_bytes())
    except (OSError, ValueError):
        return
    remaining = [name for name in numbers if os.path.lexists(work / name)]
    if not remaining:  # all were done: the result is whole
        return
    for name, number in numbers.items():
        place = work.parent / Path(name).name
        with suppress(OSError):
            if name not in remaining and os.lstat(place).st_ino == number:
                shutil.rmtree(place) if place.is_dir() else place.unlink()


def _is_empty_folder(place: Path) -> bool:
    return place.is_dir() and not place.is_symlink() and not any(place.iterdir())


def _locked(work: Path) -> int | None:
    """A descriptor that holds the folder for this process; None if another process does."""
    try:
        descriptor = os.open(work / _LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        return None
    try:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except (ImportError, OSError):  # no locks here: the time tells
        newest = max((os.lstat(work / name).st_mtime for name in os.listdir(work)), default=0.0)  # noqa: PTH208
        if any(name not in _OWN_FILES for name in os.listdir(work)) and (  # noqa: PTH208
            time.time() - newest < _SECONDS_UNTOUCHED
        ):
            os.close(descriptor)
            return None
    return descriptor


def _unlock(descriptor: int | None) -> None:
    if descriptor is not None:
        os.close(descriptor)


def _sync(place: Path) -> None:
    """Syncs a file, or all files of a folder, and the folder."""
    if not place.is_dir():
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return
    for entry in place.iterdir():
        _sync(entry)
    sync_directory(place)
