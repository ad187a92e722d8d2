"""Ranges of tokens that are not to be learned, as the kernels take them.

Everywhere: offsets int64 [D + 1] and ranges int32 [M, 2]; those of document d are ranges[offsets[d]] to
ranges[offsets[d + 1]]. They rise, do not overlap, and stay within their document.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pypack.store.store import TokenStore

Masks = tuple[NDArray[np.int64], NDArray[np.int32]]

_MOST_TOKENS = 2**31 - 1  # of a document


def unlearned_ranges(
    learned: NDArray[np.bool_], lengths: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """The runs of tokens that are not learned.

    Args:
        learned: bool [N], the tokens of some documents, end to end.
        lengths: int64 [D], their tokens.

    Returns:
        Number of ranges of each document int64 [D], and ranges int32 [M, 2] within the documents.
    """
    begins = np.cumsum(lengths) - lengths
    hidden = ~learned
    # A range begins, or ends, where a token differs from its neighbour, and with its document.
    first, last = hidden.copy(), hidden.copy()
    first[1:] &= learned[:-1]
    last[:-1] &= learned[1:]
    filled = lengths > 0
    borders = begins[filled]
    first[borders] = hidden[borders]
    ends = borders + lengths[filled] - 1
    last[ends] = hidden[ends]
    starts, stops = np.flatnonzero(first), np.flatnonzero(last) + 1
    counts = np.diff(np.searchsorted(starts, np.append(begins, len(learned))))
    document_begins = np.repeat(begins, counts)
    ranges = np.stack([starts - document_begins, stops - document_begins], axis=1).astype(np.int32)
    return counts, ranges


def disjoint_ranges(store: TokenStore, document_of: NDArray[np.int64], ranges: NDArray[np.int64]) -> Masks:
    """Ranges of documents, cut to their documents, sorted, without overlaps and empty ones.

    Args:
        document_of: int64 [M], rising.
        ranges: int64 [M, 2], start <= stop.
    """
    ends = np.cumsum(store.lengths, dtype=np.int64)
    begins = (ends - store.lengths)[document_of]
    starts = begins + np.minimum(ranges[:, 0], _MOST_TOKENS)
    stops = np.minimum(begins + np.minimum(ranges[:, 1], _MOST_TOKENS), ends[document_of])
    filled = starts < stops
    starts, stops, document_of = starts[filled], stops[filled], document_of[filled]
    if (starts[1:] < stops[:-1]).any():
        order = np.argsort(starts, kind="stable")
        starts, document_of = starts[order], document_of[order]
        reached = np.maximum.accumulate(stops[order])
        first = np.ones(len(starts), np.bool_)
        first[1:] = starts[1:] >= reached[:-1]
        at = np.flatnonzero(first)
        starts, document_of = starts[at], document_of[at]
        stops = reached[np.append(at[1:], len(first)) - 1]
    begins = (ends - store.lengths)[document_of]
    offsets = np.searchsorted(document_of, np.arange(store.num_documents + 1)).astype(np.int64)
    return offsets, np.stack([starts - begins, stops - begins], axis=1).astype(np.int32)
