"""The table of remote stores."""

from __future__ import annotations

from bench.tables.markdown import Record, markdown


def remote_table(record: Record) -> str:
    """What each way gives, beside what it is compared with."""
    row = record["results"][0]
    rows = [
        [
            "all in the cache",
            f"{row['warm, batches/s']:,.0f} batches/s",
            f"{row['local, batches/s']:,.0f} from local files",
            f"{row['warm / local']:.2f}",
        ],
        [
            f"nothing in the cache, with `locality`, a line of {row['line, MB/s']:,.0f} MB/s",
            f"{row['cold, MB/s']:,.0f} MB/s of tokens",
            f"{row['server, MB/s']:,.0f} of the server alone",
            f"{row['cold / server']:.2f}",
        ],
        [
            "the first batch",
            f"{row['first batch, s']:.2f} s",
            f"{row['first batch, MiB']:.0f} MiB fetched of {row['MB'] / 1.048576:,.0f}",
            "",
        ],
    ]
    return markdown(["", "through the cache", "beside it", "ratio"], rows)
