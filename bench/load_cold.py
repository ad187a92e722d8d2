"""Loading from a cold page cache, with and without read-ahead, for bench_load.py."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from bare_loop import flat_file

from pypack import Loader, Plan, TokenStore

_ROWS = 8
_READ_AHEAD = 32  # steps
# Few, so that what is read stays cold: without advice, the system reads 128 KiB around every fault, and has
# soon read the whole of a store as small as this one. That of a corpus it never has.
_STEPS = 40
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


def cached_share(file: Path) -> float:
    """Share of a file's pages in the page cache, by mincore on a mapping of it."""
    import ctypes

    mapped = np.memmap(file, np.uint8, "r")
    pages = -(-len(mapped) // os.sysconf("SC_PAGE_SIZE"))
    resident = np.zeros(pages, np.uint8)
    libc = ctypes.CDLL(None, use_errno=True)
    address, size = ctypes.c_void_p(mapped.ctypes.data), ctypes.c_size_t(len(mapped))
    if libc.mincore(address, size, ctypes.c_void_p(resident.ctypes.data)) != 0:
        raise OSError(ctypes.get_errno(), "mincore")
    return float((resident & 1).mean())


def disk_speed(store_path: Path, size: int) -> dict[str, float]:
    """What the disk gives without a page cache: MB/s in sequence, and of random pieces by 1 and 32."""
    file = flat_file(TokenStore.open(store_path))
    found = {}

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
    timed("sequential, MB/s", np.arange(0, length - (1 << 20), 1 << 20), 1 << 20, 0)
    timed(f"random {size} bytes, 1 reader, MB/s", places, size, 1)
    timed(f"random {size} bytes, 32 readers, MB/s", places, size, 32)
    return found


def bench_cold(store_path: Path, plan_path: Path, repeats: int) -> list[dict[str, Any]]:
    """Tokens a second of the first steps of a shuffled pass, store and plan out of the page cache before."""

    def run(read_ahead: int) -> tuple[float, float]:
        forget(store_path, plan_path)
        cold = cached_share(flat_file(TokenStore.open(store_path)))
        store, plan = TokenStore.open(store_path), Plan.open(plan_path)
        loader = Loader(store, plan, batch_sequences=_ROWS, num_threads=1, pad_id=0, read_ahead=read_ahead)
        tokens, start = 0, time.perf_counter()
        for batch in itertools.islice(loader, _STEPS):
            tokens += batch.tokens
        return tokens / (time.perf_counter() - start), cold

    ways: dict[str, Callable[[], tuple[float, float]]] = {
        "without read-ahead": lambda: run(0),
        f"read_ahead={_READ_AHEAD}": lambda: run(_READ_AHEAD),
    }
    speeds: dict[str, list[float]] = {name: [] for name in ways}
    cached = []
    for _ in range(repeats):
        for name, way in ways.items():
            speed, share = way()
            speeds[name].append(speed)
            cached.append(share)
    medians = {name: float(np.median(values)) for name, values in speeds.items()}
    slow = medians["without read-ahead"]
    length = Plan.open(plan_path).sequence_length
    return [
        {
            "rows x tokens": f"{_ROWS} x {length}",
            "way": name,
            "tokens/s": speed,
            "x without": speed / slow,
            "in cache before": max(cached),
        }
        for name, speed in medians.items()
    ]
