"""The table of conversations to ids and loss masks."""

from __future__ import annotations

from bench.tables.markdown import Record, markdown


def chat_table(record: Record) -> str:
    """Microseconds a conversation, pypack beside `datasets.map`."""
    rows = [
        [
            row["template"],
            f"{row['conversations']:,}, {row['MB']:.1f} MB",
            f"{row['pypack, us a conversation']:.0f} us",
            f"{row['rendering, us']:.0f} us",
            f"{row['encoding, us']:.0f} us",
            f"{row['datasets, us a conversation']:.0f} us",
            f"{row['pypack / datasets']:.1f} ×",
        ]
        for row in record["results"]
    ]
    head = [
        "template",
        "conversations",
        "pypack",
        "rendering alone",
        "encoding alone",
        "`datasets.map`",
        "faster",
    ]
    return markdown(head, rows)
