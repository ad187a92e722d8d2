"""The table of batches whose tokens or positions are moved."""

from __future__ import annotations

from bench.tables.markdown import Record, markdown


def moving_table(record: Record) -> str:
    """Microseconds a batch beside a plain one, and beside reference code on the same rows."""
    rows = [
        [
            row["batch"],
            f"{row['us/batch']:.1f} us",
            f"{row['it / plain']:.2f} ×",
            f"{row['reference us/batch']:,.0f} us" if "reference us/batch" in row else "",
            f"{row['reference / objective alone']:.0f} ×" if "reference us/batch" in row else "",
            f"{row['reference / whole batch']:.0f} ×" if "reference us/batch" in row else "",
        ]
        for row in record["results"]
    ]
    head = [
        "batch of 8 × 2048",
        "time",
        "beside plain",
        "reference",
        "reference / objective",
        "reference / batch",
    ]
    return markdown(head, rows)
