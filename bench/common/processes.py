"""Functions called in fresh processes, and the memory of processes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


def in_new_process(function: Callable[..., T], *arguments: Any) -> T:
    """What the function returns, or raises, in a process of its own that this one has nothing to do with."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def status_bytes(name: str) -> int:
    """A size of /proc/self/status, in bytes: VmRSS, VmHWM (the peak), RssAnon, ...; 0 without Linux."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def start_peak_here() -> None:
    """VmHWM counts from now on."""
    Path("/proc/self/clear_refs").write_text("5")
