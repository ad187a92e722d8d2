"""Packed sequences drawn with characters: one letter a document, dots for padding."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from pypack.plan.plan import Plan

PADDING = "·"
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def draw_sequences(plan: Plan, quantiles: Sequence[float], width: int) -> list[str]:
    """One line for the sequence at each quantile of the number of documents in a sequence.

    A line has `width` characters for `sequence_capacity` tokens. Every document gets at least one character
    while there is room, so short ones can be seen.
    """
    by_documents = np.argsort(np.diff(plan.sequence_offsets), kind="stable")
    return [_draw(plan, int(by_documents[int(q * (len(by_documents) - 1))]), width) for q in quantiles]


def _draw(plan: Plan, sequence: int, width: int) -> str:
    first, last = int(plan.sequence_offsets[sequence]), int(plan.sequence_offsets[sequence + 1])
    capacity = int(plan.sequence_capacity[sequence])
    line: list[str] = []
    tokens = 0
    letters: Iterator[str] = itertools.cycle(_LETTERS)
    for span in range(first, last):
        tokens += int(plan.span_length[span])
        end = max(len(line) + 1, round(tokens * width / capacity))
        line += next(letters) * (end - len(line))
    return "".join(line[:width]).ljust(width, PADDING)
