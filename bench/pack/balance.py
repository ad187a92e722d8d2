"""How far balancing evens out what attention costs the ranks."""

from __future__ import annotations

import numpy as np

from bench.common.lengths import GENERATORS
from bench.common.printing import Row
from bench.common.timing import measure
from pypack.packing.balancing import balance
from pypack.packing.packing import pack


def balances(documents: int) -> list[Row]:
    """Attention cost of web pages at 8192, sequences in random order."""
    lengths = GENERATORS["web"](documents, 0)
    rows = []
    for strategy in ("stream", "best_fit"):
        costs = pack(lengths, 8192, strategy, overflow="truncate").sequence_costs()
        costs = costs[np.random.default_rng(0).permutation(len(costs))]
        for ranks in (8, 64):
            for micro_batches, window in ((4, 1), (16, 1), (1, 32)):
                arguments = (costs, ranks, micro_batches)
                timing, result = measure(
                    lambda a=arguments, w=window: balance(*a, window=w, num_threads=1), repeats=1, warmup=0
                )
                dealt = balance(*arguments, window=window, strategy="deal")
                rows.append({
                    "packed by": strategy,
                    "ranks": ranks,
                    "micro-batches": micro_batches,
                    "window": window,
                    "as given": result.unbalanced_slowdown,
                    "deal": dealt.slowdown,
                    "lpt": result.slowdown,
                    "lower bound": result.lower_bound,
                    "spread of steps": result.spread,
                    "us/step": timing.median / max(1, len(result.order)) * 1e6,
                })  # fmt: skip
    return rows
