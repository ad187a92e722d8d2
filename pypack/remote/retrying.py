"""Trying again what may pass: with growing pauses, and an end."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from typing import TypeVar

from pypack.remote.errors import (
    ChangedObjectError,
    MissingLibraryError,
    NoObjectError,
    RefusedError,
    RemoteError,
    UnsupportedError,
)

# How long one thing is tried, all in all.
SECONDS_VARIABLE = "PYPACK_REMOTE_SECONDS"
_SECONDS = 120.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 15.0
FINAL = (NoObjectError, RefusedError, ChangedObjectError, UnsupportedError, MissingLibraryError)

Result = TypeVar("Result")


def retried(do: Callable[[], Result]) -> Result:
    """What `do` returns, tried again while its errors are such as may pass.

    Raises:
        RemoteError: the last one, which says how often it was tried.
    """
    end = time.monotonic() + _seconds()
    pause, tries = _FIRST_PAUSE, 0
    while True:
        tries += 1
        try:
            return do()
        except FINAL:
            raise
        except RemoteError as error:
            if time.monotonic() + pause > end:
                often = f" ({tries} tries)" if tries > 1 else ""
                raise type(error)(error.url, f"{error.reason}{often}") from None
            time.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, _LONGEST_PAUSE)


def _seconds() -> float:
    try:
        return float(os.environ.get(SECONDS_VARIABLE, _SECONDS))
    except ValueError:
        return _SECONDS
