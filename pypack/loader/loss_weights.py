"""Weights of the losses of a batch, beside its labels. In Python: the kernels know no weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pypack.batch import IGNORE_LABEL, PackedBatch
from pypack.plan.plan import Plan
from pypack.source.source import Source


class BatchWeights:
    """Makes `PackedBatch.loss_weights`; some 20 ns a token.

    Args:
        sources: of which one at least has weights; the others count 1.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self._plans: list[tuple[Source, Plan]] = [(one, plan) for one in sources for plan in one.plans]

    def of(
        self, batch: PackedBatch, plan_of_row: NDArray[np.int32], sequences: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """float32, of the shape of `input_ids`: 0 wherever nothing is learned. A literal of a plan counts 1.

        Args:
            batch: as the kernels made it.
            plan_of_row: the plan of each row, counted over all sources.
            sequences: the sequence of each row in its plan, -1 for empty rows.
        """
        learned = batch.loss_mask > 0 if batch.labels is None else batch.labels != IGNORE_LABEL
        weights = np.zeros(batch.input_ids.shape, np.float32)
        lengths = batch.span_lengths.astype(np.int64)
        counts = np.diff(batch.row_spans)
        row_of_span = np.repeat(np.arange(batch.num_rows), counts)
        begins = np.zeros(len(lengths), np.int64)
        row_begins = self._row_begins(batch, plan_of_row, counts)
        for number in np.unique(plan_of_row[sequences >= 0]).tolist():
            source, plan = self._plans[number]
            rows = np.flatnonzero((plan_of_row == number) & (counts > 0))
            spans = np.flatnonzero((plan_of_row == number)[row_of_span])
            if batch.cu_seqlens is None or plan.literals is not None:
                rooms = plan.rooms_of(lengths[spans])
                ends = np.cumsum(rooms)
                first = np.cumsum(counts[rows]) - counts[rows]
                within = row_begins[rows] - (ends - rooms)[first]
                begins[spans] = np.repeat(within, counts[rows]) + ends - rooms
            else:
                first_spans = np.repeat(batch.row_spans[rows], counts[rows])
                begins[spans] = batch.cu_seqlens[
                    np.repeat(row_begins[rows], counts[rows]) + spans - first_spans
                ]
            is_text = batch.document_ids[spans] >= 0
            weights.reshape(-1)[_runs(begins[spans], lengths[spans])] = 1  # literals stay so
            if source.loss_weights is None:
                continue
            spans = spans[is_text]
            offsets = plan.sequence_offsets
            of_plan = _runs(offsets[sequences[rows]], np.diff(offsets)[sequences[rows]])
            starts = plan.span_start[of_plan].astype(np.int64)
            found = source.loss_weights.of_spans(batch.document_ids[spans], starts, lengths[spans])
            weights.reshape(-1)[_runs(begins[spans], lengths[spans])] = found
        weights[~learned] = 0
        return weights

    def _row_begins(
        self, batch: PackedBatch, plan_of_row: NDArray[np.int32], counts: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Where each row begins: its item; in the varlen layout that of a plan with literals, whose rows are
        one segment, and of other rows the number of their first segment."""
        if batch.cu_seqlens is None:
            begins: NDArray[np.int64] = np.arange(batch.num_rows) * batch.input_ids.shape[1]
            return begins
        with_literals = np.array([plan.literals is not None for _, plan in self._plans])
        is_one = with_literals[np.maximum(plan_of_row, 0)] & (counts > 0)
        segments = np.where(is_one, 1, counts)
        first = np.cumsum(segments) - segments
        items = batch.cu_seqlens[np.minimum(first, len(batch.cu_seqlens) - 1)]
        found: NDArray[np.int64] = np.where(is_one, items, first)
        return found


def _runs(begins: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """The numbers begins[i], begins[i] + 1, ... (lengths[i] of them), run after run."""
    ends = np.cumsum(lengths)
    runs: NDArray[np.int64] = np.repeat(begins - (ends - lengths), lengths)
    runs += np.arange(len(runs))
    return runs
