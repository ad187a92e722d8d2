"""The rows that are written out: the documents of a store, or the sequences of a plan over it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pypack import _core
from pypack._common.threads import resolve_num_threads
from pypack.formats.stream import block_bounds
from pypack.plan.plan import Plan
from pypack.source.mask_ranges import Masks
from pypack.store.store import TokenStore

# Without a plan; what is held a document is held of so many.
_DOCUMENTS_AT_ONCE = 2**18


@dataclass(frozen=True)
class Rows:
    """Some rows, end to end.

    Attributes:
        input_ids: int32 [T].
        labels: int32 [T], unshifted, -100 at the first token of each span.
        offsets: int64 [rows + 1]: row r is items offsets[r] to offsets[r + 1].
        span_lengths: int32 [spans]. A row of a plan with literals is one text, and here one span.
        row_spans: int64 [rows + 1]: row r holds spans row_spans[r] to row_spans[r + 1].
    """

    input_ids: NDArray[np.int32]
    labels: NDArray[np.int32]
    offsets: NDArray[np.int64]
    span_lengths: NDArray[np.int32]
    row_spans: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1


def iterate_rows(
    store: TokenStore,
    plan: Plan | None,
    masks: Masks | None = None,
    chosen: NDArray[np.int64] | None = None,
    *,
    uses_store_mask: bool,
) -> Iterator[Rows]:
    """The sequences of a plan in its order; without a plan the documents in theirs, empty ones among them.

    Args:
        masks: what is not learned, in the place of the store's own mask.
        chosen: the documents of the store that the plan speaks of; None: all.

    Raises:
        ValueError: the plan aligns its spans (the padding between them would be taken for tokens).
    """
    if plan is not None and plan.align != 1:
        raise ValueError(f"the plan aligns spans to {plan.align} tokens: pack with align=1 to convert")
    uses = {"uses_store_mask": uses_store_mask}
    if plan is None:
        count, lengths = len(store), store.lengths
        for start in range(0, count, _DOCUMENTS_AT_ONCE):
            part = np.arange(start, min(start + _DOCUMENTS_AT_ONCE, count), dtype=np.int64)
            own, numbers = lengths[start : start + len(part)], np.arange(len(part) + 1)
            arrays = (numbers, numbers[:-1], np.zeros(len(part), np.int32), own, np.maximum(own, 1))
            yield from _filled(store, _core.PlanView(*arrays), own.astype(np.int64), masks, part, (), **uses)
        return
    spans = np.concatenate([[0], np.cumsum(plan.span_length, dtype=np.int64)])
    tokens = np.diff(spans[plan.sequence_offsets])
    if plan.literals is None:
        view = _core.PlanView(*plan.arrays().values())
        yield from _filled(store, view, tokens, masks, chosen, plan.mapped_files, **uses)
        return
    gaps = plan.literals.offsets[plan.sequence_offsets + np.arange(len(plan.sequence_offsets))]
    for rows in _filled(store, plan._view, tokens + np.diff(gaps), masks, chosen, plan.mapped_files, **uses):
        lengths = np.diff(rows.offsets).astype(np.int32)
        yield replace(rows, span_lengths=lengths, row_spans=np.arange(len(rows) + 1))


def _filled(
    store: TokenStore,
    view: _core.PlanView,
    tokens: NDArray[np.int64],
    masks: Masks | None,
    chosen: NDArray[np.int64] | None,
    plan_files: Any,
    *,
    uses_store_mask: bool,
) -> Iterator[Rows]:
    """The rows of a plan, of so many tokens each."""
    form = _core.BatchFormat(varlen=True, int32=True, position_ids=False, segment_ids=False)
    maker = _core.BatchMaker(form, 1)
    maker.add_source(
        store.kernel_view,
        view,
        documents=chosen,
        align=1,
        mask_offsets=None if masks is None else masks[0],
        masks=None if masks is None else masks[1],
        uses_store_mask=uses_store_mask,
        plan_files=plan_files,
    )
    ends = np.cumsum(tokens)
    for start, stop in block_bounds(ends):
        before = int(ends[start - 1]) if start else 0
        rows = np.arange(start, stop)
        filled = maker.fill(np.zeros(len(rows), np.int32), rows, 0, resolve_num_threads(None))
        offsets = np.concatenate([[0], ends[start:stop] - before])
        input_ids, labels, *_, made, _ = filled
        _, _, span_lengths, row_spans = _core.span_arrays(made)
        yield Rows(input_ids, labels, offsets, span_lengths, row_spans)
