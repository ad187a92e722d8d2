"""Puts the tables of bench/results/*.json into README.md, between `<!-- bench:JOB -->` and `<!-- /bench -->`.

python bench/readme.py            rewrites the tables
python bench/readme.py --check    exits with 1 if a table in the README is not that of its result file
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parent.parent
_README = _ROOT / "README.md"
_BLOCK = re.compile(r"(<!-- bench:(\w+) -->\n).*?(<!-- /bench -->)", re.DOTALL)

Record = Mapping[str, Any]


def markdown(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table: the first column to the left, the others to the right."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, rule, *rows))


def demo_table(record: Record) -> str:
    results = record["results"]
    padded_cost = results["ways"][0]["sequences"] * results["sequence_length"] ** 2
    rows = [
        [
            way["name"],
            f"{way['sequences']:,}",
            f"{way['utilization']:.2%}",
            f"{way['padding_tokens']:,}",
            f"{way['cut_documents']:,}",
            f"{way['attention_cost'] / padded_cost:.1%}",
            f"{way['tokens_per_second'] / 1e6:,.0f} M",
        ]
        for way in results["ways"]
    ]
    head = ["", "rows", "utilization", "padding", "documents cut", "attention cost", "tokens/s loaded"]
    return markdown(head, rows)


def job_table(record: Record) -> str:
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


def load_table(record: Record) -> str:
    results = record["results"]
    parts = [
        "One process; medians of runs in turns. `pypack` is `loader.batch_at(k)` in one thread, `pypack "
        "loop` is `for batch in loader`, where the loader's thread makes batches ahead on another "
        "processor:\n",
        markdown(
            ["from memory", "batch", "tokens/s", "pypack / it", "pypack loop / it"],
            [
                [
                    row["way"],
                    _size(row),
                    _millions(row["tokens/s"]),
                    f"{row['pypack / it']:.2f}",
                    f"{row['pypack loop / it']:.2f}",
                ]
                for row in results["rows"]
            ],
        ),
    ]
    if "peers" in results:
        head = ["other loaders", "batch", "tokens/s", "pypack, four arrays / it", "pypack, ids / it"]
        parts.append("Other loaders, one process each, their tokens compared with the store's first:\n")
        parts.append(markdown(head, [_peer(row) for row in results["peers"]]))
    if "balance" in results:
        parts.append(
            "Balanced ranks, medians of fifteen processes (of the times, and of what each process finds "
            "added); `asked` is `loader.batch_at(k)`, where one thread does all, `in a loop` is "
            "`for batch in loader` at full speed, and `1 ms steps` the time of a step in a loop whose body "
            "takes 1 ms:\n"
        )
        parts.append(
            markdown(
                [
                    *("ranks, balance", "batch of a rank", "asked", "adds", "in a loop", "adds"),
                    *("1 ms steps", "adds", "slowest / mean"),
                ],
                [
                    [
                        f"{row['ranks']}, {row['balance']}",
                        _size(row),
                        *(
                            cell
                            for way in ("asked", "loop", "1 ms steps")
                            for cell in (f"{row[f'{way}, us/batch']:.1f} µs", f"{row[f'{way}, added']:+.1%}")
                        ),
                        f"{row['slowest rank / mean']:.3f}",
                    ]
                    for row in results["balance"]
                ],
            )
        )
    if "cold" in results:
        rows = [
            [
                row["way"],
                _size(row),
                _millions(row["without, tokens/s"]),
                _millions(row["read_ahead=32, tokens/s"]),
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
        parts.append(
            "Cold page cache, tokens/s without and with read-ahead. A small store is one that memory holds "
            f"(here 400 MB, of which the system reads {around:,} kB around every fault); a large one is the "
            "same, treated as if memory did not hold it, and the system is told not to read around faults. "
            "Once a small store has been read, after "
            + " to ".join(f"{seconds:.1f}" for seconds in (min(read_once), max(read_once)))
            + " s, nothing is cold any more:\n"
        )
        head = ["cold page cache", "batch", "without", "`read_ahead=32`", "× without"]
        parts.append(markdown(head, rows) + f"\nThe disk: {disk}.\n")
    if "scale" in results:
        parts.append("10^9 sequences, from the files' names to the first batch in hand:\n")
        rows = [
            [row["way"], f"{row['first batch, ms']:.1f} ms", f"{row['growth of memory, MB']:.1f} MB"]
            for row in results["scale"]
        ]
        parts.append(markdown(["", "first batch", "memory grows by"], rows))
    return "\n".join(parts)


def _size(row: Record) -> str:
    size: str = row["rows x tokens"]
    return size.replace("x", "×")


def _millions(speed: float) -> str:
    return f"{speed / 1e6:,.0f} M" if speed >= 1e7 else f"{speed / 1e6:,.1f} M"


def _peer(row: Record) -> list[str]:
    if "skipped" in row:
        return [row["way"], _size(row), f"not run: {row['skipped']}", "", ""]
    title = f"{row['way']} ({row['version']})"
    return [
        title,
        _size(row),
        _millions(row["tokens/s"]),
        f"{row['four arrays of pypack / it']:.1f}",
        f"{row['ids of pypack / it']:.1f}",
    ]


def pack_table(record: Record) -> str:
    tables = {name: table for name, table in record["results"].items() if name != "commits"}
    parts = [pack_targets(tables)]
    rows = [
        [
            f"{row['peer']}, {row['documents']:,} documents",
            row["lengths"],
            f"{row['peer ns']:,.0f}",
            f"{row['CSR ns']:.1f}",
            f"{row['ratio']:,.0f}",
        ]
        for title, table in tables.items()
        if title.startswith("best fit against peers")
        for row in table
        if row["ratio"] is not None and row["L"] == 8192  # the file has others
    ]
    head = ["sequences of 8192 tokens", "lengths", "its ns a document", "pypack's", "ratio"]
    parts.append(markdown(head, rows))
    return "\n".join(parts)


def pack_targets(tables: Mapping[str, list[Record]]) -> str:
    """What was set as a target, what was measured, and what tells how far this machine lets it go."""
    rows: list[list[str]] = []

    def add(
        what: str,
        target: str,
        values: list[float],
        form: str,
        name: str = "",
        beside: Sequence[float | None] = (),
    ) -> None:
        if values:
            known = [value for value in beside if value is not None]
            rows.append([what, target, _span(values, form), f"{name}: {_span(known, form)}" if known else ""])

    peers = [
        row
        for title, table in tables.items()
        if title.startswith("best fit against peers")
        for row in table
        if row["ratio"] is not None
    ]
    for what, target, names in (
        ("LightBinPack `obfd`", "≥ 25 ×", ("LightBinPack",)),
        ("the loops of TRL and OLMo-core", "≥ 500 ×", ("OLMo-core", "TRL _pack")),
        ("axolotl's multipack", "≥ 100 ×", ("axolotl",)),
    ):
        ratios = [row["ratio"] for row in peers if row["peer"].startswith(names)]
        add(f"best fit against {what}, times as fast", target, ratios, ",.0f")
    large = tables.get("best fit, 100 million", [])
    for form, threads, target in (("CSR", 1, 9), ("CSR", 2, 5.5), ("ids", 1, 3.5), ("ids", 2, 2.5)):
        found = [row for row in large if (row["form"], row["threads"]) == (form, threads)]
        add(
            f"best fit of 100 M documents, {form}, threads: {threads}, ns a document",
            f"≤ {target}",
            [row["ns/document"] for row in found],
            ".1f",
            "the prototype",
            [row.get("prototype ns/document") for row in found],
        )
    add(
        "its memory beside input and output, MB",
        "≤ 64",
        [row["extra MiB"] * 1.048576 for row in large],
        ".0f",
    )
    strategies = tables.get("strategies", [])
    streams = [row for row in strategies if row["strategy"] == "stream"]
    fits = {(row["lengths"], row["L"]): row for row in strategies if row["strategy"] == "best_fit"}
    add("`stream`, ns a document", "≤ 60", [row["ns/document"] for row in streams], ".0f")
    worse = [row["padding %"] - fits[row["lengths"], row["L"]]["padding %"] for row in streams]
    add("`stream`, padding beyond best fit's, points", "≤ 0.03", worse, ".3f")
    long_rows = [row["bias"] for row in streams if row["L"] == 8192]
    add("`stream`, share of log-length variance between sequences", "≤ 0.25", long_rows, ".2f")
    for micro_batches, window, target in ((4, 1, 1.03), (16, 1, 1.002), (1, 32, 1.04)):
        found = [
            row
            for row in tables.get("balance, slowdown", [])
            if (row["micro-batches"], row["window"]) == (micro_batches, window)
        ]
        what = f"balance, micro-batches a step: {micro_batches}" + (
            f", in a window of {window} steps" if window > 1 else ""
        )
        slow, bounds = [row["lpt"] for row in found], [row["lower bound"] for row in found]
        add(f"{what}, slowdown on 8 and 64 ranks", f"≤ {target}", slow, ".4f", "none is below", bounds)
    for remainder in ("drop", "pack"):
        found = [row for row in tables.get("decompose", []) if row["remainder"] == remainder]
        what = f"`decompose`, remainder `{remainder}`, one thread, ns a document"
        times, plain = ([row[f"{name}ns/document"] for row in found] for name in ("", "plain write "))
        add(what, "≤ 5", times, ".1f", "numpy fills such arrays in", plain)
    verify = [row["verify Gtokens/s"] for row in strategies]
    add("`Plan.verify`, 10⁹ tokens/s", "≥ 1", verify, ".1f")
    return markdown(["", "target", "measured", "beside it"], rows)


def _span(values: list[float], form: str) -> str:
    """The least and the most of them, or the one that they are."""
    ends = [format(end, form) for end in (min(values), max(values))]
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)


def tokenize_table(record: Record) -> str:
    table: dict[tuple[str, str], dict[str, Record]] = {}
    for row in record["results"]:
        table.setdefault((row["tokenizer"], row["corpus"]), {})[row["library"]] = row
    names = list(dict.fromkeys(row["library"] for row in record["results"]))
    names.sort(key=lambda name: name != "pypack")

    def cell(row: Record | None) -> str:
        if row is None:
            return ""
        wrong = f" ({row['differing']} wrong)" if row["differing"] else ""
        return f"{row['fresh MB/s']:,.{0 if row['fresh MB/s'] >= 10 else 1}f}{wrong}"

    rows = [
        [
            f"{tokenizer}, {corpus}",
            *(cell(libraries.get(name)) for name in names),
            f"{libraries['pypack']['x best peer']:.2f}",
        ]
        for (tokenizer, corpus), libraries in table.items()
    ]
    return markdown(["MB/s of new text", *names, "pypack / best other"], rows)


def tokenize_scaling_table(record: Record) -> str:
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


def prefill_table(record: Record) -> str:
    rows = [
        [
            f"{row['mix']}, {row['way']}",
            f"{row['items']:,}",
            f"{row['tokens'] / row['items']:.0%}",
            f"{row['seconds']:.2f} s",
            f"{row['packed is faster by']:.2f}",
            f"{row['share of the bound']:.2f}",
            f"{row['peak MiB']:,.0f} MiB",
        ]
        for row in record["results"]["rows"]
    ]
    head = ["", "items", "tokens", "time", "packed is faster by", "share of the bound", "peak memory"]
    return markdown(head, rows)


TABLES: dict[str, Callable[[Record], str]] = {
    "demo": demo_table,
    "job": job_table,
    "load": load_table,
    "pack": pack_table,
    "prefill": prefill_table,
    "tokenize": tokenize_table,
    "tokenize_scaling": tokenize_scaling_table,
}
# Of jobs that are not a program of their own.
COMMANDS = {"tokenize_scaling": "bench_tokenize.py --scaling 2"}


def render(readme: str) -> str:
    """The README with every table made anew from its result file, and a line that says where it is from."""

    def block(match: re.Match[str]) -> str:
        job = match[2]
        record = json.loads((_ROOT / "bench" / "results" / f"{job}.json").read_text(encoding="utf-8"))
        machine = record["machine"]
        results = record["results"]
        parts = results.get("commits", {}) if isinstance(results, dict) else {}
        commits = " and ".join(sorted(set(parts.values()))) or record["commit"]
        source = (
            f"\n<sub>`python bench/{COMMANDS.get(job, f'bench_{job}.py')}` at {commits}, "
            f"{machine.get('processor', 'unknown')}, {machine['cores']} cores: "
            f"`bench/results/{job}.json`</sub>\n"
        )
        return match[1] + TABLES[job](record) + source + match[3]

    return _BLOCK.sub(block, readme)


def main() -> int:
    current = _README.read_text(encoding="utf-8")
    rendered = render(current)
    if "--check" in sys.argv[1:]:
        if rendered != current:
            print(
                "README.md: a table is not that of its result file; run python bench/readme.py",
                file=sys.stderr,
            )
            return 1
        return 0
    _README.write_text(rendered, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
