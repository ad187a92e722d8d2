"""Best fit of documents that are split, by document and by piece."""

from __future__ import annotations

from bench.common.lengths import GENERATORS
from bench.common.printing import Row
from bench.common.timing import measure_in_turns
from pypack.packing.packing import pack


def splits(kind: str, documents: int, sequence_length: int) -> Row:
    """Nanoseconds of the default plan, with one thread and two."""
    lengths = GENERATORS[kind](documents, 0)
    plan = pack(lengths, sequence_length, "best_fit")
    plan.verify(lengths)
    pieces = plan.num_spans / documents
    assert pieces > 1 or lengths.max() <= sequence_length
    del plan
    timings = measure_in_turns({
        threads: lambda t=threads: pack(lengths, sequence_length, "best_fit", num_threads=t)
        for threads in (1, 2)
    })  # fmt: skip
    one, two = (timings[threads].median / documents * 1e9 for threads in (1, 2))
    return {
        "lengths": kind, "documents": documents, "L": sequence_length, "pieces/document": pieces,
        "ns/document 1T": one, "ns/piece 1T": one / pieces,
        "ns/document 2T": two, "ns/piece 2T": two / pieces,
    }  # fmt: skip
