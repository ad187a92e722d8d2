"""Every strategy beside the others, and Dataset Decomposition with each remainder."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.common.lengths import GENERATORS
from bench.common.printing import Row
from bench.common.timing import measure
from pypack.packing.packing import pack


def strategies(kind: str, documents: int, sequence_length: int) -> list[Row]:
    """Fill, bias and speed, one thread."""
    lengths = GENERATORS[kind](documents, 0)
    rows = []
    chosen: dict[str, dict[str, Any]] = {
        "best_fit": {}, "stream": {}, "concat": {}, "first_fit": {}, "next_fit": {},
        "decompose": {}, "pad": {},
    }  # fmt: skip
    for name, options in chosen.items():
        arguments = {"overflow": "truncate", "num_threads": 1, **options}
        timing, plan = measure(lambda a=arguments, s=name: pack(lengths, sequence_length, s, **a), repeats=3)
        verify, _ = measure(lambda p=plan: p.verify(lengths), repeats=1)
        late = np.maximum.accumulate(plan.span_document) - plan.span_document
        rows.append({
            "lengths": kind,
            "L": sequence_length,
            "strategy": name,
            "ns/document": timing.median / documents * 1e9,
            "padding %": 100 * (1 - plan.utilization),
            "bias": plan.stats.bias,
            "mean context": plan.stats.mean_context,
            "greatest delay": int(late.max()) if name == "stream" else None,
            "verify Gtokens/s": plan.num_tokens / verify.median / 1e9,
        })  # fmt: skip
    by_name = {row["strategy"]: row for row in rows}
    assert by_name["stream"]["padding %"] <= by_name["best_fit"]["padding %"] + 0.03
    return rows


def decompositions(kind: str, documents: int, sequence_length: int) -> list[Row]:
    """Dataset Decomposition with each remainder, one thread, by document and by piece.

    `plain write`: the time in which numpy fills fresh arrays of the plan's sizes with ones.
    """
    lengths = GENERATORS[kind](documents, 0)
    rows = []
    for remainder in ("pack", "drop", "keep"):
        timing, plan = measure(
            lambda r=remainder: pack(lengths, sequence_length, "decompose", remainder=r, num_threads=1),
            repeats=5,
        )
        plan.verify(lengths)
        arrays = list(plan.arrays().values())
        fill, _ = measure(lambda a=arrays: [np.full_like(x, 1) for x in a], repeats=5)
        rows.append({
            "lengths": kind,
            "documents": documents,
            "L": sequence_length,
            "remainder": remainder,
            "ns/document": timing.median / documents * 1e9,
            "pieces/document": plan.num_spans / documents,
            "ns/piece": timing.median / plan.num_spans * 1e9,
            "plain write ns/document": fill.median / documents * 1e9,
        })  # fmt: skip
    return rows
