"""Each packing strategy on the same documents: rows, padding, cuts, attention, mixture. No time is measured.

python bench strategies
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

import pypack
from bench.common.arguments import parser
from bench.common.lengths import GENERATORS
from bench.common.printing import print_table
from bench.common.record import write_results

# As in the table of docs/choosing.md: the name, and the arguments of `pack`.
WAYS: dict[str, dict[str, Any]] = {
    "pad": {"strategy": "pad", "overflow": "truncate"},
    "concat": {"strategy": "concat"},
    "next_fit": {"strategy": "next_fit"},
    "stream": {"strategy": "stream"},
    "best_fit": {"strategy": "best_fit"},
    "decompose": {"strategy": "decompose", "min_length": 256},
}


def measure(name: str, lengths: NDArray[np.int32], sequence_length: int) -> dict[str, Any]:
    """A plan of a strategy, proved, in figures."""
    plan = pypack.pack(lengths, sequence_length, **WAYS[name])
    plan.verify(lengths)
    counts = dataclasses.asdict(plan.counts)
    stats = plan.stats
    tokens = int(lengths.sum())
    assert plan.num_tokens + counts["dropped_tokens"] + counts["truncated_tokens"] == tokens
    fits = int((lengths <= sequence_length).sum())
    spans = np.bincount(np.asarray(plan.span_document), minlength=len(lengths))
    return {
        "strategy": name,
        "row_tokens": int(np.asarray(plan.sequence_capacity).sum()) / tokens,
        "utilization": stats.utilization,
        "lost_tokens": (counts["dropped_tokens"] + counts["truncated_tokens"]) / tokens,
        "needless_cuts": int((spans[lengths <= sequence_length] > 1).sum()) / fits,
        "mean_context": stats.mean_context,
        "attention_to_concat": stats.attention_to_concat,
        "bias": stats.bias,
    }


def main(arguments: list[str]) -> None:
    """Measures every way on every kind of corpus."""
    options = parser("strategies", __doc__)
    options.add_argument("--documents", type=int, default=200_000)
    options.add_argument("--sequence-length", type=int, default=4096)
    options.add_argument("--no-results", action="store_true", help="do not write bench/results")
    args = options.parse_args(arguments)
    corpora = {}
    for kind, generate in GENERATORS.items():
        lengths = generate(args.documents, 0)
        corpora[kind] = [measure(name, lengths, args.sequence_length) for name in WAYS]
        print(kind)
        print_table(corpora[kind])
    if not args.no_results:
        results = {"documents": args.documents, "sequence_length": args.sequence_length, "corpora": corpora}
        print(write_results("strategies", results))
