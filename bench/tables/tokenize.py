"""The tables of tokenizing."""

from __future__ import annotations

from bench.tables.markdown import Record, markdown, megabytes


def new_text_table(record: Record) -> str:
    """New text, a library a column."""
    table: dict[tuple[str, str], dict[str, Record]] = {}
    for row in record["results"]:
        table.setdefault((row["tokenizer"], row["corpus"]), {})[row["library"]] = row
    names = list(dict.fromkeys(row["library"] for row in record["results"]))
    names.sort(key=lambda name: name != "pypack")

    def cell(row: Record | None) -> str:
        if row is None:
            return ""
        wrong = f" ({row['differing']} wrong)" if row["differing"] else ""
        return megabytes(row["fresh MB/s"]) + wrong

    rows = [
        [
            f"{tokenizer}, {corpus}",
            *(cell(libraries.get(name)) for name in names),
            f"{libraries['pypack']['x best peer']:.2f}",
        ]
        for (tokenizer, corpus), libraries in table.items()
    ]
    return markdown(["MB/s of new text", *names, "pypack / best other"], rows)


def scaling_table(record: Record) -> str:
    """Two threads beside one."""
    rows = [
        [
            f"{row['tokenizer']}, {row['corpus']}",
            row["library"],
            f"{row['fresh MB/s']:,.0f}",
            f"{row['fresh x one thread']:.2f}",
            f"{row['warm MB/s']:,.0f}",
            f"{row['warm x one thread']:.2f}",
            f"{row['loops x one loop']:.2f}",
        ]
        for row in record["results"]
    ]
    head = ["two threads, MB/s", "", "new text", "× one", "text seen before", "× one", "the machine, × one"]
    return markdown(head, rows)


def hostile_table(record: Record) -> str:
    """A megabyte of one kind, a library a column."""
    columns = list(
        dict.fromkeys(name for row in record["results"] for name in row if name.endswith(", MB/s"))
    )
    rows = [
        [f"{row['tokenizer']}, {row['input']}", *(megabytes(row.get(column)) for column in columns)]
        for row in record["results"]
    ]
    return markdown(["MB/s", *(column.removesuffix(", MB/s") for column in columns)], rows)


def distinct_table(record: Record) -> str:
    """Words that never come again."""
    rows = [
        [
            f"{row['tokenizer']}, {row['library']}",
            f"{row['million words']:.0f} M",
            f"{row['grew by, MB']:,.0f} MB",
            megabytes(row["MB/s"]),
        ]
        for row in record["results"]
    ]
    return markdown(["", "words", "the process grows by", "MB/s"], rows)


def loading_table(record: Record) -> str:
    """From a tokenizer.json to a tokenizer and its first ids."""
    rows = [
        [
            f"{row['tokenizer']}, {row['MB']:.1f} MB",
            f"{row['tokenizers, ms']:,.0f} ms",
            f"{row['pypack, ms']:,.0f} ms",
            f"{row['ratio']:.2f}",
            f"{row['first text, tokenizers, ms']:.1f} ms",
            f"{row['first text, pypack, ms']:.1f} ms",
        ]
        for row in record["results"]
    ]
    head = ["file", "tokenizers", "pypack", "ratio", "first text, tokenizers", "first text, pypack"]
    return markdown(head, rows)


def library_patterns_table(record: Record) -> str:
    """Patterns that have no scanner of their own, beside the library."""
    rows = [
        [
            f"{row['pattern']}, {row['corpus']}",
            megabytes(row["pypack, MB/s"]),
            megabytes(row["tokenizers, MB/s"]),
            f"{row['x tokenizers']:.0f}",
        ]
        for row in record["results"]["library"]
    ]
    return markdown(["MB/s of new text", "pypack", "tokenizers", "pypack / tokenizers"], rows)


def scanner_patterns_table(record: Record) -> str:
    """Patterns that have one, with it and without."""
    rows = [
        [
            f"{row['pattern']}, {row['corpus']}",
            megabytes(row["scanner, MB/s"]),
            megabytes(row["automaton, MB/s"]),
            f"{row['ratio']:.2f}",
            megabytes(row["scanner, words alone, MB/s"]),
            megabytes(row["automaton, words alone, MB/s"]),
            f"{row['ratio of words alone']:.2f}",
        ]
        for row in record["results"]["scanner"]
    ]
    head = ["MB/s", "to ids, scanner", "automaton", "ratio", "words alone, scanner", "automaton", "ratio"]
    return markdown(head, rows)
