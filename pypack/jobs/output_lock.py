"""The lock that keeps a folder for the processes of one job."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pypack._common.files import NOT_SUPPORTED, warn_once


@contextmanager
def only_job_in(directory: Path, *, shared: bool = False) -> Iterator[None]:
    """Keeps a second job from writing into the same directory.

    Args:
        shared: other processes that say so may work there, too.

    Raises:
        BlockingIOError: another process does.
    """
    try:
        import fcntl
    except ImportError:  # Windows: no advisory locks; two jobs in one directory are not noticed there
        yield
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError as error:
            if error.errno not in NOT_SUPPORTED:
                raise
            warn_once(
                f"{directory}: this file system has no locks ({error.strerror}): start no second job there"
            )
        yield
    finally:
        os.close(descriptor)
