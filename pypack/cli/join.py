"""`pypack join`."""

from __future__ import annotations

import argparse
import dataclasses

from pypack._common.words import counted
from pypack.cli.adding_columns import adding
from pypack.cli.arguments import path_here, place
from pypack.cli.common import tell_result

SUMMARY = "add columns of a Parquet file to the documents of a store"

_DESCRIPTION = """\
Gives the documents of a store the columns of a table, by a key that both have. No token is touched. Memory
is bounded, whatever the numbers of documents and rows. Keys without a partner, and rows of a key that came
before, are counted. Killed at any moment, the command leaves the old store or the new one; a job goes on with
the store no more. Of a store at a URL, or with -o OUT, a new one is made.
"""
_EPILOG = """\
examples:
  pypack join corpus.store scores.parquet --on id
  pypack join s3://lake/corpus.store scores.parquet --on id -o s3://lake/scored.store
  pypack pack corpus.store -o good.plan --sequence-length 8192 --where "score > 0.7"
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `pypack join`."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    parser.add_argument(
        "store",
        type=place,
        metavar="STORE",
        help="a store that keeps the key as a column",
    )
    parser.add_argument(
        "table", type=path_here("copy the table to this machine"), metavar="TABLE", help="a Parquet file"
    )
    parser.add_argument("--on", required=True, metavar="COLUMN", help="the key")
    parser.add_argument(
        "--columns", nargs="+", metavar="COLUMN", help="the columns to add (default: all but the key)"
    )
    parser.add_argument(
        "-o", "--output", type=place, metavar="OUT",
        help="make a new store with the columns, by path or URL, and leave STORE as it is: of one at a URL "
        "that is the way",
    )  # fmt: skip
    parser.add_argument("--replace", action="store_true", help="take the place of columns of the same names")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Joins them; returns the exit status."""
    from pypack.store.joining import join_columns

    counts = join_columns(
        str(args.store), args.table, args.on, columns=args.columns, replace=args.replace, **adding(args)
    )
    found = {"store": str(args.output or args.store), **dataclasses.asdict(counts), "exit_status": 0}
    tell_result(
        args,
        found,
        f"{args.output or args.store}: {counts.matched_documents:,} of "
        f"{counted(counts.documents, 'document')} have got values of {args.table}\n"
        f"  without a partner: {counted(counts.unmatched_documents, 'document')}, "
        f"{counts.unmatched_rows:,} of {counted(counts.rows, 'row')}; rows of a key that came before: "
        f"{counts.doubled_rows:,}",
    )
    return 0
