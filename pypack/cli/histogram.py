"""Histograms of lengths and of how full sequences are, as text."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from pypack.cli.table import format_table


def histogram(
    rows: Sequence[tuple[int, int, int, int]], what: str = "length", things: str = "documents"
) -> str:
    """A line a class of lengths, its bar by tokens.

    Args:
        rows: least and greatest length, how many things, their tokens.
        what, things: heads of columns.
    """
    most = max((tokens for *_, tokens in rows), default=0) or 1
    cells = [
        (
            f"{low:,}-{high:,}" if high > low else f"{low}",
            f"{count:,}",
            f"{tokens:,}",
            "█" * round(40 * tokens / most),
        )
        for low, high, count, tokens in rows
    ]
    lines = format_table((what, things, "tokens", ""), [(*row[:3], "") for row in cells]).splitlines()
    return _with_bars(lines, [row[3] for row in cells])


def fill_histogram(fills: Sequence[int]) -> str:
    """Sequences by how full they are; finer towards the full end, where the good ones are."""
    edges = [0, 50, 75, 90, 95, 99, 100]
    groups = [sum(fills[low:high]) for low, high in itertools.pairwise(edges)] + [fills[100]]
    names = [f"{low}-{high} %" for low, high in itertools.pairwise(edges)] + ["no padding"]
    rows = [(name, f"{count:,}", "") for name, count in zip(names, groups, strict=True)]
    most = max(groups) or 1
    lines = format_table(("fill", "sequences", ""), rows).splitlines()
    return _with_bars(lines, ["█" * round(40 * count / most) for count in groups])


def _with_bars(lines: list[str], bars: list[str]) -> str:
    return "\n".join(f"  {line:<50} {bar}".rstrip() for line, bar in zip(lines, ["", "", *bars], strict=True))
