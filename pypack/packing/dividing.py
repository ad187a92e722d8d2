"""Plans whose numbers of sequences divide, by the ranks of a training for example."""

from __future__ import annotations

import heapq
import itertools

import numpy as np

from pypack.packing.strategies import Arrays

Span = tuple[int, int, int]  # document, start, length


def divided(arrays: Arrays, by: int, align: int) -> Arrays:
    """Cuts sequences in two until those of every capacity divide by a number; no token is left out.

    The sequences with the most spans are cut, between spans and near the middle of their tokens; where all
    have one span, within it. What is cut off stands, in sequences of the same capacity, behind the others.

    Args:
        arrays: of a plan, and its counts, as strategies make them.
        by: what the number of sequences of every capacity is to be a multiple of.
        align: as for `pack`: spans are cut at its multiples.

    Raises:
        ValueError: there are fewer tokens than sequences are needed.
    """
    offsets, document, start, length, capacity, counts = arrays
    sizes, numbers_of_sizes = np.unique(capacity, return_counts=True)
    spans = np.diff(offsets)
    tokens = np.add.reduceat(length, offsets[:-1]) if len(length) else spans
    left = spans.copy()  # of each sequence
    lengths = np.array(length)
    added: list[tuple[int, list[Span]]] = []
    newly_cut: set[int] = set()
    for size, number in zip(sizes.tolist(), numbers_of_sizes.tolist(), strict=True):
        missing = -number % by
        numbers = np.flatnonzero(capacity == size)
        most = numbers[np.lexsort((-tokens[numbers], -spans[numbers]))[:missing]]
        rows = {
            int(i): [
                (int(document[k]), int(start[k]), int(length[k])) for k in range(offsets[i], offsets[i + 1])
            ]
            for i in most
        }
        try:
            new = _cut(rows, missing, align, newly_cut)
        except ValueError as error:
            raise ValueError(
                f"divisible_by={by}: {number} sequences of {size} tokens cannot be made {number + missing}: "
                f"{error}"
            ) from None
        added += [(size, row) for row in new]
        for i, row in rows.items():
            left[i] = len(row)
            lengths[offsets[i] + len(row) - 1] = row[-1][2]
    if not added:
        return *arrays[:5], {**counts, "added_sequences": 0}
    kept = np.arange(len(document)) < np.repeat(offsets[:-1] + left, spans)
    were_whole = [d for d in newly_cut if np.count_nonzero(document == d) == 1]
    tail = np.array([span for _, row in added for span in row], np.int64).reshape(-1, 3)
    counts = {
        **counts,
        "split_documents": counts["split_documents"] + len(were_whole),
        "added_sequences": len(added),
    }
    return (
        np.cumsum([0, *left.tolist(), *(len(row) for _, row in added)], dtype=np.int64),
        np.concatenate([document[kept], tail[:, 0]]),
        np.concatenate([start[kept], tail[:, 1].astype(np.int32)]),
        np.concatenate([lengths[kept], tail[:, 2].astype(np.int32)]),
        np.concatenate([capacity, np.array([size for size, _ in added], np.int32)]),
        counts,
    )


def _cut(rows: dict[int, list[Span]], missing: int, align: int, newly_cut: set[int]) -> list[list[Span]]:
    """Cuts rows, which keep their first part, until so many were added; returns what was cut off.

    Args:
        rows: by number; changed in place.
        newly_cut: documents that were cut are added to it.
    """
    added: dict[int, list[Span]] = {}  # by negative numbers: rows of the input come first among equals
    heap = [_rank(row, number) for number, row in rows.items()]
    heapq.heapify(heap)
    while len(added) < missing:
        number = heapq.heappop(heap)[-1] if heap else 0
        holder = rows if number in rows else added
        if number not in holder:
            raise ValueError("there are no tokens left to part")
        first, second = _halves(holder[number], align)
        if first[-1][0] == second[0][0]:
            newly_cut.add(first[-1][0])
        holder[number], new = first, -1 - len(added)
        added[new] = second
        heapq.heappush(heap, _rank(first, number))
        heapq.heappush(heap, _rank(second, new))
    return list(added.values())


def _rank(row: list[Span], number: int) -> tuple[int, int, int, int]:
    """Rows with the most spans are cut first, then those with the most tokens."""
    return -len(row), -sum(span[2] for span in row), -(number >= 0), number


def _halves(row: list[Span], align: int) -> tuple[list[Span], list[Span]]:
    if len(row) > 1:
        ends = np.array(list(itertools.accumulate(span[2] for span in row)))
        at = 1 + int(np.argmin(np.abs(2 * ends[:-1] - ends[-1])))
        return row[:at], row[at:]
    ((document, start, length),) = row
    at = max(1, round(length / align / 2)) * align
    if at >= length:
        raise ValueError(f"there are only pieces of {align} tokens left")
    return [(document, start, at)], [(document, start + at, length - at)]
