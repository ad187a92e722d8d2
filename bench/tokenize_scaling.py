"""What a second thread gives: each library with one thread on one core, and with more on as many."""

from __future__ import annotations

import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

# Of measure() in bench_tokenize.py: megabytes, seconds fresh, seconds warm, digests of the ids.
Measured = tuple[float, float, float, list[bytes]]
MeasureInNewProcess = Callable[..., Measured | None]  # None: the library refuses the tokenizer


def _spin(core: int, start: Any, rates: Any) -> None:
    os.sched_setaffinity(0, [core])
    start.wait()
    begin, rounds, value = time.perf_counter(), 0, 1
    while time.perf_counter() - begin < 0.5:
        for _ in range(10_000):
            value = value * 3 & 0xFFFF
        rounds += 1
    rates.put(rounds / (time.perf_counter() - begin))


def scaling_of_the_machine(processes: int) -> float:
    """Work per second of loops that share nothing, one process a core, as a multiple of one such loop."""
    context = multiprocessing.get_context("spawn")

    def rate(count: int) -> float:
        start, rates = context.Barrier(count), context.Queue()
        cores = sorted(os.sched_getaffinity(0))[-count:]
        running = [context.Process(target=_spin, args=(core, start, rates)) for core in cores]
        for process in running:
            process.start()
        total = sum(rates.get() for _ in running)
        for process in running:
            process.join()
        return total

    return statistics.median(rate(processes) / rate(1) for _ in range(3))


def speeds_of(runs: Sequence[Measured]) -> tuple[float, float]:
    """Medians of megabytes per second, fresh and warm."""
    fresh = statistics.median(megabytes / seconds for megabytes, seconds, _, _ in runs)
    return fresh, statistics.median(megabytes / seconds for megabytes, _, seconds, _ in runs)


def compare_scaling(
    measure: MeasureInNewProcess, names: Sequence[str], path: Path, corpus: Path, threads: int, runs: int
) -> list[dict[str, Any]]:
    """Rows of one tokenizer and corpus; the libraries in turns, with `threads` and with one on each core.

    One thread's speed is the mean of the cores': on a shared host neighbours slow down now one, now another.
    """
    cores = tuple(sorted(os.sched_getaffinity(0))[-threads:])
    measured: dict[tuple[str, tuple[int, ...]], list[Measured]] = {}
    machine = []
    able = list(names)
    for _ in range(runs):
        machine.append(scaling_of_the_machine(threads))
        for name in tuple(able):
            for used in (cores, *((core,) for core in cores)):
                result = measure(name, path, corpus, len(used), used)
                if result is None:
                    able.remove(name)
                    break
                measured.setdefault((name, used), []).append(result)
    rows = []
    for name in able:
        many = measured[name, cores]
        singles = [measured[name, (core,)] for core in cores]
        ids = many[0][3]
        assert all(run[3] == ids for runs in (many, *singles) for run in runs), f"{name}: ids differ"
        fresh_many, warm_many = speeds_of(many)
        fresh, warm = map(statistics.mean, zip(*map(speeds_of, singles), strict=True))
        rows.append(
            {
                "tokenizer": path.stem,
                "corpus": corpus.name.split(".")[0],
                "library": name,
                "threads": threads,
                "fresh MB/s": fresh_many,
                "fresh x one thread": fresh_many / fresh,
                "warm MB/s": warm_many,
                "warm x one thread": warm_many / warm,
                "loops x one loop": statistics.median(machine),
                "runs": runs,
            }
        )
    return rows
