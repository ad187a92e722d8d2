r"""How fast text becomes ids, beside the other libraries that do it.

    pip install -r bench/peers/requirements/tokenize.txt
    python bench tokenize $PYPACK_SHARED/data --threads 1

For each tokenizer and corpus: every other document first, as other text of the kind, then the rest, which is
"fresh" (text that the library has not seen), then the rest again ("warm", the best of three). The libraries
in turn, each time in a new process that has as many cores as threads; medians of the runs. Checked: pypack's
ids are those of `tokenizers` on every document. A peer stands with the number of documents in which its ids
differ; one that cannot load a tokenizer is left out.

Runs of one commit may measure different tokenizers or corpora: their rows are kept together.

With --scaling THREADS, how much faster than with one thread on one core each library is with so many threads
on as many cores, beside how much more loops that share nothing get done on them (the machine's limit). In
turns of one pass with all threads and one alone on each core, since the cores of a shared host run at speeds
that differ and change within seconds; medians of the turns' ratios, one fresh and fifteen warm turns a run.

With --patterns, those that are compiled to automata, with the vocabulary of Llama-3: of families whose
patterns have no scanner of their own, beside `tokenizers`; and of those that have one, with it and by an
automaton, in turns, the whole encoding and the words alone. Ids and words are compared first.

With --load, only how long it takes to make every tokenizer from its file, and to encode a first short text
(when caches are filled), beside `tokenizers`: the best of seven, in turn.

With --hostile, a megabyte each of what tokenizers are bad at, one document and one thread: median of three
such texts, every library in a process of its own. None: the library refused the tokenizer, took more than
twenty seconds, or brought its process down (then it has no later input either). With --distinct, 24 million
words of which none comes twice (GPT-2, one thread): what the process grows by, which is more than the cache
where a library keeps the memory of results for the next ones, as pypack does.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from bench.common.arguments import parser
from bench.common.printing import print_table
from bench.common.record import RESULTS, commit, write_results
from bench.peers.encoders import DISTRIBUTIONS, PEERS
from bench.tokenize.compare import compare, prepare, refuses
from bench.tokenize.compiled import beside_a_scanner, beside_the_library
from bench.tokenize.distinct import grown_memory
from bench.tokenize.hostile import compare_hostile
from bench.tokenize.loading import compare_loading
from bench.tokenize.scaling import scaling

Rows = list[dict[str, Any]]


def beside(job: str, rows: Rows) -> Rows:
    """The rows, behind those of other tokenizers and corpora that the result file has of this commit."""
    path = RESULTS / f"{job}.json"
    record = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"commit": None}
    if record["commit"] != commit():
        return rows
    measured = {(row["tokenizer"], row["corpus"]) for row in rows}
    return [row for row in record["results"] if (row["tokenizer"], row["corpus"]) not in measured] + rows


def tokenizer_files(args: argparse.Namespace) -> list[Path]:
    """Those named by --tokenizers."""
    return [args.data / "tokenizers" / f"{name}.json" for name in args.tokenizers]


def inputs(args: argparse.Namespace) -> list[tuple[Path, Path]]:
    """Every tokenizer with every corpus."""
    corpora = [args.data / "corpus" / f"{name}.jsonl.zst" for name in args.corpora]
    return [(tokenizer, corpus) for tokenizer in tokenizer_files(args) for corpus in corpora]


def run_hostile(args: argparse.Namespace) -> Rows:
    """--hostile"""
    rows = [row for path in tokenizer_files(args) for row in compare_hostile(args.peers, path, args.runs)]
    print_table(rows, "a megabyte of one kind, one thread")
    return rows


def run_distinct(args: argparse.Namespace) -> Rows:
    """--distinct"""
    rows = grown_memory(args.peers, args.data / "tokenizers" / "gpt2.json", args.distinct)
    print_table(rows, "words that never come again, one thread")
    return rows


def run_load(args: argparse.Namespace) -> Rows:
    """--load"""
    rows = [compare_loading(path) for path in sorted((args.data / "tokenizers").glob("*.json"))]
    print_table(rows, "tokenizer.json to tokenizer")
    return rows


def run_patterns(args: argparse.Namespace) -> dict[str, Rows]:
    """--patterns"""
    base = args.data / "tokenizers" / "llama3.json"
    corpora = [args.data / "corpus" / f"{name}.jsonl.zst" for name in args.corpora]
    scanner = beside_a_scanner(base, corpora, args.runs)
    print_table(scanner, "a scanner written by hand, and an automaton of the same pattern")
    library = beside_the_library(base, corpora, args.runs)
    print_table(library, "patterns of families that have no scanner, and the library")
    return {"library": library, "scanner": scanner}


def run_scaling(args: argparse.Namespace) -> Rows:
    """--scaling"""
    rows: Rows = []
    for path, corpus in inputs(args):
        for name in args.peers:
            try:
                row = scaling(prepare, name, path, corpus, args.scaling, args.runs)
            except AssertionError:
                raise
            except Exception as error:
                refuses(name, path, error)
            else:
                rows.append({"tokenizer": path.stem, "corpus": corpus.name.split(".")[0], **row})
    print_table(rows, f"{args.scaling} threads on {args.scaling} cores, and one on one")
    return rows


def run_compare(args: argparse.Namespace) -> Rows:
    """Without any of them."""
    rows = [row for each in inputs(args) for row in compare(*each, args.threads, args.peers, args.runs)]
    print_table(rows, f"text to ids, {args.threads} thread(s)")
    return rows


def arguments_of(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    options = parser("tokenize", __doc__)
    options.add_argument("data", type=Path, help="folder with tokenizers/*.json and corpus/*.jsonl.zst")
    options.add_argument("--tokenizers", nargs="+", default=["gpt2", "llama3", "qwen2", "llama2", "t5_small"])
    options.add_argument("--corpora", nargs="+", default=["english", "multilingual", "code", "instruct"])
    options.add_argument("--peers", nargs="+", default=list(PEERS), choices=PEERS)
    options.add_argument("--threads", type=int, default=1, help="threads, and cores")
    options.add_argument("--runs", type=int, default=3, help="of every library but tokenizers, which has one")
    options.add_argument("--no-results", action="store_true", help="do not write bench/results")
    instead = options.add_mutually_exclusive_group()
    instead.add_argument("--scaling", type=int, metavar="THREADS", help="compare with one thread instead")
    instead.add_argument("--load", action="store_true", help="measure loading instead, of every tokenizer")
    instead.add_argument("--patterns", action="store_true", help="measure compiled patterns instead")
    instead.add_argument("--hostile", action="store_true", help="measure hostile inputs instead")
    instead.add_argument(
        "--distinct", type=int, nargs="?", const=24_000_000, help="words, for memory, instead"
    )
    return options.parse_args(arguments)


def main(arguments: list[str]) -> None:
    """Measures one job, prints its table and writes its result file."""
    args = arguments_of(arguments)
    rows: Rows | dict[str, Rows]
    distributions = DISTRIBUTIONS
    if args.hostile:
        job, rows = "tokenize_hostile", run_hostile(args)
    elif args.distinct:
        job, rows = "tokenize_distinct", run_distinct(args)
    elif args.patterns:
        job, rows, distributions = "tokenize_patterns", run_patterns(args), ("tokenizers",)
    elif args.load:
        job, rows, distributions = "tokenizer_load", run_load(args), ("tokenizers",)
    elif args.scaling:
        job, rows = "tokenize_scaling", run_scaling(args)
    else:
        job = "tokenize" if args.threads == 1 else f"tokenize_{args.threads}"
        measured = run_compare(args)
        rows = measured if args.no_results else beside(job, measured)
    if not args.no_results:
        write_results(job, rows, *distributions)
