"""The tables of loading."""

from __future__ import annotations

from typing import Any

from bench.tables.markdown import Record, batch_size, markdown, millions


def memory_table(record: Record) -> str:
    """Batches from the page cache, beside the bare work."""
    rows = [
        [
            row["way"],
            batch_size(row),
            millions(row["tokens/s"]),
            f"{row['pypack / it']:.2f}",
            f"{row['pypack loop / it']:.2f}",
        ]
        for row in record["results"]["rows"]
    ]
    return markdown(["from memory", "batch", "tokens/s", "pypack / it", "pypack loop / it"], rows)


def peers_table(record: Record) -> str:
    """Other loaders."""
    head = ["other loaders", "batch", "tokens/s", "pypack, four arrays / it", "pypack, ids / it"]
    return markdown(head, [_peer(row) for row in record["results"]["peers"]])


def _peer(row: Record) -> list[str]:
    if "skipped" in row:
        return [row["way"], batch_size(row), f"not run: {row['skipped']}", "", ""]
    title = f"{row['way']} ({row['version']})"
    return [
        title,
        batch_size(row),
        millions(row["tokens/s"]),
        f"{row['four arrays of pypack / it']:.1f}",
        f"{row['ids of pypack / it']:.1f}",
    ]


def balance_table(record: Record) -> str:
    """What balancing adds for a rank: one line for each batch and number of ranks."""
    ways = ("asked", "loop", "1 ms steps")
    of: dict[tuple[str, int], dict[str, Any]] = {}
    for row in record["results"]["balance"]:
        of.setdefault((batch_size(row), row["ranks"]), {})[row["balance"]] = row
    lines = [
        [
            size,
            f"{ranks}",
            *(
                cell
                for way in ways
                for cell in (
                    f"{rows['none'][f'{way}, us/batch']:.1f} µs",
                    " / ".join(f"{rows[balance][f'{way}, added']:+.1%}" for balance in ("deal", "lpt")),
                )
            ),
            " / ".join(f"{rows[name]['slowest rank / mean']:.3f}" for name in ("none", "deal", "lpt")),
        ]
        for (size, ranks), rows in of.items()
    ]
    head = [
        *("batch of a rank", "ranks", "asked", "deal / lpt add", "in a loop", "deal / lpt add"),
        *("1 ms steps", "deal / lpt add", "slowest / mean: none / deal / lpt"),
    ]
    return markdown(head, lines)


def cold_table(record: Record) -> str:
    """From a cold page cache, and what the disk gives."""
    results = record["results"]
    rows = [
        [
            row["way"],
            batch_size(row),
            millions(row["without, tokens/s"]),
            millions(row["read_ahead=32, tokens/s"]),
            f"{row['x without']:.2f}",
        ]
        for row in results["cold"]
    ]
    disk = ", ".join(
        f"{name.removesuffix(', MB/s')}: {speed:,.0f} MB/s"
        for name, speed in results["disk"].items()
        if name != "read_ahead_kb"
    )
    around = results["disk"]["read_ahead_kb"]
    read_once = [
        row[f"{way}, s"]
        for row in results["cold"]
        if "read once" in row["way"]
        for way in ("without", "read_ahead=32")
    ]
    head = ["cold page cache", "batch", "without", "`read_ahead=32`", "× without"]
    return (
        markdown(head, rows)
        + f"\nThe disk: {disk}; the system reads {around:,} kB around every fault. The small store has been "
        f"read after {min(read_once):.1f} to {max(read_once):.1f} s, and then nothing is cold any more.\n"
    )


def scale_table(record: Record) -> str:
    """The first batch of 10^9 sequences."""
    rows = [
        [row["way"], f"{row['first batch, ms']:.1f} ms", f"{row['growth of memory, MB']:.1f} MB"]
        for row in record["results"]["scale"]
    ]
    return markdown(["", "first batch", "memory grows by"], rows)
