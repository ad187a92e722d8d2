"""Files that are either the old one or the new one, whole, whenever the process is killed."""

from __future__ import annotations

import hashlib
import os
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


def checksum(path: Path) -> str:
    """`sha256:<hex>` of a file, as `sha256sum` prints it."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return f"sha256:{digest.hexdigest()}"
