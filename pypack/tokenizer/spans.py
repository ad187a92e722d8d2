"""Spans of texts as arrays, and which tokens meet them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# The spans of D texts: offsets int64 [D + 1], and begins and ends uint32 [N, 2] in characters.
SpanArrays = tuple[NDArray[np.int64], NDArray[np.uint32]]


def ragged_spans(spans: Sequence[Sequence[tuple[int, int]]]) -> SpanArrays:
    """Lists of (begin, end), one list a text, as arrays."""
    counts = np.fromiter(map(len, spans), np.int64, len(spans))
    flat = [place for one in spans for span in one for place in span]
    return np.concatenate([[0], np.cumsum(counts)]), np.array(flat, np.uint32).reshape(-1, 2)


def tokens_that_meet(spans: NDArray[np.uint32], tokens: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Which tokens of a text meet one of its spans: bool [M].

    An empty span meets a token that stands on both sides of it, as transformers has it.

    Args:
        spans: uint32 [N, 2], begins and ends; they may lie in one another.
        tokens: uint32 [M, 2], what each token stands for.
    """
    if not len(spans):
        return np.zeros(len(tokens), np.bool_)
    # The first span that ends behind the token's start decides.
    found = np.searchsorted(np.maximum.accumulate(spans[:, 1]), tokens[:, 0], side="right")
    inside = found < len(spans)
    meets: NDArray[np.bool_] = inside & (tokens[:, 1] > spans[np.minimum(found, len(spans) - 1), 0])
    return meets
