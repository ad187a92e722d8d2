"""What a second thread gives: each library with one thread on one core, and with more on as many."""

from __future__ import annotations

import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WARM_TURNS = 15


@dataclass(frozen=True)
class Prepared:
    """A library about to encode a corpus."""

    megabytes: float
    meet: Callable[[], Any]  # encodes other text of the kind
    encode: Callable[[], Any]
    digests: Callable[[Any], list[bytes]]  # of what encode() gives, one a document

    def timed(self) -> tuple[float, Any]:
        """Seconds of encode(), and what it gives."""
        start = time.perf_counter()
        found = self.encode()
        return time.perf_counter() - start, found


_prepared: Prepared  # in a process that measures


def _prepare(prepare: Callable[..., Prepared], args: tuple[Any, ...]) -> float:
    global _prepared
    _prepared = prepare(*args)
    return _prepared.megabytes


def _first_pass() -> tuple[float, list[bytes]]:
    # Here, so that no process has idled for longer than another: its memory may be given back meanwhile.
    _prepared.meet()
    seconds, found = _prepared.timed()
    return seconds, _prepared.digests(found)


def _pass() -> float:
    return _prepared.timed()[0]


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


def ratio(rates: Sequence[float]) -> float:
    """Of one turn: all cores together over the mean of each alone."""
    together, *alone = rates
    return together / statistics.mean(alone)


def scaling(
    prepare: Callable[..., Prepared], name: str, path: Path, corpus: Path, threads: int, runs: int
) -> dict[str, Any]:
    """A row of the table. Each run has a process with `threads`, and one with one thread for each core."""
    cores = sorted(os.sched_getaffinity(0))[-threads:]
    fresh: list[list[float]] = []  # MB/s of a turn: of all cores together, of each
    warm: list[list[float]] = []
    machine = []
    for _ in range(runs):
        machine.append(scaling_of_the_machine(threads))
        with ExitStack() as stack:
            context = multiprocessing.get_context("spawn")
            pools = []
            for used in (cores, *([core] for core in cores)):
                pools.append(stack.enter_context(ProcessPoolExecutor(1, context)))
                args = (name, path, corpus, len(used), used)
                megabytes = pools[-1].submit(_prepare, prepare, args).result()
            first = [pool.submit(_first_pass).result() for pool in pools]
            assert all(ids == first[0][1] for _, ids in first), f"{name}: other ids with {threads} threads"
            fresh.append([megabytes / seconds for seconds, _ in first])
            for _ in range(WARM_TURNS):
                warm.append([megabytes / pool.submit(_pass).result() for pool in pools])
    return {
        "library": name,
        "threads": threads,
        "fresh MB/s": statistics.median(rates[0] for rates in fresh),
        "fresh x one thread": statistics.median(map(ratio, fresh)),
        "warm MB/s": statistics.median(rates[0] for rates in warm),
        "warm x one thread": statistics.median(map(ratio, warm)),
        "loops x one loop": statistics.median(machine),
        "runs": runs,
    }
