"""Rows as a table on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Row = dict[str, Any]


def print_table(rows: Sequence[Mapping[str, Any]], title: str = "") -> None:
    """Rows with the same keys as an aligned table; floats with four significant digits, None as a dash."""
    if title:
        print(f"\n{title}")
    if not rows:
        return
    columns = list(rows[0])
    cells = [[_cell(row.get(column)) for column in columns] for row in rows]
    widths = [max(len(line[i]) for line in [columns, *cells]) for i in range(len(columns))]
    for line in [columns, ["-" * width for width in widths], *cells]:
        left, *right = zip(line, widths, strict=True)
        print("  ".join([left[0].ljust(left[1]), *(cell.rjust(width) for cell, width in right)]).rstrip())


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
