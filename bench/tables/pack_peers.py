"""Best fit beside public packers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.tables.markdown import Record, markdown


def measured_peers(results: Mapping[str, Any]) -> list[Record]:
    """The rows of all public packers that ran."""
    return [
        row
        for title, table in results.items()
        if title.startswith("best fit against peers")
        for row in table
        if row["ratio"] is not None
    ]


def peers_table(record: Record) -> str:
    """Sequences of 8192 tokens; the file has others."""
    rows = [
        [
            f"{row['peer']}, {row['documents']:,} documents",
            row["lengths"],
            f"{row['peer ns']:,.0f}",
            f"{row['CSR ns']:.1f}",
            f"{row['ratio']:,.0f}",
        ]
        for row in measured_peers(record["results"])
        if row["L"] == 8192
    ]
    head = ["sequences of 8192 tokens", "lengths", "its ns a document", "pypack's", "ratio"]
    return markdown(head, rows)
