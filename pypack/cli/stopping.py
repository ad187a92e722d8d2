"""SIGTERM, which schedulers send, ends a command as Ctrl-C does: cleanly, in words, with its own status."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

# What shells give for programs that a signal ends: 128 and its number.
INTERRUPTED = 130
TERMINATED = 143


class Terminated(KeyboardInterrupt):
    """SIGTERM was received."""


def stop_status(error: KeyboardInterrupt) -> int:
    """The exit status of a command that was stopped so."""
    return TERMINATED if isinstance(error, Terminated) else INTERRUPTED


def stop_word(error: KeyboardInterrupt) -> str:
    """What was done to it."""
    return "terminated" if isinstance(error, Terminated) else "interrupted"


@contextmanager
def terminable() -> Iterator[None]:
    """Raises `Terminated` in the block at the first SIGTERM; further ones do not disturb the cleaning up.

    A SIGTERM that is ignored or handled already stays so. In another thread than the main one nothing is
    done, as Python handles signals there.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _terminate(number: int, frame: object) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Terminated
