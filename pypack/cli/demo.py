"""`pypack demo`."""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from pypack.cli.arguments import file_path
from pypack.cli.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from pypack.demo.run import DemoResult

SUMMARY = "the whole way from text to batches, on text that every machine has"

_DESCRIPTION = """\
Takes the Python standard library's own sources and docstrings, trains a small tokenizer on them, writes a
token store, packs it three ways, loads an epoch of each, and shows what every way costs. Needs no network
and no files; takes less than a minute.
"""

_COLOURS = ("cyan", "magenta", "yellow", "green", "blue", "red")


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `pypack demo`."""
    parser.description = _DESCRIPTION
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the report")
    parser.add_argument(
        "--keep",
        metavar="DIR",
        type=file_path,
        help="keep the store, plan and tokenizer in DIR (must not exist)",
    )


def run(args: argparse.Namespace) -> int:
    """Runs the demo; returns the exit status."""
    from rich.console import Console

    from pypack.demo.run import run_demo

    console = Console(stderr=args.json, highlight=False)
    if args.keep is not None:
        if args.keep.exists():
            raise UsageError(f"--keep {args.keep}: exists already; name a new directory")
        args.keep.mkdir(parents=True)
    kept: Path | None = args.keep
    place = tempfile.TemporaryDirectory(prefix="pypack-demo-") if kept is None else nullcontext(str(kept))
    with place as directory:
        result = run_demo(Path(directory), lambda step: console.print(f"[dim]· {step}[/dim]"))
    if args.json:
        print(json.dumps(result.as_dict(), indent=1))
    else:
        _print_report(console, result, kept)
    return 0


def _print_report(console: Console, result: DemoResult, kept: Path | None) -> None:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    print_width = shutil.get_terminal_size((100, 24)).columns
    console.print(
        f"\n[bold]{result.documents} documents, {result.text_bytes / 1e6:.1f} MB of text → "
        f"{result.tokens} tokens[/bold] in {result.tokenizing_seconds:.1f} s "
        f"(engine {result.engine}), {result.text_bytes / result.tokens:.2f} bytes a token\n"
    )
    console.print(f"[bold]Three ways to make sequences of {result.sequence_length} tokens[/bold]")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("", "rows", "utilized", "padding", "cut docs", "attention", "tokens/s"):
        table.add_column(column, justify="left" if not column else "right", no_wrap=True)
    padded_cost = result.ways[0].sequences * result.sequence_length**2
    for way in result.ways:
        table.add_row(
            way.name,
            f"{way.sequences}",
            f"{way.utilization:.2%}",
            f"{way.padding_tokens}",
            f"{way.cut_documents}",
            f"{way.attention_cost / padded_cost:.1%}",
            f"{way.tokens_per_second / 1e6:.0f} M",
        )
    console.print(table)
    console.print(
        "[dim]utilized: share of the rows that is text; padding: tokens of the rest. cut docs: documents in\n"
        "two rows or more. attention: sum of squared document lengths, as a share of what the\n"
        "padded rows cost without a mask. tokens/s: loaded, shuffled, one epoch.[/dim]",
        soft_wrap=True,
    )
    console.print("\n[bold]A few sequences[/bold] (a letter is a document, · is padding)")
    for way in result.ways:
        console.print(f"  {way.name}")
        for line in way.picture:
            console.print(f"    {_coloured(line[: print_width - 4])}", soft_wrap=True)
    rows, length = result.batch_shape
    console.print(f"\n[bold]The start of one batch[/bold] ({rows} x {length} ids, best fit), decoded")
    for line in result.batch_start.strip().splitlines()[:12]:
        console.print(f"    {escape(line[: print_width - 4])}", soft_wrap=True)
    console.print(f"\n[bold]The same on your data[/bold]\n{_commands(kept)}", soft_wrap=True)


def _coloured(line: str) -> str:
    pieces = []
    for character in line:
        if character.isalpha():
            colour = _COLOURS[(ord(character) - ord("A")) % len(_COLOURS)]
            pieces.append(f"[{colour}]{character}[/{colour}]")
        else:
            pieces.append(f"[dim]{character}[/dim]")
    return "".join(pieces)


def _commands(kept: Path | None) -> str:
    tokenizer = "tokenizer.json" if kept is None else str(kept / "tokenizer.json")
    return (
        f"  pypack tokenize my_texts/*.jsonl -o corpus.store --tokenizer {tokenizer}\n"
        f"  pypack pack corpus.store -o corpus.plan --sequence-length 2048\n"
        f"  pypack inspect corpus.plan"
    )
