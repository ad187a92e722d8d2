"""Packed sequences drawn with characters: one letter a document, dots for padding."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from pypack.plan import Plan

PADDING = "·"
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def draw_sequences(plan: Plan, count: int, width: int) -> list[str]:
    """The `count` sequences of a plan that hold the most documents among its first 200, one line each.

    A line has `width` characters for `sequence_capacity` tokens. Every document gets at least one character
    while there is room, so short ones can be seen.
    """
    considered = range(min(200, plan.num_sequences))
    spans = plan.sequence_offsets
    fullest = sorted(considered, key=lambda s: int(spans[s] - spans[s + 1]))[:count]
    return [_draw(plan, sequence, width) for sequence in sorted(fullest)]


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
