"""What all tables are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Record = Mapping[str, Any]


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table: the first column to the left, the others to the right."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, rule, *rows))


def batch_size(row: Record) -> str:
    """Rows × tokens of a batch."""
    size: str = row["rows x tokens"]
    return size.replace("x", "×")


def millions(speed: float) -> str:
    """A speed in millions; one decimal below ten."""
    return f"{speed / 1e6:,.0f} M" if speed >= 1e7 else f"{speed / 1e6:,.1f} M"


def megabytes(speed: float | None) -> str:
    """MB/s, one decimal below ten; nothing for what was not measured."""
    return "" if speed is None else f"{speed:,.{0 if speed >= 10 else 1}f}"


def span(values: Sequence[float], form: str) -> str:
    """The least and the most of them, or the one that they are."""
    ends = [format(end, form) for end in (min(values), max(values))]
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)
