"""Files that are either the old one or the new one, whole, whenever the process is killed."""

from __future__ import annotations

import ctypes
import errno
import os
import secrets
import stat
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

TEMPORARY_SUFFIX = ".partial"


# What file systems say that cannot do a thing: Lustre, NFS, CIFS and FUSE as they are mounted here and there.
NOT_SUPPORTED = frozenset(
    {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.EBADF}
)
_warned: set[str] = set()


def warn_once(what: str, key: str | None = None) -> None:
    """Says once in a process what a file system cannot do, and goes on; `key`: what is the same warning."""
    key = key or what
    if key not in _warned:
        _warned.add(key)
        warnings.warn(what, stacklevel=3)


def sync_directory(path: Path) -> None:
    """Makes renames inside a directory durable, where the file system can."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in NOT_SUPPORTED:
            raise
        warn_once(
            f"{path}: this file system cannot sync folders ({error.strerror}): should the machine stop now, "
            "files written last may lack their names",
            f"sync of folders on {path.stat().st_dev}",
        )


def temporary_beside(target: Path) -> Path:
    """A name beside a file that nobody can guess, for what will replace it."""
    return target.with_name(f"{target.name}{TEMPORARY_SUFFIX}.{secrets.token_hex(6)}")


def create(path: Path) -> BinaryIO:
    """A new file for writing; never one that stands there, nor what a link there names.

    Raises:
        FileExistsError: something stands there.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(path, flags, 0o666), "wb")


def open_to_append(path: Path) -> BinaryIO:
    """A file for writing at its end, new or not, but not what a link there names."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(path, flags, 0o666), "ab")


def exchange(a: Path, b: Path) -> bool:
    """Swaps two directories of one file system in one step; False where the system cannot.

    Linux only (renameat2 with RENAME_EXCHANGE): a rename cannot replace a directory that is not empty.
    """
    if not sys.platform.startswith("linux"):
        return False
    renameat2 = getattr(
        ctypes.CDLL(None, use_errno=True), "renameat2", None
    )  # glibc from 2.28, musl has none
    if renameat2 is None:
        return False
    at_working_directory, rename_exchange = -100, 2
    done = renameat2(
        at_working_directory, os.fsencode(a), at_working_directory, os.fsencode(b), rename_exchange
    )
    if done == 0:
        return True
    error = ctypes.get_errno()
    if error in (errno.EINVAL, errno.ENOSYS):  # the file system, or the kernel, does not know it
        return False
    raise OSError(error, os.strerror(error), str(a))


def publish(temporary: Path, target: Path) -> None:
    """Renames a written and synced file to its name, durably."""
    temporary.replace(target)
    sync_directory(target.parent)


@contextmanager
def atomic_writer(target: Path, temporary: Path | None = None) -> Iterator[BinaryIO]:
    """A file that appears under its name, synced, when the block ends; nothing appears if it raises.

    Args:
        temporary: its name until then; None: one that nobody can guess.
    """
    temporary = temporary or temporary_beside(target)
    try:
        with create(temporary) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        publish(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_atomically(target: Path, data: bytes) -> None:
    """Writes a whole file under `atomic_writer`'s promise."""
    with atomic_writer(target) as file:
        file.write(data)


def require_regular(path: Path) -> None:
    """Refuses what opening would wait for, or read without end: pipes, sockets, devices, and links to them.

    Raises:
        ValueError: the path is none of a file.
        FileNotFoundError: there is nothing.
    """
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        raise ValueError(f"{path}: is {kind_of_mode(mode)}, not a file")


def kind_of_mode(mode: int) -> str:
    """What stands at a path, in words."""
    kinds = {
        stat.S_IFREG: "a file",
        stat.S_IFDIR: "a folder",
        stat.S_IFIFO: "a named pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
    }
    return kinds.get(stat.S_IFMT(mode), "no file")
