"""Plain tables and bars for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def format_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns side by side: the first to the left, numbers to the right."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        rest = (cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))
        return "  ".join((cells[0].ljust(widths[0]), *rest)).rstrip()

    return "\n".join([line(head), "  ".join("-" * width for width in widths), *map(line, rows)])


def length_histogram(lengths: NDArray[np.int32]) -> list[tuple[int, int, int, int]]:
    """Rows (from, to, documents, tokens) of the lengths in powers of two; `to` is inclusive.

    Rows without documents are left out.
    """
    import numpy as np

    if len(lengths) == 0:
        return []
    edges = [0, 1]
    while edges[-1] <= int(lengths.max()):
        edges.append(edges[-1] * 2)
    counts, _ = np.histogram(lengths, bins=edges)
    tokens, _ = np.histogram(lengths, bins=edges, weights=lengths.astype(np.float64))
    return [
        (edges[i], edges[i + 1] - 1, int(counts[i]), int(tokens[i]))
        for i in range(len(edges) - 1)
        if counts[i]
    ]
