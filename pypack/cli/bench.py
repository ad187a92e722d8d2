"""`pypack bench`."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pypack.cli.arguments import file_path, path_here, positive
from pypack.cli.tokenizers import load_tokenizer

if TYPE_CHECKING:
    from pypack.throughput.timing import Row

SUMMARY = "how fast tokenizing, packing and loading are on this machine"

_DESCRIPTION = """\
Measures pypack on this machine: tokenizing (documents/s, MB/s), packing (ns a document) and loading
(tokens/s, beside a numpy gather of the same spans and a plain copy of the same bytes). Every result is
checked before it is timed. Without further arguments it runs on text and lengths that it makes itself.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `pypack bench`."""
    parser.description = _DESCRIPTION
    parser.add_argument(
        "job",
        nargs="?",
        choices=("all", "tokenize", "pack", "load"),
        default="all",
        help="what to measure (default: all)",
    )
    parser.add_argument(
        "--tokenizer", type=file_path, metavar="FILE", help="tokenize with this tokenizer.json"
    )
    parser.add_argument(
        "--store",
        type=path_here("speeds are those of this machine: name a store on its disk"),
        help="pack and load this store instead of a made one",
    )
    parser.add_argument(
        "--sequence-length",
        type=positive,
        default=2048,
        metavar="N",
        help="tokens a sequence (default: 2048)",
    )
    parser.add_argument(
        "--batch-sequences", type=positive, default=8, metavar="N", help="sequences a batch (default: 8)"
    )
    parser.add_argument("--num-threads", type=positive, metavar="N", help="threads (default: all cores)")
    parser.add_argument("--repeats", type=positive, default=5, metavar="N", help="timed runs (default: 5)")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")


def run(args: argparse.Namespace) -> int:
    """Runs the benchmarks; returns the exit status."""
    from pypack._common.threads import resolve_num_threads
    from pypack.store.store import TokenStore

    threads = resolve_num_threads(args.num_threads)
    store = None if args.store is None else TokenStore.open(args.store)
    results: dict[str, list[Row]] = {}
    with tempfile.TemporaryDirectory(prefix="pypack-bench-") as directory:
        if args.job in ("all", "tokenize"):
            results["tokenize"] = _tokenize(args, Path(directory), threads)
        if args.job in ("all", "pack"):
            from pypack.throughput.packing import WEB_DOCUMENTS, bench_pack, web_lengths

            lengths = web_lengths(WEB_DOCUMENTS) if store is None else store.lengths
            results["pack"] = bench_pack(lengths, args.sequence_length, threads, args.repeats)
        if args.job in ("all", "load"):
            from pypack.throughput.loading import bench_load, make_store

            store = make_store(Path(directory) / "made.store") if store is None else store
            results["load"] = bench_load(
                store, args.sequence_length, args.batch_sequences, threads, args.repeats
            )
    if args.json:
        print(json.dumps(results, indent=1))
    else:
        for job, rows in results.items():
            _print_table(job, rows)
    return 0


def _tokenize(args: argparse.Namespace, directory: Path, threads: int) -> list[Row]:
    from pypack.demo.run import train_tokenizer
    from pypack.demo.sample import standard_library_texts
    from pypack.throughput.tokenizing import bench_tokenize

    if args.tokenizer is not None:
        tokenizer = load_tokenizer(args.tokenizer)
    else:
        tokenizer = train_tokenizer(standard_library_texts(2_000_000), directory / "tokenizer.json")
    return bench_tokenize(tokenizer, None, threads, args.repeats)


def _print_table(job: str, rows: list[Row]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=job, title_justify="left")
    for column in rows[0]:
        table.add_column(column, justify="left" if column == "way" else "right")
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    Console(highlight=False).print(table)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4f}" if value <= 1 else f"{value:,.1f}" if value < 1000 else f"{value:,.0f}"
    return str(value)
