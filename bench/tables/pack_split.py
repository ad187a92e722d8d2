"""Best fit of documents that are cut, by document and by piece."""

from __future__ import annotations

from bench.tables.markdown import Record, markdown


def split_table(record: Record) -> str:
    """Nanoseconds with one thread and two."""
    [rows] = [rows for name, rows in record["results"].items() if name.startswith("best fit, split")]
    lines = [
        [
            row["lengths"],
            f"{row['L']:,}",
            f"{row['pieces/document']:.2f}",
            f"{row['ns/document 1T']:.1f}",
            f"{row['ns/piece 1T']:.1f}",
            f"{row['ns/document 2T']:.1f}",
        ]
        for row in rows
    ]
    return markdown(
        ["lengths", "sequence length", "pieces a document", "ns a document", "ns a piece", "two threads"],
        lines,
    )
