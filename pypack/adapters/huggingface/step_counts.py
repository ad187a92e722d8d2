"""What a step holds, counted from plans alone: for statistics of batches that other processes made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pypack.batch import PackedBatch
from pypack.loader.loader import Loader
from pypack.loader.objective import objectives_of


@dataclass(frozen=True, eq=False)
class StepCounts:
    """The counts of a batch of layout "varlen", under the names that a `PackedBatch` has for them.

    Attributes:
        step: the step.
        tokens, padding, num_spans: as in `PackedBatch`.
        source_ids, span_lengths: of each span.
        row_spans: int64 [rows + 1], where the spans of each row begin.
        objective_counts: None, as nothing is drawn here.
    """

    step: int
    tokens: int
    padding: int
    num_spans: int
    source_ids: NDArray[np.int32]
    span_lengths: NDArray[np.int64]
    row_spans: NDArray[np.int64]
    objective_counts: None = None


def step_counts(loader: Loader, step: int, pad_to: int = 0) -> StepCounts | PackedBatch:
    """Counts the batch of a step, without reading a token where its objective moves none and its plans hold
    none of their own.

    Args:
        loader: of layout "varlen".
        step: any of its steps.
        pad_to: items that a batch is filled up to.
    """
    plans = [plan for source in loader.sources.values() for plan in source.plans]
    if any(plan.literals is not None for plan in plans) or any(
        one is not None and one.moves_tokens for one in objectives_of(loader.objective).values()
    ):
        return loader.batch_at(step)  # only then is it known what has become of it
    length = loader.order.at(step).row_length
    all_sources = list(loader.sources.values())
    lengths: list[NDArray[np.int64]] = []
    sources: list[int] = []
    items = 0
    for number, sequence in zip(*loader.rows_at(step), strict=True):
        spans = np.empty(0, np.int64)
        if sequence >= 0:
            source = all_sources[number]
            plan = source.plans[source.lengths[length]] if len(source.plans) > 1 else source.plan
            begin, end = plan.sequence_offsets[sequence : sequence + 2]
            spans = np.asarray(plan.span_length[begin:end], np.int64)
            items += int(plan.rooms_of(spans).sum())
        lengths.append(spans)
        sources += [int(number)] * len(spans)
    span_lengths = np.concatenate(lengths)
    tokens = int(span_lengths.sum())
    return StepCounts(
        step,
        tokens,
        max(items, pad_to) - tokens,
        len(span_lengths),
        np.array(sources, np.int32),
        span_lengths,
        np.cumsum([0, *map(len, lengths)]),
    )
