"""What masks mean, in plain Python: for each document a flag a token, True where it is learned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def of_mask(lengths: Sequence[int], mask: Sequence[Any]) -> list[list[bool]]:
    """`mask=`: None, a number of first tokens, a bool, or ranges (flat, or as pairs) that are not learned."""
    return [
        [not any(a <= t < b for a, b in _ranges(m)) for t in range(n)]
        for n, m in zip(lengths, mask, strict=True)
    ]


def _ranges(mask: Any) -> list[tuple[int, int]]:
    if mask is None or mask is False:
        return []
    if mask is True:
        return [(0, 2**31)]
    if isinstance(mask, int):
        return [(0, mask)]
    flat = [n for item in mask for n in (item if isinstance(item, tuple) else (item,))]
    return list(zip(flat[::2], flat[1::2], strict=True))


def of_loss_mask(lengths: Sequence[int], loss_mask: Sequence[Any]) -> list[list[bool]]:
    """`loss_mask=`: one value a token, 1 where it is learned; None: all of the document is."""
    return [
        [True] * n if values is None else [value == 1 for value in values]
        for n, values in zip(lengths, loss_mask, strict=True)
    ]


def learned_in_plan(
    plan: Any, learned: Sequence[Sequence[bool]], documents: Sequence[int]
) -> list[list[int]]:
    """Learned tokens of each span of each sequence: the first token of a span is learned by nobody."""
    sequences = []
    for s in range(plan.num_sequences):
        spans = range(int(plan.sequence_offsets[s]), int(plan.sequence_offsets[s + 1]))
        sequences.append(
            [
                sum(
                    learned[documents[int(plan.span_document[i])]][
                        int(plan.span_start[i]) + 1 : int(plan.span_start[i]) + int(plan.span_length[i])
                    ]
                )
                for i in spans
            ]
        )
    return sequences


def tokens_that_meet(spans: Sequence[tuple[int, int]], tokens: Sequence[tuple[int, int]]) -> list[bool]:
    """Which tokens, as ranges of characters, meet a span.

    Both begin before the other ends: so an empty span is met by a token that stands on both sides of it.
    """
    return [any(begin < stop and start < end for begin, end in spans) for start, stop in tokens]
