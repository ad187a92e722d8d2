"""Files that are either the old one or the new one, whole, whenever the process is killed."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

TEMPORARY_SUFFIX = ".partial"


def sync_directory(path: Path) -> None:
    """Makes renames inside a directory durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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
def atomic_writer(target: Path) -> Iterator[BinaryIO]:
    """A file that appears under its name, synced, when the block ends; nothing appears if it raises."""
    temporary = target.with_name(target.name + TEMPORARY_SUFFIX)
    try:
        with temporary.open("wb") as file:
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


def checksum(path: Path) -> str:
    """`sha256:<hex>` of a file, as `sha256sum` prints it."""
    require_regular(path)
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return f"sha256:{digest.hexdigest()}"
