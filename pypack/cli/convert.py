"""`pypack convert`."""

from __future__ import annotations

import argparse
import time

from pypack._common.words import counted
from pypack.cli.arguments import file_path, natural, positive
from pypack.cli.common import tell_result
from pypack.cli.errors import UsageError

SUMMARY = "token stores to and from the formats of other libraries"

_DESCRIPTION = """\
Writes the documents of a token store, or the sequences of a plan over it, in the format of another library;
or, with --to store, reads such files into a token store. Megatron-Core datasets (.bin/.idx) are read as they
are by every command of pypack, and a store's own shards are such datasets.
"""
_EPILOG = """\
examples:
  pypack convert corpus.store corpus.hf --to datasets --plan corpus.plan
  pypack convert corpus.store corpus.npy --to nemo --plan corpus.plan
  pypack convert train.bin gpt2.store --to store --dtype uint16 --end-id 50256 --vocab-size 50257
  pypack convert packed.npy sft.store --to store --vocab-size 32000
  pypack convert tokens.parquet my.store --to store --column input_ids --vocab-size 32000
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `pypack convert`."""
    from pypack.formats.convert import FORMATS

    formats = "\n".join(f"  {name:10} {form.summary}" for name, form in FORMATS.items())
    parser.description = _DESCRIPTION + "\nformats:\n" + formats + "\n  store      a token store\n"
    parser.epilog = _EPILOG
    parser.add_argument(
        "source", type=file_path, metavar="SRC", help="store, Megatron-Core dataset, or files"
    )
    parser.add_argument("destination", type=file_path, metavar="DST", help="what to write; must not exist")
    parser.add_argument("--to", required=True, choices=(*FORMATS, "store"), help="the format to write")
    parser.add_argument(
        "--plan", type=file_path, metavar="PLAN", help="write its sequences, not the documents"
    )
    parser.add_argument("--column", metavar="NAME", help="to store: the column with the token ids")
    parser.add_argument("--dtype", metavar="TYPE", help="to store: type of bare tokens, such as uint16")
    parser.add_argument("--end-id", type=natural, metavar="ID", help="to store: token that ends a document")
    parser.add_argument("--vocab-size", type=positive, metavar="N", help="to store: every id is below it")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")


def run(args: argparse.Namespace) -> int:
    """Converts; returns the exit status."""
    begin = time.perf_counter()
    rows = _to_store(args) if args.to == "store" else _from_store(args)
    seconds = time.perf_counter() - begin
    found = {"path": str(args.destination), "rows": rows, "seconds": seconds}
    tell_result(args, found, f"{args.destination}: {counted(rows, 'row')} as {args.to} in {seconds:.1f} s")
    return 0


def _from_store(args: argparse.Namespace) -> int:
    from pypack.formats.convert import export
    from pypack.plan.plan import Plan
    from pypack.store.store import TokenStore

    plan = None if args.plan is None else Plan.open(args.plan)
    return export(TokenStore.open(args.source), args.destination, args.to, plan)


def _to_store(args: argparse.Namespace) -> int:
    from pypack.formats.convert import into_store, read_documents

    if args.vocab_size is None:
        raise UsageError("--to store needs --vocab-size: the store refuses ids that are not below it")
    if args.plan is not None:
        raise UsageError("--plan is for writing a store in another format")
    documents = read_documents(args.source, column=args.column, dtype=args.dtype, end_id=args.end_id)
    return len(into_store(documents, args.destination, vocab_size=args.vocab_size))
