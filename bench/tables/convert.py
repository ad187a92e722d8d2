"""The tables of conversions."""

from __future__ import annotations

from bench.tables.markdown import Record, markdown, megabytes

_COLUMNS = ("write", "read", "copy", "library writes", "library reads")


def convert_table(record: Record) -> str:
    """Megabytes of int32 ids a second, a format a row."""
    rows = [
        [
            f"`{row['format']}`",
            *(megabytes(value) if (value := row[f"{name}, MB/s"]) == value else "" for name in _COLUMNS),
        ]
        for row in record["results"]
    ]
    return markdown(
        ["MB/s", "written", "read", "files copied", "its library writes", "its library reads"], rows
    )


def memory_table(record: Record) -> str:
    """Megabytes of memory, a format a row."""
    names = [name for name in record["results"][0] if name != "format"]
    rows = [[f"`{row['format']}`", *(f"{row[name]:.0f}" for name in names)] for row in record["results"]]
    return markdown(["most MB of memory", *names], rows)
