"""What the `tokenizers` library raises: bare `Exception`, and panics, which are no `Exception` at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class LibraryError(ValueError):
    """The library refused or failed; the message is its own, on one line."""


@contextmanager
def library_errors() -> Iterator[None]:
    """Makes everything that the library raises in the block a LibraryError.

    A panic of Rust arrives as `pyo3_runtime.PanicException`, a BaseException, so that `except Exception` lets
    it end the process.
    """
    try:
        yield
    except (MemoryError, KeyboardInterrupt, SystemExit, GeneratorExit, ImportError):
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        text = " ".join(str(error).split()) or type(error).__name__
        raise LibraryError(text if len(text) <= 500 else f"{text[:497]}...") from error
