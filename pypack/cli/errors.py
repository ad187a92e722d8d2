"""Which exit status an error gives, and how it is told without a traceback."""

from __future__ import annotations

import errno
import re
from dataclasses import fields

from pypack._common.asked import was_asked_wrongly


class UsageError(Exception):
    """The command cannot begin as it was asked to; the message says why and what to do."""


_MOST_CHARACTERS = 2000
# Arguments that options have other names than.
_OTHER_NAMES = {"completion_fields": "completion_field", "chat_options": "chat_option"}


def exit_status(error: BaseException) -> int:
    """2: the command could not begin as asked; 1: it failed."""
    from pypack.corpus import ChangedInputError, CorpusError, RejectedInputError
    from pypack.jobs.output import OutputError
    from pypack.jobs.tokenize import NoEndTokenError

    if isinstance(error, (RejectedInputError, ChangedInputError)):
        return 1
    if was_asked_wrongly(error):
        return 2
    begun = (UsageError, CorpusError, OutputError, NoEndTokenError)
    missing = (FileNotFoundError, FileExistsError, ImportError)
    return 2 if isinstance(error, begun + missing) else 1


def describe(error: BaseException, subject: str) -> str:
    """One line for a person; `subject`: what the command is about, for errors that do not say it."""
    text = _describe(error, subject)
    return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 3]}..."


def _describe(error: BaseException, subject: str) -> str:
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
    if isinstance(error, ImportError):
        return f"{error}; install it, or pypack-engine with the extra that the documentation names"
    if was_asked_wrongly(error):
        return _as_options(str(error))
    if isinstance(error, (ValueError, OSError, UsageError)):
        return str(error)
    # Nothing that pypack looks for: no file should come so far, and it is told as the file's fault.
    text = " ".join(str(error).split())
    return f"{subject}: damaged ({type(error).__name__}: {text}); PYPACK_DEBUG=1 shows where"


def _as_options(text: str) -> str:
    """Names of arguments as the command line has them: those at the start, and all of several words."""
    from pypack.jobs.tokenize import RecordOptions, TokenizeOptions

    names = {one.name for kind in (TokenizeOptions, RecordOptions) for one in fields(kind)} - {"records"}

    def option(found: re.Match[str]) -> str:
        name = found[0]
        is_name = name in names and (found.start() == 0 or "_" in name)
        return f"--{_OTHER_NAMES.get(name, name).replace('_', '-')}" if is_name else name

    return re.sub(r"(?<![\w'\".-])\w+(?![\w'\"]|\.\w)", option, text)
