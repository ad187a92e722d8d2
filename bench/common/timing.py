"""Timing functions, alone or in turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Timing:
    """Seconds of the runs of one function, the warm-up not among them."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Median seconds."""
        return statistics.median(self.seconds)

    @property
    def best(self) -> float:
        """Least seconds."""
        return min(self.seconds)


def measure(run: Callable[[], T], repeats: int = 5, warmup: int = 1, limit: float = 60.0) -> tuple[Timing, T]:
    """Times `run`, and returns its last result, for the caller to check.

    A single run slower than `limit` seconds is not repeated.
    """
    seconds: list[float] = []
    result: T
    for turn in range(warmup + repeats):
        start = time.perf_counter()
        result = run()
        elapsed = time.perf_counter() - start
        if turn >= warmup or elapsed > limit:
            seconds.append(elapsed)
        if elapsed > limit:
            break
    return Timing(tuple(seconds)), result


def measure_in_turns(runs: Mapping[str, Callable[[], Any]], repeats: int = 5) -> dict[str, Timing]:
    """Times several functions in alternation, so that a disturbance of the machine hits all of them alike."""
    for run in runs.values():
        run()
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    return {name: Timing(tuple(times)) for name, times in seconds.items()}
