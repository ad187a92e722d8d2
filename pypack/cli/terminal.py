"""Standard output and error of a command: no file acts on a terminal, no stream that goes away ends a job."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import Any, TextIO


def escaped(text: str, kept: str = "\n\t") -> str:
    """The text with what is not printable spelled out: escape sequences, lone surrogates and the like."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in kept else repr(c)[1:-1] for c in text)


class PatientStream:
    """A text stream that spells out what is not printable, and takes what cannot be written as if it could.

    Its reader may have left (`| head`), its disk may be full, or it may never have been open: what the
    command does is worth more than what it says.

    Attributes:
        lost: something could not be written; its errno, 0 where there is none.
    """

    def __init__(self, inner: TextIO | None, *, escapes: bool = True) -> None:
        self._inner = inner
        self._escapes = escapes
        self.lost: int | None = None

    def unescaped(self) -> PatientStream:
        """The same stream for what draws on a terminal itself, and escapes what it is given."""
        return PatientStream(self._inner, escapes=False)

    def write(self, text: str) -> int:
        """Writes the text, escaped."""
        if self._inner is not None and self.lost is None:
            try:
                self._write(escaped(text) if self._escapes else text)
            except (OSError, ValueError) as error:  # ValueError: it is closed
                self._give_up(error)
        return len(text)

    def _write(self, text: str) -> None:
        assert self._inner is not None
        try:
            self._inner.write(text)
        except UnicodeEncodeError:  # the encoding of the terminal lacks a character
            encoding = self._inner.encoding or "ascii"
            self._inner.write(text.encode(encoding, "backslashreplace").decode(encoding))

    def flush(self) -> None:
        """Writes what waits."""
        if self._inner is not None and self.lost is None:
            try:
                self._inner.flush()
            except (OSError, ValueError) as error:
                self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        self.lost = getattr(error, "errno", None) or 0
        # What waits in the buffer must not fail once more as the interpreter ends.
        with suppress(OSError, ValueError, AttributeError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self._inner.fileno())  # type: ignore[union-attr]
            os.close(null)

    def isatty(self) -> bool:
        """Whether a person looks at it."""
        with suppress(OSError, ValueError):
            return self._inner is not None and self._inner.isatty()
        return False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


@contextmanager
def patient_streams() -> Iterator[PatientStream]:
    """Runs the block with such streams as standard output and error; gives the output."""
    for number in range(3):  # a file that is opened must not become one of them: libraries print there
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    out, err = PatientStream(sys.stdout), PatientStream(sys.stderr)
    streams: Any = (out, err)
    with redirect_stdout(streams[0]), redirect_stderr(streams[1]):
        try:
            yield out
        finally:
            out.flush()
            err.flush()
