"""The table of reading corpora of every kind."""

from __future__ import annotations

from bench.tables.markdown import Record, markdown


def corpus_table(record: Record) -> str:
    """Processor seconds, a reader a column, and the memory of pypack's."""
    rows = record["results"]["rows"]
    columns = list(dict.fromkeys(name for row in rows for name in row if name.endswith(", s")))
    memory = [name for name in rows[0] if name.startswith("peak")]
    table = [
        [
            f"{row['kind']}, {row['MB on disk']:.0f} MB",
            *(f"{row[name]:.2f}" if name in row else "" for name in columns),
            *(f"{row[name]:.0f}" for name in memory),
        ]
        for row in rows
    ]
    head = [f"s for {record['results']['megabytes']} MB of JSON", *(c.removesuffix(", s") for c in columns)]
    return markdown([*head, *memory], table)
