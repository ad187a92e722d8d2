"""Rows written as columns, and marked words, in plain Python."""

from __future__ import annotations

from collections.abc import Sequence


def rows_to_columns(
    rows: Sequence[Sequence[int]], starts: Sequence[int], size: int
) -> tuple[list[int], list[int]]:
    """Memory of `size` words, 0 before, in which column i begins at starts[i], and where each column ends."""
    words = [0] * size
    for row, values in enumerate(rows):
        for start, value in zip(starts, values, strict=True):
            words[start + row] = value
    return words, [start + len(rows) for start in starts]


def beginnings(words: Sequence[int], first: int) -> list[int]:
    """Where words are marked, that is below 0, counted from `first` on."""
    return [first + i for i, word in enumerate(words) if word < 0]
