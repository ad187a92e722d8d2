"""The table of remote stores."""

from __future__ import annotations

from bench.tables.markdown import Record, markdown


def remote_table(record: Record) -> str:
    """What each way gives, beside what it is compared with."""
    first = record["results"][0]
    rows = [
        [
            "all in the cache",
            f"{first['warm, batches/s']:,.0f} batches/s"
            + (f", {first['warm, MB/s']:,.0f} MB/s of tokens" if "warm, MB/s" in first else ""),
            f"{first['local, batches/s']:,.0f} from local files",
            f"{first['warm / local']:.2f}",
        ]
    ]
    for row in record["results"]:
        line = f"a line of {row['line, MB/s']:,.0f} MB/s" if row["line, MB/s"] else "no limit but the host's"
        given = f"{row['cold, MB/s']:,.0f} MB/s of tokens"
        rows.append(
            [
                f"nothing in the cache, with `locality`, {line}",
                given,
                f"{row['server, MB/s']:,.0f} of the server alone",
                f"{row['cold / server']:.2f}",
            ]
        )
        if "copied, MB/s" in row:
            beside = f"{row['copied, MB/s']:,.0f} of a copy to the disk"
            rows.append(["the same", given, beside, f"{row['cold / copied']:.2f}"])
        if "copied and loaded, MB/s" in row:
            beside = f"{row['copied and loaded, MB/s']:,.0f} of a copy, beside a local loader"
            rows.append(["the same", given, beside, f"{row['cold / copied and loaded']:.2f}"])
        parts = {part: row.get(f"cold, {part}, CPU s a GB") for part in ("loader", "fetcher", "server")}
        if None not in parts.values():
            busy = ", ".join(f"{part} {seconds:.2f}" for part, seconds in parts.items())
            rows.append([f"processors busy for a GB, {line}", f"{sum(parts.values()):.2f} s", busy, ""])
        rows.append(
            [
                f"the first batch, {line}",
                f"{row['first batch, s']:.2f} s",
                f"{row['first batch, MiB']:.0f} MiB fetched of {row['MB'] / 1.048576:,.0f}",
                "",
            ]
        )
    if "ranks" in first:
        twice = max(row["ranks, fetched twice, bytes"] for row in record["results"])
        fetched = f"{first['ranks, MB fetched']:,.0f} MB fetched, with indexes and the plan"
        beside = f"{first['MB']:,.0f} MB of tokens"
        rows.append(
            [f"{first['ranks']} ranks of one host", fetched, beside, f"{twice:,.0f} bytes twice"],
        )
    return markdown(["", "through the cache", "beside it", "ratio"], rows)


def packing_table(record: Record) -> str:
    """What packing by URL takes."""
    rows = [
        [
            f"`{row['strategy']}`",
            f"{row['documents']:,}",
            f"{row['whole process, s']:.0f} s",
            f"{row['peak memory, MB']:,.0f} MB",
            f"{row['bytes a document']:.0f}",
        ]
        for row in record["results"]
    ]
    return markdown(["strategy", "documents", "`pypack pack URL`", "peak memory", "bytes a document"], rows)
