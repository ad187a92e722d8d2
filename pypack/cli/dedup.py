"""`pypack dedup`."""

from __future__ import annotations

import argparse
from typing import Any

from pypack._common.words import counted
from pypack.cli.adding_columns import adding
from pypack.cli.arguments import natural, place, positive
from pypack.cli.common import tell_result
from pypack.cli.errors import UsageError

SUMMARY = "mark the documents of a store that are the same as earlier ones"

_DESCRIPTION = """\
Adds columns to a store: duplicate (is an earlier document the same, id by id?) and duplicates (how many are,
itself among them); with --near also near_duplicate and near_duplicates, of documents that share most of their
runs of ids. No document is removed: pypack pack --where "not duplicate" leaves them out. No token is touched.
Killed at any moment, the command leaves the old store or the new one. Of a store at a URL, or with -o OUT, a
new one is made, which has no job.
"""
_EPILOG = """\
examples:
  pypack dedup corpus.store
  pypack dedup corpus.store --near 0.8
  pypack dedup s3://lake/corpus.store -o s3://lake/marked.store
  pypack pack corpus.store -o once.plan --sequence-length 8192 --where "not duplicate"
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `pypack dedup`."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    parser.add_argument("store", type=place, metavar="STORE", help="the store to mark, in its place")
    parser.add_argument(
        "--near", type=float, metavar="T", help="also near duplicates: of a Jaccard similarity of T or more"
    )
    parser.add_argument(
        "--shingle", type=positive, default=5, metavar="N", help="ids of a run that is compared (default: 5)"
    )
    parser.add_argument(
        "--hashes", type=positive, default=128, metavar="N",
        help="of a document; more find more surely, and take longer (default: 128)",
    )  # fmt: skip
    parser.add_argument("--seed", type=natural, default=0, metavar="N", help="of the hashes (default: 0)")
    parser.add_argument("--threads", type=positive, metavar="N", help="threads (default: all cores)")
    parser.add_argument(
        "-o", "--output", type=place, metavar="OUT",
        help="make a new store with the columns, by path or URL, and leave STORE as it is: of one at a URL "
        "that is the way",
    )  # fmt: skip
    parser.add_argument("--replace", action="store_true", help="take the place of columns of the same names")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Marks them; returns the exit status."""
    from pypack.store.duplicates import mark_duplicates

    if args.near is not None and not 0 < args.near <= 1:
        raise UsageError(f"--near takes a similarity above 0, and at most 1, got {args.near}")
    found = mark_duplicates(
        str(args.store),
        near=args.near,
        shingle=args.shingle,
        num_hashes=args.hashes,
        seed=args.seed,
        replace=args.replace,
        num_threads=args.threads,
        **adding(args),
    )
    counts: dict[str, Any] = {f"{name}s": int(one.is_duplicate.sum()) for name, one in found.items()}
    documents = len(found["duplicate"].first)
    told = {"store": str(args.output or args.store), "documents": documents, **counts, "exit_status": 0}
    marked = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items())
    of = counted(documents, "document")
    tell_result(
        args, told, f"{args.output or args.store}: of {of} {marked} of earlier ones, marked in columns"
    )
    return 0
