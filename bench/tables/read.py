"""The table of reading JSON lines."""

from __future__ import annotations

from bench.tables.markdown import Record, markdown, megabytes


def read_table(record: Record) -> str:
    """Uncompressed JSON to texts, a parser a column."""
    columns = [name for name in record["results"][0] if name.endswith(", MB/s")]
    rows = [
        [
            f"{row['corpus'].split('.')[0]}, {row['MB']:.0f} MB",
            *(megabytes(row[column]) for column in columns),
            f"{row['pypack / orjson']:.1f}",
        ]
        for row in record["results"]
    ]
    return markdown(["MB/s", *(name.removesuffix(", MB/s") for name in columns), "pypack / orjson"], rows)
