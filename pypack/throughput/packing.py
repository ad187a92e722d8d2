"""Throughput of packing."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from pypack.packing.packing import STRATEGIES, pack
from pypack.throughput.timing import Row

WEB_DOCUMENTS = 1_000_000


def web_lengths(documents: int, seed: int = 0) -> NDArray[np.int32]:
    """Document lengths like those of web pages: log-normal, median 500 tokens, mean about 1090."""
    rng = np.random.default_rng(seed)
    return np.clip(rng.lognormal(np.log(500), 1.25, documents), 1, 167_000).astype(np.int32)


def bench_pack(lengths: NDArray[np.int32], sequence_length: int, num_threads: int, repeats: int) -> list[Row]:
    """Seconds and nanoseconds a document of every strategy, with the utilization it reaches.

    Every plan is verified against the lengths before its time counts.
    """
    rows: list[Row] = []
    for strategy in STRATEGIES:
        plan = pack(lengths, sequence_length, strategy=strategy, num_threads=num_threads)
        plan.verify(lengths)
        seconds = []
        for _ in range(repeats):
            start = time.perf_counter()
            pack(lengths, sequence_length, strategy=strategy, num_threads=num_threads)
            seconds.append(time.perf_counter() - start)
        median = float(np.median(seconds))
        rows.append(
            {
                "way": strategy,
                "utilization": plan.utilization,
                "ns/document": median / max(1, len(lengths)) * 1e9,
                "documents/s": len(lengths) / median,
                "tokens/s": plan.num_tokens / median,
            }
        )
    return rows
