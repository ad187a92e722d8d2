"""How often a run gives each document, and what it has given as a source to be given again."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pypack._common.arguments import whole_number
from pypack.loader.loader import Loader
from pypack.plan.chosen import runs_of
from pypack.plan.plan import Plan
from pypack.plan.stats import PlanCounts
from pypack.source.source import Source


def document_exposures(loader: Loader, stop: int, first: int = 0) -> dict[str, NDArray[np.int64]]:
    """How many tokens of each document the steps `first` to `stop` of a run give, over all ranks.

    No token is read.

    Returns:
        By source, int64 [documents of its store]; over `store.lengths` that is how often.

    Raises:
        IndexError: the loader has no such step.
    """
    out = {}
    drawn = _drawn(loader, first, stop)
    for name, source in loader.sources.items():
        tokens = np.zeros(source.store.num_documents, np.int64)
        for plan in source.plans:
            times = np.repeat(next(drawn), np.diff(plan.sequence_offsets))
            given = np.flatnonzero(times)
            documents = plan.span_document[given]
            if source.documents is not None:
                documents = source.documents[documents]
            np.add.at(tokens, documents, plan.span_length[given] * times[given])
        out[name] = tokens
    return out


def replay(loader: Loader, stop: int, first: int = 0) -> dict[str, Source]:
    """What the steps `first` to `stop` of a run have given, as sources of their own: an epoch of one gives
    every sequence as often as they did. For replay in continued training.

        seen = replay(loader, loader.step)["web"]
        phase = Phase(tokens=10**9, weights={"new": 3, "seen": 1})
        Loader({"new": new, "seen": seen}, schedule=Schedule([phase]), batch_sequences=64)

    Returns:
        By the name of the source; those that gave nothing are left out.
    """
    out = {}
    drawn = _drawn(loader, first, stop)
    for name, source in loader.sources.items():
        plans = [_of_sequences(source, plan, next(drawn)) for plan in source.plans]
        given = [plan for plan in plans if plan is not None]
        if given:
            out[name] = source.with_plans(given)
    return out


def _drawn(loader: Loader, first: int, stop: int) -> Iterator[NDArray[np.int64]]:
    """How often the steps give each sequence of each plan of all sources."""
    first, stop = whole_number("first", first), whole_number("stop", stop)
    sizes = [plan.num_sequences for source in loader.sources.values() for plan in source.plans]
    counts = [np.zeros(size, np.int64) for size in sizes]
    for step in range(first, stop):
        plans, sequences, _ = loader._maker_at(step).plan_rows(loader.order.at(step), all_ranks=True)
        for plan in np.unique(plans[sequences >= 0]).tolist():
            rows = sequences[(plans == plan) & (sequences >= 0)]
            np.add.at(counts[plan], rows, 1)
    return iter(counts)


def _of_sequences(source: Source, plan: Plan, times: NDArray[np.int64]) -> Plan | None:
    """The plan of those of another's sequences that come at all, and so often."""
    chosen = np.flatnonzero(times)
    if not len(chosen):
        return None
    # By capacity and times, so that runs are few.
    chosen = chosen[np.lexsort((chosen, times[chosen], plan.sequence_capacity[chosen]))]
    begins, ends = plan.sequence_offsets[chosen], plan.sequence_offsets[chosen + 1]
    sizes = ends - begins
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    spans = np.arange(offsets[-1]) + np.repeat(begins - offsets[:-1], sizes)
    document, length = plan.span_document[spans], plan.span_length[spans]
    lengths = source.store.lengths if source.documents is None else source.store.lengths[source.documents]
    return Plan(
        offsets,
        np.ascontiguousarray(document),
        np.ascontiguousarray(plan.span_start[spans]),
        np.ascontiguousarray(length),
        np.ascontiguousarray(plan.sequence_capacity[chosen]),
        sequence_length=plan.sequence_length,
        strategy="replay",
        options={"align": plan.align} | ({"room": plan.room} if plan.room else {}),
        counts=_counts(lengths, document, length),
        lengths_fingerprint=plan.lengths_fingerprint,
        documents=source.documents,
        repeats=runs_of(times[chosen]),
        selection={**plan.selection, "replay of": plan.strategy},
        store_fingerprint=plan.store_fingerprint,
        sides=plan.sides,
        literals=None if plan.literals is None else plan.literals.of_sequences(plan, chosen),
    )


def _counts(lengths: NDArray[np.int32], document: NDArray[np.int64], length: NDArray[np.int32]) -> PlanCounts:
    given = np.bincount(document, weights=length, minlength=len(lengths)).astype(np.int64)
    spans = np.bincount(document, minlength=len(lengths))
    dropped = (given == 0) & (lengths > 0)
    cut = (given > 0) & (given < lengths)
    return PlanCounts(
        documents=len(lengths),
        tokens=int(lengths.sum(dtype=np.int64)),
        empty_documents=int(np.count_nonzero(lengths == 0)),
        dropped_documents=int(np.count_nonzero(dropped)),
        dropped_tokens=int(lengths[dropped].sum(dtype=np.int64)),
        truncated_documents=int(np.count_nonzero(cut)),
        truncated_tokens=int((lengths[cut] - given[cut]).sum()),
        split_documents=int(np.count_nonzero(spans > 1)),
    )
