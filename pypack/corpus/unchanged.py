"""Whether files are still what they were when a job began: a store must not mix two states of a file."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from pypack._common.words import counted
from pypack.corpus.errors import ChangedInputError
from pypack.corpus.inputs import InputFile
from pypack.remote import Url, objects

_MOST_TOLD = 3


def changed(files: Iterable[InputFile]) -> list[str]:
    """A sentence for each file that is not what it was: its size, its time of change, or the file itself.

    Streams are passed over: a pipe has neither.
    """
    found = (_difference(file) for file in files if not file.is_stream)
    return [sentence for sentence in found if sentence is not None]


def require_unchanged(files: Iterable[InputFile]) -> None:
    """Raises ChangedInputError where a file has changed since it was listed."""
    sentences = changed(files)
    if sentences:
        more = f" (and {len(sentences) - _MOST_TOLD:,} more)" if len(sentences) > _MOST_TOLD else ""
        raise ChangedInputError(
            f"{'; '.join(sentences[:_MOST_TOLD])}{more}: inputs must not change while a job reads them. What "
            "was read of them is not stored; once they are at rest, start over with --overwrite"
        )


def _difference(file: InputFile) -> str | None:
    if file.is_remote:
        return _difference_of_object(file)
    try:
        now = Path(file.location).stat()
    except OSError as error:
        return f"{file.path}: has gone since the job began ({error.strerror})"
    if now.st_size != file.size:
        what = "grew" if now.st_size > file.size else "was cut"
        return f"{file.path}: {what} from {file.size:,} to {counted(now.st_size, 'byte')} since the job began"
    if file.inode and now.st_ino != file.inode and os.name == "posix":
        return f"{file.path}: was replaced by another file of its size since the job began"
    if now.st_mtime_ns != file.modified_ns:
        return f"{file.path}: was written to since the job began (its time of change is another)"
    return None


def _difference_of_object(file: InputFile) -> str | None:
    if file.etag:
        return None  # each read asks for this very version
    now = objects().stat(Url(file.path))
    if now is None:
        return f"{file.path}: has gone since the job began"
    if now.size != file.size:
        what = "grew" if now.size > file.size else "was cut"
        return f"{file.path}: {what} from {file.size:,} to {counted(now.size, 'byte')} since the job began"
    if now.modified_ns != file.modified_ns:
        return f"{file.path}: was written to since the job began (its time of change is another)"
    return None
