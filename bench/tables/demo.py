"""The table of `pypack demo`."""

from __future__ import annotations

from bench.tables.markdown import Record, markdown


def demo_table(record: Record) -> str:
    """Ways to pack the standard library."""
    results = record["results"]
    padded_cost = results["ways"][0]["sequences"] * results["sequence_length"] ** 2
    rows = [
        [
            way["name"],
            f"{way['sequences']:,}",
            f"{way['utilization']:.2%}",
            f"{way['padding_tokens']:,}",
            f"{way['cut_documents']:,}",
            f"{way['attention_cost'] / padded_cost:.1%}",
            f"{way['tokens_per_second'] / 1e6:,.0f} M",
        ]
        for way in results["ways"]
    ]
    head = ["", "rows", "utilization", "padding", "documents cut", "attention cost", "tokens/s loaded"]
    return markdown(head, rows)
