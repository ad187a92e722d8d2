"""Loading from a cold page cache, with and without read-ahead."""

from __future__ import annotations

import ctypes
import itertools
import math
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from bench.load.bare_loop import flat_file
from pypack import Loader, Plan, TokenStore
from pypack.loader import batch_maker

_ROWS = 8
_READ_AHEAD = 32  # steps
# What is measured, whether the store is taken for one that memory does not hold, and when it ends.
_CASES: tuple[tuple[str, bool, dict[str, float]], ...] = (
    ("small store, until it has been read once", False, {"share": 0.99}),
    ("small store, first 40 steps", False, {"steps": 40}),
    ("small store, first 400 steps", False, {"steps": 400}),
    ("small store, 3 s, most of them from memory", False, {"s": 3}),
    ("large store, first 400 steps", True, {"steps": 400}),
)
_LOOK = 10  # steps between two looks at what is in the cache
_MADV_RANDOM = 1
_RANDOM_READS = 2000


def forget(*folders: Path) -> None:
    """Takes the files of some folders out of the page cache. They must not be mapped, or it does nothing."""
    for file in (file for folder in folders for file in folder.iterdir()):
        descriptor = os.open(file, os.O_RDONLY)
        try:
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)


class Residency:
    """How much of a file is in the page cache, by mincore on a mapping of it."""

    def __init__(self, file: Path) -> None:
        self._mapped = np.memmap(file, np.uint8, "r")
        self._resident = np.zeros(-(-len(self._mapped) // os.sysconf("SC_PAGE_SIZE")), np.uint8)
        self._libc = ctypes.CDLL(None, use_errno=True)

    def share(self) -> float:
        """Share of its pages."""
        address, size = ctypes.c_void_p(self._mapped.ctypes.data), ctypes.c_size_t(len(self._mapped))
        if self._libc.mincore(address, size, ctypes.c_void_p(self._resident.ctypes.data)) != 0:
            raise OSError(ctypes.get_errno(), "mincore")
        return float((self._resident & 1).mean())


def make_cold(store_path: Path, plan_path: Path) -> float:
    """Takes both out of the page cache, and returns the share of the store that is left (next to nothing).

    Raises RuntimeError where more stays: a process that has them mapped keeps what it has read.
    """
    for _ in range(20):
        forget(store_path, plan_path)
        left = Residency(flat_file(TokenStore.open(store_path))).share()
        if left <= 0.01:
            return left
        time.sleep(0.1)  # what was being read ahead is still to come
    raise RuntimeError(f"{left:.0%} of {store_path} stay in the page cache: is it mapped elsewhere?")


def read_around_kb(file: Path) -> int | None:
    """How much the system reads around a fault in a file of that disk; None where it does not say."""
    device = file.stat().st_dev
    try:
        link = f"/sys/dev/block/{os.major(device)}:{os.minor(device)}"
        return int(Path(os.path.realpath(link), "queue", "read_ahead_kb").read_text())
    except (OSError, ValueError):
        return None


def disk_speed(store_path: Path, size: int) -> dict[str, float | None]:
    """What the disk gives without a page cache: MB/s in sequence, and of random pieces by 1 and 32."""
    file = flat_file(TokenStore.open(store_path))
    found: dict[str, float | None] = {}

    def timed(name: str, offsets: np.ndarray, piece: int, readers: int) -> None:
        forget(store_path)
        descriptor = os.open(file, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_SEQUENTIAL if readers == 0 else os.POSIX_FADV_RANDOM)
        start = time.perf_counter()
        if readers < 2:
            for offset in offsets:
                os.pread(descriptor, piece, int(offset))
        else:
            with ThreadPoolExecutor(readers) as pool:
                list(pool.map(lambda offset: os.pread(descriptor, piece, int(offset)), offsets))
        found[name] = len(offsets) * piece / (time.perf_counter() - start) / 1e6
        os.close(descriptor)

    length = file.stat().st_size
    rng = np.random.default_rng(0)
    places = rng.integers(0, length // 4096 - size // 4096 - 1, _RANDOM_READS) * 4096
    found["read_ahead_kb"] = read_around_kb(file)
    timed("sequential, MB/s", np.arange(0, length - (1 << 20), 1 << 20), 1 << 20, 0)
    timed(f"random {size} bytes, 1 reader, MB/s", places, size, 1)
    timed(f"random {size} bytes, 32 readers, MB/s", places, size, 32)
    return found


def do_not_read_around(store: TokenStore, plan: Plan) -> None:
    """Tells the system that the mapped files are read at random: a fault then reads its own pages alone."""
    libc = ctypes.CDLL(None, use_errno=True)
    page = os.sysconf("SC_PAGE_SIZE")
    plan_arrays = (array for array in plan.arrays().values() if isinstance(array, np.ndarray))
    memory = [(store[0].ctypes.data, store.num_tokens * store.dtype.itemsize)]
    memory += [(array.ctypes.data, array.nbytes) for array in plan_arrays if array.nbytes]
    for address, size in memory:
        start = address // page * page
        if libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(address + size - start), _MADV_RANDOM) != 0:
            raise OSError(ctypes.get_errno(), "madvise")


def _run(
    store_path: Path, plan_path: Path, read_ahead: int, large: bool, end: dict[str, float]
) -> dict[str, float]:
    """One shuffled pass from a cold page cache until `end`: its speed, seconds, and what is in memory."""
    before = make_cold(store_path, plan_path)
    store, plan = TokenStore.open(store_path), Plan.open(plan_path)
    if large:
        do_not_read_around(store, plan)
    cache = Residency(flat_file(store))
    loader = Loader(store, plan, batch_sequences=_ROWS, num_threads=1, pad_id=0, read_ahead=read_ahead)
    memory = batch_maker.memory_for_files
    batch_maker.memory_for_files = (lambda: 0) if large else memory
    try:
        tokens, start = 0, time.perf_counter()
        for batch in itertools.chain.from_iterable(itertools.repeat(loader)):
            tokens += batch.tokens
            if batch.step + 1 == end.get("steps") or time.perf_counter() - start > end.get("s", math.inf):
                break
            if "share" in end and batch.step % _LOOK == 0 and cache.share() >= end["share"]:
                break
        seconds = time.perf_counter() - start
        return {"speed": tokens / seconds, "s": seconds, "before": before, "after": cache.share()}
    finally:
        batch_maker.memory_for_files = memory


def bench_cold(store_path: Path, plan_path: Path, repeats: int) -> list[dict[str, Any]]:
    """Tokens a second of a shuffled pass, store and plan out of the page cache before.

    "small store": as it is. Memory holds it, and the system itself reads `read_ahead_kb` around every fault,
    so that it has soon read all of it, and from then on nothing is cold: the main figure is the tokens given
    until 99 % of the store is in memory, by the time until then (looked at every few steps). Besides, its
    first steps, more of them, and some seconds, which are most of them spent on a store in memory.
    "large store": the same files as if memory did not hold them. The loader is told so, and reads the rows
    alone; and the system is told not to read around faults (MADV_RANDOM), as what it reads so of a store that
    is many times larger than memory is gone before it is drawn.
    """

    found = []
    length = Plan.open(plan_path).sequence_length
    for what, large, end in _CASES:
        runs: dict[int, list[dict[str, float]]] = {0: [], _READ_AHEAD: []}
        for _ in range(repeats):
            for read_ahead, ways in runs.items():
                ways.append(_run(store_path, plan_path, read_ahead, large, end))
        slow, fast = (
            {name: float(np.median([one[name] for one in ways])) for name in ways[0]}
            for ways in runs.values()
        )
        found.append(
            {
                "rows x tokens": f"{_ROWS} x {length}",
                "way": what,
                "without, tokens/s": slow["speed"],
                f"read_ahead={_READ_AHEAD}, tokens/s": fast["speed"],
                "x without": fast["speed"] / slow["speed"],
                "without, s": slow["s"],
                f"read_ahead={_READ_AHEAD}, s": fast["s"],
                "in cache before": max(one["before"] for ways in runs.values() for one in ways),
                "without, in cache after": slow["after"],
                f"read_ahead={_READ_AHEAD}, in cache after": fast["after"],
            }
        )
    return found
