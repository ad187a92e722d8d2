"""What of a plan is learned: tokens, and the sequences, documents and pieces that hold none to be learned."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from pypack.plan.plan import Plan
from pypack.source.mask_ranges import Masks
from pypack.store.store import TokenStore

# Spans that are looked at at a time.
_PIECE_SPANS = 2**22


@dataclasses.dataclass(frozen=True)
class Learned:
    """What one epoch of a plan learns. The first token of a span is learned by nobody.

    Attributes:
        tokens: tokens to be learned: labels that are not -100.
        unlearned_sequences: int64, rising, the sequences without one.
        hidden_sequences: int64, rising, those among them of which no first token of a span is to be learned
            either: what an objective can learn nothing of.
        masked_sequences: how many of those would have one without masks, and are masked from end to end.
        documents: bool [documents of the plan], which have one.
        present: bool [documents of the plan], which have a span.
        unlearned_pieces: spans of cut documents that are masked from end to end.
        first_token_sequences: sequences like those, but that first tokens of spans are not masked: nothing of
            them is learned unless an objective learns first tokens, too.
        first_token_pieces: spans like those.
    """

    tokens: int
    unlearned_sequences: NDArray[np.int64]
    hidden_sequences: NDArray[np.int64]
    masked_sequences: int
    documents: NDArray[np.bool_]
    present: NDArray[np.bool_]
    unlearned_pieces: int
    first_token_sequences: int
    first_token_pieces: int


def learned_of(
    store: TokenStore,
    plan: Plan,
    documents: NDArray[np.int64] | None,
    masks: Masks | None,
    uses_store_mask: bool = False,
) -> Learned:
    """Counts what a plan learns; two binary searches a span where there are masks.

    Args:
        documents: see `Source`.
        masks: see `pypack.source.mask_ranges`.
        uses_store_mask: count by the loss mask of the store.
    """
    count = plan.counts.documents
    has_learned, present = np.zeros(count, np.bool_), np.zeros(count, np.bool_)
    begins = np.cumsum(store.lengths, dtype=np.int64) - store.lengths
    hidden = None if masks is None else _Hidden(masks, begins)
    sums = np.zeros(plan.num_spans + 1, np.int64)
    visible = np.zeros(plan.num_spans + 1, np.int64)  # not masked, the first ones of spans among them
    pieces = first_pieces = 0
    for start in range(0, plan.num_spans, _PIECE_SPANS):
        spans = slice(start, start + _PIECE_SPANS)
        number, lengths = plan.span_document[spans], plan.span_length[spans].astype(np.int64)
        document = number if documents is None else documents[number]
        learned, shown = lengths - 1, lengths
        if hidden is not None:
            first = begins[document] + plan.span_start[spans]
            behind = hidden.before(first + 1)
            learned = learned - (hidden.before(first + lengths) - behind)
            shown = learned + 1 - (behind - hidden.before(first))
        elif uses_store_mask:
            starts, of = plan.span_start[spans].astype(np.int64), np.ascontiguousarray(document)
            learned = store.kernel_view.count_learned(of, starts + 1, np.maximum(learned, 0))
            shown = learned + store.kernel_view.count_learned(of, starts, np.minimum(lengths, 1))
        sums[1:][spans], visible[1:][spans] = learned, shown
        has_learned[number[learned > 0]] = True
        present[number] = True
        is_piece = (learned == 0) & (lengths > 1) & (lengths < store.lengths[document])  # one is no loss
        pieces += int(np.count_nonzero(is_piece & (shown == 0)))
        first_pieces += int(np.count_nonzero(is_piece & (shown > 0)))
    np.cumsum(sums, out=sums)
    unlearned = np.diff(sums[plan.sequence_offsets]) == 0
    tokens = int(sums[-1])
    if plan.repeats:
        tokens = int((np.diff(sums[plan.sequence_offsets]) * plan.sequence_times).sum())
    masked = first_only = 0
    is_shown = np.ones(len(unlearned), np.bool_)
    if unlearned.any():
        np.cumsum(plan.span_length - 1, out=sums[1:])
        lost = unlearned & (np.diff(sums[plan.sequence_offsets]) > 0)
        np.cumsum(visible, out=visible)
        is_shown = np.diff(visible[plan.sequence_offsets]) > 0
        masked, first_only = int(np.count_nonzero(lost & ~is_shown)), int(np.count_nonzero(lost & is_shown))
    return Learned(
        tokens,
        np.flatnonzero(unlearned),
        np.flatnonzero(unlearned & ~is_shown),
        masked,
        has_learned,
        present,
        pieces,
        first_only,
        first_pieces,
    )


class _Hidden:
    """Counts hidden tokens before any place in the tokens of all documents, end to end."""

    def __init__(self, masks: Masks, begins: NDArray[np.int64]) -> None:
        offsets, ranges = masks
        document_begins = np.repeat(begins, np.diff(offsets))
        self._starts = document_begins + ranges[:, 0]
        self._stops = document_begins + ranges[:, 1]
        self._sums = np.concatenate([[0], np.cumsum(self._stops - self._starts)])

    def before(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """Hidden tokens before each of the places."""
        if not len(self._starts):
            return np.zeros_like(places)
        ranges = np.searchsorted(self._starts, places)
        beyond = np.maximum(self._stops[ranges - 1] - places, 0)  # of the last range, what is not before
        return self._sums[ranges] - np.where(ranges > 0, beyond, 0)
