"""The table of batches with an objective."""

from __future__ import annotations

from bench.tables.markdown import Record, markdown


def objectives_table(record: Record) -> str:
    """Microseconds a batch, and how an objective alone compares with transformers' collator."""
    rows = []
    told = any("bytes / plain" in row for row in record["results"])  # not by older files
    for row in record["results"]:
        if "tokens/batch" in row:
            continue
        share = row.get("bytes / plain")
        by_bytes = [f"{row['it / plain of its bytes']:.2f} × ({share:.2f})" if share else ""] if told else []
        alone = row.get("tokens/s of the objective alone")
        rows.append(
            [
                row["batch"],
                f"{row['us/batch']:.1f} us",
                f"{row['it / plain']:.2f} ×",
                *by_bytes,
                f"{alone / 1e9:.2f} × 10⁹" if alone else "",
                f"{row['collator / objective alone']:.0f} ×" if row.get("collator / objective alone") else "",
            ]
        )
    head = ["batch of 8 × 2048", "time", "beside plain", "tokens/s, objective alone", "collator / objective"]
    if told:
        head.insert(3, "beside as many bytes (of plain's)")
    return markdown(head, rows)


def pairs_table(record: Record) -> str:
    """Inputs and targets: beside a plain batch of as many tokens, and beside a collator in numpy."""
    rows = [
        [
            row["batch"],
            f"{row['us/batch']:.1f} us",
            f"{row['tokens/batch']:,.0f}",
            f"{row['it / plain']:.2f} ×",
            f"{row['collator / whole batch']:.0f} ×",
            f"{row['inputs filled']:.1%}, {row['targets filled']:.1%}",
        ]
        for row in record["results"]
        if "tokens/batch" in row
    ]
    head = ["30 rows of 512 inputs", "time", "tokens", "a token beside plain", "collator / batch", "filled"]
    return markdown(head, rows)
