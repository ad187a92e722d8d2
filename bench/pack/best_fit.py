"""Best fit in its three forms, beside the prototype it was set against."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bench.common.lengths import GENERATORS
from bench.common.printing import Row
from bench.common.timing import measure_in_turns
from bench.pack.fills import fills_of
from bench.peers import prototype
from pypack.best_fit import best_fit_documents, best_fit_sequence_of
from pypack.packing.packing import pack


def best_fit_speed(kind: str, documents: int, sequence_length: int) -> Row:
    """Nanoseconds a document of the index forms and the plan."""
    lengths = GENERATORS[kind](documents, 0)
    options: dict[str, Any] = {"sequence_length": sequence_length, "overflow": "truncate"}
    offsets, ids = best_fit_documents(lengths, **options)
    clipped = np.minimum(lengths, sequence_length)
    assert fills_of(clipped, offsets, ids).max() <= sequence_length
    assert np.array_equal(np.sort(ids), np.arange(documents))
    plan = pack(lengths, strategy="best_fit", **options)
    plan.verify(lengths)
    assert plan.num_sequences == len(offsets) - 1
    runs: dict[str, Callable[[], Any]] = {
        "ids 1T": lambda: best_fit_sequence_of(lengths, num_threads=1, **options),
        "ids 2T": lambda: best_fit_sequence_of(lengths, num_threads=2, **options),
        "CSR 1T": lambda: best_fit_documents(lengths, num_threads=1, **options),
        "CSR 2T": lambda: best_fit_documents(lengths, num_threads=2, **options),
        "plan 1T": lambda: pack(lengths, strategy="best_fit", seed=None, num_threads=1, **options),
        "plan, spread 1T": lambda: pack(lengths, strategy="best_fit", num_threads=1, **options),
    }
    if prototype.available():
        theirs, number = prototype.ids(lengths, sequence_length, 1)
        assert number == plan.num_sequences
        fills = np.bincount(theirs, clipped, minlength=number)
        assert np.array_equal(np.sort(fills), fills_of(clipped, offsets, ids))
        for threads in (1, 2):
            case = (lengths, sequence_length, threads)
            runs[f"prototype ids {threads}T"] = lambda c=case: prototype.ids(*c)
            runs[f"prototype CSR {threads}T"] = lambda c=case, n=number: prototype.documents(*c, n)
    timings = measure_in_turns(runs, repeats=5 if documents < 10**7 else 3)
    nanoseconds = {name: timing.median / documents * 1e9 for name, timing in timings.items()}
    return {"lengths": kind, "documents": documents, "L": sequence_length, **nanoseconds}
