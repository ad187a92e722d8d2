"""Which exit status an error gives, and how it is told without a traceback."""

from __future__ import annotations

import errno


class UsageError(Exception):
    """The command cannot begin as it was asked to; the message says why and what to do."""


def exit_status(error: Exception) -> int | None:
    """2: the command could not begin as asked; 1: it failed; None: a fault of pypack, to be shown in full."""
    from pypack.corpus import CorpusError, RejectedInputError
    from pypack.jobs.output import OutputError

    if isinstance(error, RejectedInputError):
        return 1
    if isinstance(error, (UsageError, CorpusError, OutputError, FileNotFoundError, FileExistsError)):
        return 2
    if isinstance(error, (ValueError, OSError, MemoryError)):
        return 1
    return None


def describe(error: Exception) -> str:
    """One line for a person."""
    if isinstance(error, MemoryError):
        return "out of memory; use fewer --workers or a machine with more"
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename else ""
        advice = {
            errno.ENOSPC: "; free some space and run the same command to go on",
            errno.EFBIG: "; raise the limit on file sizes (ulimit -f) and run the same command to go on",
            errno.EDQUOT: "; free some of your quota and run the same command to go on",
            errno.EACCES: "; check the permissions",
        }.get(error.errno or 0, "")
        return f"{place}{error.strerror}{advice}"
    return str(error)
