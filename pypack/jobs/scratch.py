"""A folder of this machine for what a job writes before it goes elsewhere."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

_PREFIX = "pypack-scratch-"
_LOCK = "lock"
_made: dict[int, Path] = {}  # process → its folder; a forked child makes its own


def scratch_folder() -> Path:
    """The folder of this process, below TMPDIR; it goes with the process.

    Its lock dies with its owner, so that those who were killed are known: their folders are removed by who
    comes next.
    """
    found = _made.get(os.getpid())
    if found is None:
        _remove_dead()
        found = _made[os.getpid()] = Path(tempfile.mkdtemp(prefix=_PREFIX))
        _lock(found / _LOCK)
        atexit.register(_remove, os.getpid(), found)
    return found


def _lock(path: Path) -> int | None:
    """Takes a lock, which is held as long as the process lives; None if another has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (ImportError, OSError):
        os.close(descriptor)
        return None
    return descriptor


def _remove_dead() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):  # of another user, or gone meanwhile
            if folder.stat().st_uid != os.getuid() or not (folder / _LOCK).exists():
                continue
            lock = _lock(folder / _LOCK)
            if lock is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(lock)


def _remove(owner: int, folder: Path) -> None:
    if owner == os.getpid():
        shutil.rmtree(folder, ignore_errors=True)
