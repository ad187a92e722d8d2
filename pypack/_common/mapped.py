"""Files that are mapped into memory, and what happens to them meanwhile."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple


class Mapped(NamedTuple):
    """A file as it was when it was mapped."""

    path: Path
    device: int
    inode: int
    size: int


def remember(paths: Iterable[Path]) -> list[Mapped]:
    """The files as they are now."""
    found = [(path, path.stat()) for path in paths]
    return [Mapped(path, status.st_dev, status.st_ino, status.st_size) for path, status in found]


def check_not_cut(files: Iterable[Mapped]) -> None:
    """Raises ValueError for a file that has been cut since: reading what lies behind its end would end the
    process (SIGBUS). A file that was renamed, replaced or deleted stays mapped as it was.
    """
    for file in files:
        try:
            status = file.path.stat()
        except OSError:
            continue
        same = (status.st_dev, status.st_ino) == (file.device, file.inode)
        if same and status.st_size < file.size:
            raise ValueError(
                f"{file.path}: was cut from {file.size} to {status.st_size} bytes while it was open; stop "
                "what writes to it, mend it, and open it anew"
            )
