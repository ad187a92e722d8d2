"""`pypack merge`."""

from __future__ import annotations

import argparse
import json
import sys

from pypack._common.words import counted
from pypack.cli.arguments import place, reject_limit
from pypack.cli.common import tell_result
from pypack.cli.errors import UsageError

SUMMARY = "finish the store of a job whose partitions are done, or make one store of several"

_DESCRIPTION = """\
With -o OUT: makes one store of several, in the order in which they are named. Their files get second names
(hard links; copies where OUT lies on another file system, which is told), and no token is touched. Stores may
lie here and at URLs: what is fetched is compared with its checksums; of an OUT at a URL the service copies
what lies in its bucket, and the rest goes through this machine. Tokenizer, type of the tokens,
special ids, templates, masks and columns must be the same. OUT says which documents come from where, and has
the rejects of all. Killed at any moment, the same command goes on.

Without -o: writes store.json of a tokenize job of which all units are done; no token is copied. Whoever makes
the last unit does so already: this is for a job whose last process was killed in between, and tells what is
missing.

Exit status 1 says that units are missing, which are printed as Slurm's --array has them, or that more was
rejected than --max-rejects.
"""
_EPILOG = """\
examples:
  pypack merge crawl.store
  pypack merge january.store february.store -o winter.store
  pypack merge january.store s3://lake/february.store -o winter.store
  pypack merge s3://lake/january.store s3://lake/february.store -o s3://lake/winter.store
  sbatch --array=$(pypack merge crawl.store --missing) job.sh
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `pypack merge`."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    parser.add_argument(
        "path", nargs="+", type=place, metavar="STORE",
        help="stores; without -o the OUT of pypack tokenize",
    )  # fmt: skip
    parser.add_argument("-o", "--output", type=place, metavar="OUT", help="the store to make of several")
    parser.add_argument(
        "--missing", action="store_true", help="write nothing, print the numbers of the missing units alone"
    )
    parser.add_argument(
        "--max-rejects", type=reject_limit, metavar="N|P%",
        help="exit with status 1 if more documents of the whole job were rejected (default: no limit)",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Finishes the store, or makes one of several; returns the exit status."""
    if args.output is not None:
        return _merge_stores(args)
    if len(args.path) > 1:
        raise UsageError("several stores become one with -o OUT; without it, name one unfinished store")
    (path,) = args.path
    from pypack.jobs.description import read_description
    from pypack.jobs.merge import MissingUnitsError, merge, missing_units
    from pypack.jobs.open_place import place_at
    from pypack.jobs.reject_limit import too_many
    from pypack.jobs.slurm import array_syntax
    from pypack.store.format import REJECTED_FILE

    where = place_at(path)
    job = read_description(where)
    if job is None:
        raise UsageError(f"{path}: holds no job (it has no job.json)")
    if args.missing:
        print(array_syntax(missing_units(where, job)))
        return 0
    try:
        info = merge(where, job)
    except MissingUnitsError as error:
        if args.json:
            print(json.dumps({"error": str(error), "missing_units": error.numbers, "exit_status": 1}))
        print(f"pypack merge: {error}", file=sys.stderr)
        return 1
    fault = None
    if args.max_rejects is not None:
        read = info.documents + sum(info.counts.get("passed_over", {}).values())
        fault = too_many(args.max_rejects, info.counts["rejected"], read, where.file(REJECTED_FILE))
    status = 1 if fault else 0
    values = {"documents": info.documents, "tokens": info.tokens, "shards": len(info.shards)}
    counts = f"{counted(info.documents, 'document')}, {counted(info.tokens, 'token')}"
    found = {"path": str(path), **values, **({"error": fault} if fault else {}), "exit_status": status}
    tell_result(args, found, f"{path}: {counts} in {counted(len(info.shards), 'shard')}")
    if fault:
        print(f"pypack merge: {fault}", file=sys.stderr)
    return status


def _merge_stores(args: argparse.Namespace) -> int:
    from pypack.jobs.store_merge import merge_stores

    if args.missing or args.max_rejects is not None:
        raise UsageError("-o makes one store of finished ones: --missing and --max-rejects are for a job")
    if len(args.path) < 2:
        raise UsageError("-o makes one store of several: name two or more")

    def say(message: str) -> None:
        args.events.write("message", message=message)
        if not args.quiet or message.startswith("warning:"):
            print(f"pypack merge: {message}", file=sys.stderr)

    made = merge_stores(args.path, args.output, on_message=say)
    info = made.store.info
    assert info is not None
    found = {
        "path": str(args.output),
        "documents": info.documents,
        "tokens": info.tokens,
        "shards": len(info.shards),
        "linked": made.linked,
        "copied": made.copied,
        "copied_bytes": made.copied_bytes,
        "rejected": made.rejected,
        "doubled_inputs": made.doubled_inputs,
        "has_job": made.has_job,
        "merged": info.counts["merged"],
        "exit_status": 0,
    }
    lines = [
        f"{args.output}: {counted(info.documents, 'document')}, {counted(info.tokens, 'token')} in "
        f"{counted(len(info.shards), 'shard')} of {counted(len(args.path), 'store')}"
    ]
    if made.rejected:
        kinds = ", ".join(f"{kind} {count:,}" for kind, count in made.rejected.items())
        lines.append(f"  rejected: {sum(made.rejected.values()):,} ({kinds}), listed in its rejected.jsonl")
    tell_result(args, found, "\n".join(lines))
    return 0
