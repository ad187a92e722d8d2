"""The tables of the tokenize job."""

from __future__ import annotations

from bench.tables.markdown import Record, markdown, megabytes


def engines_table(record: Record) -> str:
    """The tokenizer alone and the job, with either engine."""
    rows = [
        [
            row["engine"],
            f"{row['megabytes of text']:.0f} MB, {row['documents']:,}",
            f"{row['tokenizer alone, s']:.2f} s",
            f"{row['the job, s']:.2f} s",
            f"{row['ratio']:.2f}",
            f"{row['peak memory, MB']:,.0f} MB",
        ]
        for row in record["results"]
    ]
    head = ["engine", "text, documents", "tokenizer alone", "`pypack tokenize`", "ratio", "peak memory"]
    return markdown(head, rows)


def peers_table(record: Record) -> str:
    """Whole processes from JSON lines to token ids on disk."""
    rows = [
        [
            f"{row['way']} ({row['version']})",
            f"{row['MB of JSON']:,.0f} MB",
            f"{row['whole process, s']:.2f} s",
            f"{row['start, s']:.2f} s",
            megabytes(row["MB/s"]),
            "" if row["pypack is faster by"] is None else f"{row['pypack is faster by']:.1f} ×",
            f"{row['peak memory, MB']:,.0f} MB",
        ]
        for row in record["results"]
    ]
    head = ["", "JSON lines", "whole process", "its start", "MB/s", "pypack is faster by", "peak memory"]
    return markdown(head, rows)


def workers_table(record: Record) -> str:
    """The job with more and more workers."""
    rows = [
        [
            f"{row['workers']} × {row['threads of each']}",
            f"{row['MB of JSON']:,.0f} MB",
            f"{row['whole process, s']:.2f} s",
            f"{row['processor seconds a GB, in workers']:.2f} s",
            f"{row['without their start']:.2f} s",
            f"{row['parent, s of processor']:.2f} s",
            f"{row['largest worker, MB']:,.0f} MB",
        ]
        for row in record["results"]
    ]
    head = [
        "workers × threads",
        "JSON lines",
        "whole job",
        "CPU a GB, in workers",
        "but for their start",
        "parent's CPU",
        "largest worker",
    ]
    return markdown(head, rows)


def merge_table(record: Record) -> str:
    """`pypack merge` of very many shards."""
    rows = [
        [
            f"{row['shards']:,}",
            f"{row['merge, s']:.1f} to {row['slowest, s']:.1f} s",
            f"{row['peak memory, MB']:,.0f} MB",
        ]
        for row in record["results"]
    ]
    return markdown(["shards", "`pypack merge`", "peak memory"], rows)


def ray_table(record: Record) -> str:
    """The job on Ray, beside worker processes."""
    rows = [
        [
            f"{row['units']:,} × {row['MB a unit']:,.0f} MB",
            f"{row['local workers, s']:.2f} s",
            f"{row['Ray, s']:.2f} s",
            f"{row['more, s']:+.2f} s",
            f"{row['Ray / local'] - 1:+.0%}",
        ]
        for row in record["results"]
    ]
    return markdown(["units of JSON", "`--workers`", "`--engine ray`", "more", ""], rows)
