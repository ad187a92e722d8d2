"""The most memory that a piece of work takes beyond what was there before it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Result = TypeVar("Result")


def resident() -> int:
    """Bytes of this process in memory that no file backs."""
    pages, _, *_ = (int(n) for n in Path("/proc/self/statm").read_text().split()[1:4])
    shared = int(Path("/proc/self/statm").read_text().split()[2])
    return (pages - shared) * os.sysconf("SC_PAGE_SIZE")


def measured(work: Callable[[], Result]) -> tuple[Result, float, int]:
    """(what it returns, seconds, bytes at its peak beyond those before)."""
    before = most = resident()
    done = threading.Event()

    def watch() -> None:
        nonlocal most
        while not done.wait(0.003):
            most = max(most, resident())

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.perf_counter()
    result = work()
    seconds = time.perf_counter() - began
    most = max(most, resident())
    done.set()
    watcher.join()
    return result, seconds, most - before
