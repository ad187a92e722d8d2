"""The table of conversions."""

from __future__ import annotations

from bench.tables.markdown import Record, markdown, megabytes

_COLUMNS = ("write", "read", "disk", "library")


def convert_table(record: Record) -> str:
    """Megabytes of int32 ids a second, a format a row."""
    rows = [
        [
            f"`{row['format']}`",
            *(megabytes(value) if (value := row[f"{name}, MB/s"]) == value else "" for name in _COLUMNS),
        ]
        for row in record["results"]
    ]
    return markdown(["MB/s", "written", "read", "plain disk", "its library reads"], rows)
