"""The table of prefill."""

from __future__ import annotations

from bench.tables.markdown import Record, markdown


def prefill_table(record: Record) -> str:
    """Ways to run a batch of prompts."""
    rows = [
        [
            f"{row['mix']}, {row['way']}",
            f"{row['items']:,}",
            f"{row['tokens'] / row['items']:.0%}",
            f"{row['seconds']:.2f} s",
            f"{row['packed is faster by']:.2f}",
            f"{row['share of the bound']:.2f}",
            f"{row['peak MiB']:,.0f} MiB",
        ]
        for row in record["results"]["rows"]
    ]
    head = ["", "items", "tokens", "time", "packed is faster by", "share of the bound", "peak memory"]
    return markdown(head, rows)
